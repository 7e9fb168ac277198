//! Orchestration: what may happen to a run, and the operations of the domain over a store.

pub mod caller;
mod each_once;
pub mod error;
mod names;
mod object;
mod operations;
pub mod ops;
pub mod parameters;
pub mod rules;
mod run_policy;
pub mod secrets;
mod state;
mod verdict;

pub use caller::{API_VERSION, Caller, ClientLine, parse_version};
pub use error::OpError;
pub use names::random_name;
pub use operations::Operations;
pub use run_policy::{FlowRunPolicy, RetryDelay, RetryType, TaskRunPolicy};
pub use state::{Proposed, State, StateDetails};
pub use verdict::{Details, Status};
