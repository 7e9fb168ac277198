//! mintaka-backends
