//! The reference backend keeps the contract.

use std::sync::Arc;

use mintaka_core::Backend;
use mintaka_core::memory::MemoryStore;

mintaka_conformance::main!(mintaka_conformance::in_process(|| async {
    Ok(Arc::new(MemoryStore::new()) as Arc<dyn Backend>)
}));
