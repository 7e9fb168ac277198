//! mintaka-api-runs
