//! mintaka-services
