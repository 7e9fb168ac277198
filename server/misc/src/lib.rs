//! mintaka-api-misc
