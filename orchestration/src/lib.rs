//! Orchestration: what may happen to a run, and the operations of the domain over a store.

pub mod ops;
