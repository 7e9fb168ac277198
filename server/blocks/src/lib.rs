//! mintaka-api-blocks
