//! Several flows or flow runs at a time.

use mintaka_api_filters::wire::{Documented, Plain, object};
use mintaka_api_filters::{Filters, FlowFilter, FlowRunFilter};
use mintaka_core::records::{Flow, FlowRun, flow, flow_run};
use mintaka_core::{Direction, Filter};
use mintaka_http::{ApiError, Client, Ctx, Exact, Out, list};
use mintaka_orchestration::ops::flow_runs::delete_flow_runs;
use mintaka_orchestration::ops::flows::delete_flow;
use mintaka_orchestration::ops::set_flow_run_state;
use mintaka_orchestration::{Details, Proposed, Status};
use poem_openapi::registry::MetaSchema;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use uuid::Uuid;

use crate::Chapter;
use crate::set_state::{Orchestrated, policy};

/// wire W7.9: the greatest number of rows of one call, and the default.
const MAX: u64 = 50;

/// Which flows to delete.
#[derive(Debug, Object)]
pub(crate) struct FlowsToDelete {
    flows: Option<FlowFilter>,
    /// At most so many, 1 to 50; 50 if absent.
    #[oai(validator(minimum(value = "1"), maximum(value = "50")))]
    limit: Option<u64>,
}

/// Which flow runs to delete.
#[derive(Debug, Object)]
pub(crate) struct FlowRunsToDelete {
    flow_runs: Option<FlowRunFilter>,
    /// At most so many, 1 to 50; 50 if absent.
    #[oai(validator(minimum(value = "1"), maximum(value = "50")))]
    limit: Option<u64>,
}

/// Which flow runs shall enter which state.
#[derive(Debug, Object)]
pub(crate) struct FlowRunsToSet {
    flow_runs: Option<FlowRunFilter>,
    /// The state.
    #[oai(write_only)]
    state: Plain<Proposed>,
    /// Whether most rules are passed over.
    #[oai(default)]
    force: bool,
    /// At most so many, 1 to 50; 50 if absent.
    #[oai(validator(minimum(value = "1"), maximum(value = "50")))]
    limit: Option<u64>,
}

/// What was deleted.
#[derive(Debug, Object, Serialize)]
pub(crate) struct BulkDeleted {
    /// Identifiers.
    deleted: Vec<Uuid>,
}

/// What became of each proposal.
#[derive(Debug, Serialize)]
pub(crate) struct SetResults {
    results: Vec<SetResult>,
}

#[derive(Debug, Serialize)]
struct SetResult {
    flow_run_id: Uuid,
    #[serde(flatten)]
    outcome: Orchestrated,
}

impl Documented for SetResults {
    const NAME: &'static str = "FlowRunBulkSetStateResponse";
    fn schema() -> MetaSchema {
        object(&[("results", "[]")], &["results"])
    }
}

/// The bulk operations.
#[derive(Clone)]
pub(crate) struct Bulk {
    pub(crate) ctx: Ctx,
}

impl Bulk {
    async fn flow_runs(
        &self,
        client: &Client,
        flow_runs: Option<FlowRunFilter>,
        limit: Option<u64>,
    ) -> Result<(Vec<Uuid>, Filter), ApiError> {
        let filter = Filters { flow_runs, ..Filters::default() }.for_flow_runs(client);
        let order = vec![(flow_run::id, Direction::Desc)];
        let runs = list::<FlowRun>(&self.ctx, filter.clone(), order, (limit.unwrap_or(MAX), 0)).await?;
        Ok((runs.into_iter().map(|run| run.id).collect(), filter))
    }
}

#[OpenApi]
impl Bulk {
    /// Deletes flows with their deployments and runs.
    #[oai(path = "/flows/bulk_delete", method = "post", operation_id = "bulk_delete_flows", tag = "Chapter::Flows")]
    async fn bulk_delete_flows(
        &self,
        client: Client,
        body: Exact<FlowsToDelete>,
    ) -> Result<Out<BulkDeleted>, ApiError> {
        let Exact(FlowsToDelete { flows, limit }) = body;
        let filter: Filter = Filters { flows, ..Filters::default() }.for_flows(&client);
        let order = vec![(flow::name, Direction::Asc)];
        let found = list::<Flow>(&self.ctx, filter.clone(), order, (limit.unwrap_or(MAX), 0)).await?;
        let mut deleted = Vec::new();
        for id in found.into_iter().map(|flow| flow.id) {
            if delete_flow(&self.ctx.ops, id, Some(&filter), client.by.line).await? {
                deleted.push(id);
            }
        }
        Ok(Out(BulkDeleted { deleted }))
    }

    /// Deletes flow runs with their task runs and logs.
    #[oai(
        path = "/flow_runs/bulk_delete",
        method = "post",
        operation_id = "bulk_delete_flow_runs",
        tag = "Chapter::FlowRuns"
    )]
    async fn bulk_delete_flow_runs(
        &self,
        client: Client,
        body: Exact<FlowRunsToDelete>,
    ) -> Result<Out<BulkDeleted>, ApiError> {
        let Exact(FlowRunsToDelete { flow_runs, limit }) = body;
        let (found, filter) = self.flow_runs(&client, flow_runs, limit).await?;
        let deleted = delete_flow_runs(&self.ctx.ops, found, filter).await?;
        Ok(Out(BulkDeleted { deleted }))
    }

    /// Proposes a state for flow runs, one after the other.
    #[oai(
        path = "/flow_runs/bulk_set_state",
        method = "post",
        operation_id = "bulk_set_flow_run_state",
        tag = "Chapter::FlowRuns"
    )]
    async fn bulk_set_flow_run_state(
        &self,
        client: Client,
        body: Exact<FlowRunsToSet>,
    ) -> Result<Out<Plain<SetResults>>, ApiError> {
        let Exact(FlowRunsToSet { flow_runs, state, force, limit }) = body;
        let mut results = Vec::new();
        for flow_run_id in self.flow_runs(&client, flow_runs, limit).await?.0 {
            let done = set_flow_run_state(&self.ctx.ops, flow_run_id, state.0.clone(), policy(force), &client.by).await;
            let outcome = match done {
                Ok(done) => Orchestrated { state: done.state, status: done.status, details: done.details },
                Err(error) => {
                    let details = Details::Abort { reason: Some(error.to_string()) };
                    Orchestrated { state: None, status: Status::Abort, details }
                }
            };
            results.push(SetResult { flow_run_id, outcome });
        }
        Ok(Out(Plain(SetResults { results })))
    }
}
