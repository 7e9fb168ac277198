//! mintaka-sqlite
