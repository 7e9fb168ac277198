//! The conformance suite of Mintaka's storage contract: what every backend is held to.
//!
//! A backend's author gives a [`Provision`], a way to make empty stores, and gets one named test per promise:
//!
//! ```ignore
//! // tests/conformance.rs, with `harness = false`
//! mintaka_conformance::main!(mintaka_conformance::in_directory(|dir| async move { open(dir).await }));
//! ```
//!
//! - [`clause`]: the contract, sentence by sentence;
//! - [`cases`]: what shows that a clause is kept, as plain functions over a [`Lab`];
//! - [`model`]: random histories on a backend and on the reference, compared step by step.
//!
//! Stores that break a promise, each of which the cases must catch, are a crate of their own, `mintaka-mutants`.

pub mod cases;
pub mod clause;
pub mod lab;
pub mod model;
mod provision;
mod runner;
mod sample;
mod tailer;

pub use lab::Lab;
pub use provision::{Provision, Site, in_directory, in_memory, in_process};
pub use runner::{run, run_case, run_case_within};
pub use tailer::Tailer;

/// The `main` of a test target with `harness = false`: runs the whole suite on what the expression provides.
#[macro_export]
macro_rules! main {
    ($provision:expr) => {
        fn main() -> ::std::process::ExitCode {
            $crate::run($provision)
        }
    };
}
