//! mintaka-api-events
