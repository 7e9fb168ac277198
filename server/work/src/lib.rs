//! mintaka-api-work
