//! Operations of the domain, one a file.

mod create_run;
pub mod due_runs;
mod edit;
mod flow_run_event;
pub mod liveness;
pub mod schedule_runs;
mod sweep;
mod task_run_events;
mod transition;
mod transition_flow_run;
mod transition_task_run;

pub use create_run::{Created, NewFlowRun, NewTaskRun, create_flow_run, create_task_run};
pub use edit::{Edited, edit};
pub use flow_run_event::{Related, flow_run_event, related};
pub use sweep::sweep;
pub use task_run_events::{TaskRunEvent, append, batch_for};
pub use transition::Transitioned;
pub use transition_flow_run::set_flow_run_state;
pub use transition_task_run::set_task_run_state;
