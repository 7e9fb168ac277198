//! mintaka-server
