//! mintaka-benches
