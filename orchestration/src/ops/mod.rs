//! Operations of the domain, one a file.

pub mod agents;
pub mod blocks;
pub mod cascade;
mod create_run;
pub mod deployment_run;
pub mod deployments;
mod deserted_runs;
pub mod due_runs;
mod edit;
pub mod event_index;
mod event_labels;
pub mod events;
pub mod flow_run_event;
pub mod flow_runs;
pub mod lifecycle_events;
pub mod liveness;
mod optimistic;
pub mod parameters_edit;
pub mod placement;
pub mod schedule_runs;
pub mod status_events;
mod sweep;
pub mod task_run_events;
mod task_run_run_time;
mod transition;
mod transition_flow_run;
mod transition_task_run;
mod turns;
pub mod work_pools;
pub mod work_queues;

pub use create_run::{Created, NewFlowRun, NewTaskRun, create_flow_run, create_task_run};
pub use edit::{Edited, edit, edit_telling};
pub use sweep::sweep;
pub use transition::Transitioned;
pub use transition_flow_run::set_flow_run_state;
pub use transition_task_run::set_task_run_state;
