//! The rules of transitions: pure functions over a snapshot, in ordered lists called policies.
//!
//! [`judge`] is the engine. [`FlowPolicy`] and [`TaskPolicy`] are the lists; `flow`, `task` and `both` hold the rules, one a
//! function; `bookkeeping` is what every written state does to the row of its run.

mod bookkeeping;
mod both;
mod course;
mod engine;
mod flow;
mod policies;
mod retry_delay;
mod rule;
mod task;
mod types;

pub use course::Course;
pub use engine::{Case, Verdict, judge, needs};
pub use policies::{FlowPolicy, TaskPolicy};
pub use rule::{
    After, Afterwards, Before, Effect, Exit, FlowAround, Moment, Need, Outcome, Rule, Ruling, Run, TaskAround,
    Unjudgeable, View,
};
pub use types::Types;
