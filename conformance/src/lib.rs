//! mintaka-conformance
