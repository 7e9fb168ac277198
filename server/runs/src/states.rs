//! `/flow_run_states` and `/task_run_states`: the history of runs.

use mintaka_api_filters::wire::Plain;
use mintaka_core::records::{FlowRunState, TaskRunState, flow_run_state, task_run_state};
use mintaka_core::{Col, Direction, Error, Filter, Query, Record};
use mintaka_http::{ApiError, Ctx, Out, read};
use mintaka_orchestration::State;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query as Param};
use uuid::Uuid;

use crate::Chapter;

/// More states than any run has.
const ALL: u64 = 100_000;

// wire W2.8: an unknown state of a task run is answered in the same words.
const WHAT: &str = "Flow run state";

/// The states of one flow run, oldest first.
pub(crate) async fn of_flow_run(ctx: &Ctx, id: Uuid) -> Result<Vec<State>, ApiError> {
    history::<FlowRunState>(ctx, flow_run_state::flow_run_id, flow_run_state::timestamp, id).await
}

async fn history<R>(ctx: &Ctx, run_id: Col, timestamp: Col, id: Uuid) -> Result<Vec<State>, ApiError>
where
    R: Record,
    State: TryFrom<R, Error = Error>,
{
    let query = Query::of(R::TABLE).filter(Filter::eq(run_id, id)).order(timestamp, Direction::Asc).limit(ALL);
    let rows = ctx.reader.select::<R>(query).await?;
    rows.into_iter().map(|row| State::try_from(row.record).map_err(ApiError::from)).collect()
}

fn all(states: Vec<State>) -> Out<Vec<Plain<State>>> {
    Out(states.into_iter().map(Plain).collect())
}

/// `/flow_run_states/`
#[derive(Clone)]
pub(crate) struct FlowRunStatesRoot {
    pub(crate) ctx: Ctx,
}

#[OpenApi(prefix_path = "/flow_run_states/", tag = "Chapter::FlowRunStates")]
impl FlowRunStatesRoot {
    /// The states of a flow run, oldest first.
    #[oai(path = "/", method = "get", operation_id = "read_flow_run_states")]
    async fn read_flow_run_states(&self, flow_run_id: Param<Uuid>) -> Result<Out<Vec<Plain<State>>>, ApiError> {
        of_flow_run(&self.ctx, flow_run_id.0).await.map(all)
    }
}

/// `/flow_run_states`
#[derive(Clone)]
pub(crate) struct FlowRunStates {
    pub(crate) ctx: Ctx,
}

#[OpenApi(prefix_path = "/flow_run_states", tag = "Chapter::FlowRunStates")]
impl FlowRunStates {
    /// A state of a flow run.
    #[oai(path = "/:id", method = "get", operation_id = "read_flow_run_state")]
    async fn read_flow_run_state(&self, id: Path<Uuid>) -> Result<Out<Plain<State>>, ApiError> {
        Ok(Out(Plain(read::<FlowRunState>(&self.ctx, id.0, WHAT).await?.record.try_into()?)))
    }
}

/// `/task_run_states/`
#[derive(Clone)]
pub(crate) struct TaskRunStatesRoot {
    pub(crate) ctx: Ctx,
}

#[OpenApi(prefix_path = "/task_run_states/", tag = "Chapter::TaskRunStates")]
impl TaskRunStatesRoot {
    /// The states of a task run, oldest first.
    #[oai(path = "/", method = "get", operation_id = "read_task_run_states")]
    async fn read_task_run_states(&self, task_run_id: Param<Uuid>) -> Result<Out<Vec<Plain<State>>>, ApiError> {
        let (run_id, timestamp) = (task_run_state::task_run_id, task_run_state::timestamp);
        history::<TaskRunState>(&self.ctx, run_id, timestamp, task_run_id.0).await.map(all)
    }
}

/// `/task_run_states`
#[derive(Clone)]
pub(crate) struct TaskRunStates {
    pub(crate) ctx: Ctx,
}

#[OpenApi(prefix_path = "/task_run_states", tag = "Chapter::TaskRunStates")]
impl TaskRunStates {
    /// A state of a task run.
    #[oai(path = "/:id", method = "get", operation_id = "read_task_run_state")]
    async fn read_task_run_state(&self, id: Path<Uuid>) -> Result<Out<Plain<State>>, ApiError> {
        Ok(Out(Plain(read::<TaskRunState>(&self.ctx, id.0, WHAT).await?.record.try_into()?)))
    }
}
