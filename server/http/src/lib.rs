//! mintaka-http
