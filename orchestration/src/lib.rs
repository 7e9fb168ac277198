//! mintaka-orchestration
