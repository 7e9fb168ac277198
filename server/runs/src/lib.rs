//! The resources of runs: flows, flow runs and task runs, their states, logs, inputs and artifacts, and what the web UI
//! asks about them. One file per resource.

mod artifacts;
mod bulk;
mod flow_run_inputs;
mod flow_runs;
mod flows;
mod graph;
mod graph_edges;
mod history;
mod logs;
mod resume;
mod saved_searches;
mod set_state;
mod states;
mod task_runs;
mod ui;

use mintaka_http::Ctx;
use poem_openapi::{OpenApi, Tags};

/// Chapters of the API's document.
#[derive(Tags)]
enum Chapter {
    /// Names under which runs and deployments are kept.
    Flows,
    /// Runs of flows.
    #[oai(rename = "Flow Runs")]
    FlowRuns,
    /// Runs of tasks.
    #[oai(rename = "Task Runs")]
    TaskRuns,
    /// The history of flow runs.
    #[oai(rename = "Flow Run States")]
    FlowRunStates,
    /// The history of task runs.
    #[oai(rename = "Task Run States")]
    TaskRunStates,
    /// What runs logged.
    Logs,
    /// What runs show to people.
    Artifacts,
    /// Filters with a name.
    SavedSearches,
    /// What the web UI asks.
    #[oai(rename = "UI")]
    Ui,
}

/// All of this crate's resources.
pub fn apis(ctx: &Ctx) -> impl OpenApi + Clone + use<> {
    let ctx = || ctx.clone();
    (
        (flows::FlowsRoot { ctx: ctx() }, flows::Flows { ctx: ctx() }),
        (flow_runs::FlowRunsRoot { ctx: ctx() }, flow_runs::FlowRuns { ctx: ctx() }),
        (task_runs::TaskRunsRoot { ctx: ctx() }, task_runs::TaskRuns { ctx: ctx() }),
        (bulk::Bulk { ctx: ctx() }, resume::Resume { ctx: ctx() }, set_state::SetState { ctx: ctx() }),
        (graph::Graphs { ctx: ctx() }, history::Histories { ctx: ctx() }, flow_run_inputs::Inputs { ctx: ctx() }),
        (states::FlowRunStatesRoot { ctx: ctx() }, states::FlowRunStates { ctx: ctx() }),
        (states::TaskRunStatesRoot { ctx: ctx() }, states::TaskRunStates { ctx: ctx() }),
        (logs::LogsRoot { ctx: ctx() }, logs::Logs { ctx: ctx() }, logs::FlowRunLogs { ctx: ctx() }),
        (artifacts::ArtifactsRoot { ctx: ctx() }, artifacts::Artifacts { ctx: ctx() }),
        (saved_searches::SavedSearchesRoot { ctx: ctx() }, saved_searches::SavedSearches { ctx: ctx() }),
        ui::Ui { ctx: ctx() },
    )
}
