//! The reference backend keeps the contract.

mintaka_conformance::main!(mintaka_conformance::in_memory());
