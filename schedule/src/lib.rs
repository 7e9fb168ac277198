//! mintaka-schedule
