//! `/ui`: what the web UI asks about runs.

use std::collections::BTreeMap;

use mintaka_api_filters::leaf::{StateFilter, StateTypeFilter};
use mintaka_api_filters::wire::Plain;
use mintaka_api_filters::{Filters, TaskRunFilter, WorkQueueFilter, run_time, start_delta, task_run_view};
use mintaka_core::records::{Deployment, FlowRun, StateType, TaskRun, deployment, flow_run, task_run};
use mintaka_core::{Aggregate, Col, Direction, Each, Filter, Group, Query, Record, Table, Time, Value};
use mintaka_http::{ApiError, Choice, Client, Ctx, Input, Nullable, Out, View, When, list, read, refuse_past};
use mintaka_orchestration::State;
use poem_openapi::param::Path;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use uuid::Uuid;

use crate::Chapter;
use crate::flow_runs::FlowRunSort;
use crate::task_runs::WHAT;

/// wire W8.3: the greatest and default length of a history.
const MAX_HISTORY: u64 = 1000;
/// wire W8.4: the bars of the dashboard.
const BARS: i64 = 20;
const MINUTE: i64 = 60_000_000;

/// Which flow runs, in which order.
#[derive(Debug, Object)]
pub(crate) struct UiHistoryQuery {
    #[oai(flatten)]
    filters: Filters,
    /// By expected start, latest first, if absent.
    sort: Option<FlowRunSort>,
    /// At most so many, 1000 if absent.
    limit: Option<i64>,
    /// Skip so many.
    #[oai(default)]
    offset: u64,
}

/// A flow run as a dot.
#[derive(Debug, Object, Serialize)]
pub(crate) struct SimpleFlowRun {
    /// Identifier.
    id: Uuid,
    /// Type of its state.
    state_type: Option<Choice<StateType>>,
    /// When it started, or is expected to.
    timestamp: When,
    /// Seconds in RUNNING.
    duration: f64,
    /// Seconds by which it is late.
    lateness: f64,
}

/// The next flow run of a flow.
#[derive(Debug, Object, Serialize)]
pub(crate) struct SimpleNextFlowRun {
    /// Identifier.
    id: Uuid,
    /// The flow.
    flow_id: Uuid,
    /// Name.
    name: String,
    /// Name of its state.
    state_name: Option<String>,
    /// Type of its state.
    state_type: Option<Choice<StateType>>,
    /// When it shall start.
    next_scheduled_start_time: Option<When>,
}

/// Some flows.
#[derive(Debug, Object)]
pub(crate) struct SomeFlows {
    /// At most 200.
    #[oai(validator(max_items = 200))]
    flow_ids: Vec<Uuid>,
}

/// Some flow runs.
#[derive(Debug, Object)]
pub(crate) struct SomeFlowRuns {
    /// At most 200.
    #[oai(validator(max_items = 200))]
    flow_run_ids: Vec<Uuid>,
}

/// Which task runs the dashboard counts.
#[derive(Debug, Object)]
pub(crate) struct DashboardQuery {
    #[oai(flatten)]
    filters: Filters,
    /// Of work queues.
    work_queues: Option<WorkQueueFilter>,
}

/// A bar of the dashboard.
#[derive(Clone, Copy, Debug, Default, Object, Serialize)]
pub(crate) struct TaskRunCount {
    /// Ended otherwise.
    completed: i64,
    /// Failed or crashed.
    failed: i64,
}

/// What a task run is answered with besides its record, for the web UI.
#[derive(Clone, Debug, Object, Serialize)]
#[oai(rename = "UITaskRun", read_only_all)]
pub(crate) struct UiTaskRunExtra {
    /// The state that it is in.
    state: Option<Plain<State>>,
    /// Seconds in RUNNING so far, with the interval that still runs.
    estimated_run_time: f64,
    /// Seconds by which it started late, or is late by now.
    estimated_start_time_delta: f64,
    /// Name of the flow run around it.
    flow_run_name: Option<String>,
}

/// `/ui`
#[derive(Clone)]
pub(crate) struct Ui {
    pub(crate) ctx: Ctx,
}

#[OpenApi(prefix_path = "/ui", tag = "Chapter::Ui")]
impl Ui {
    /// Flow runs as dots.
    #[oai(path = "/flow_runs/history", method = "post", operation_id = "ui_flow_run_history")]
    async fn ui_flow_run_history(
        &self,
        client: Client,
        body: Input<UiHistoryQuery>,
    ) -> Result<Out<Vec<SimpleFlowRun>>, ApiError> {
        let limit = refuse_past(body.limit, MAX_HISTORY)?;
        let latest_first = || vec![(flow_run::expected_start_time, Direction::Desc)];
        let order = body.sort.map_or_else(latest_first, FlowRunSort::order);
        let filter = body.filters.for_flow_runs(&client);
        let runs = list::<FlowRun>(&self.ctx, filter, order, (limit, body.offset)).await?;
        let now = self.ctx.reader.now();
        let dot = |run: FlowRun| {
            Some(SimpleFlowRun {
                id: run.id,
                state_type: run.state_type.map(Choice),
                timestamp: When(run.start_time.or(run.expected_start_time)?),
                duration: run_time(run.total_run_time, run.state_type, run.state_timestamp, now),
                lateness: start_delta(run.start_time, run.expected_start_time, run.state_type, now),
            })
        };
        Ok(Out(runs.into_iter().filter_map(|seen| dot(seen.record)).collect()))
    }

    /// How many task runs some flow runs have, without those that stand for flow runs.
    #[oai(path = "/flow_runs/count-task-runs", method = "post", operation_id = "ui_count_task_runs")]
    async fn ui_count_task_runs(&self, body: Input<SomeFlowRuns>) -> Result<Out<BTreeMap<String, i64>>, ApiError> {
        let is_subflow = Filter::has(task_run::id, flow_run::parent_task_run_id, Filter::all());
        self.counts(&task_run::TABLE, task_run::flow_run_id, &body.flow_run_ids, is_subflow.negate()).await
    }

    /// How many deployments some flows have.
    #[oai(path = "/flows/count-deployments", method = "post", operation_id = "ui_count_deployments")]
    async fn ui_count_deployments(&self, body: Input<SomeFlows>) -> Result<Out<BTreeMap<String, i64>>, ApiError> {
        self.counts(Deployment::TABLE, deployment::flow_id, &body.flow_ids, Filter::all()).await
    }

    /// The scheduled run of some flows that is next.
    #[oai(path = "/flows/next-runs", method = "post", operation_id = "ui_next_runs")]
    async fn ui_next_runs(
        &self,
        body: Input<SomeFlows>,
    ) -> Result<Out<BTreeMap<String, Nullable<SimpleNextFlowRun>>>, ApiError> {
        let each =
            Each { column: flow_run::flow_id, values: body.flow_ids.iter().copied().map(Value::Uuid).collect(), k: 1 };
        let mut query = Query::of(&flow_run::TABLE)
            .filter(Filter::eq(flow_run::state_type, StateType::Scheduled))
            .order(flow_run::next_scheduled_start_time, Direction::Asc);
        query.each = Some(each);
        let runs = self.ctx.reader.select::<FlowRun>(query).await?;
        let mut next: BTreeMap<String, Nullable<SimpleNextFlowRun>> =
            body.flow_ids.iter().map(|id| (id.to_string(), Nullable(None))).collect();
        for run in runs.into_iter().map(|seen| seen.record) {
            let shown = SimpleNextFlowRun {
                id: run.id,
                flow_id: run.flow_id,
                name: run.name,
                state_name: run.state_name,
                state_type: run.state_type.map(Choice),
                next_scheduled_start_time: run.next_scheduled_start_time.map(When),
            };
            next.insert(run.flow_id.to_string(), Nullable(Some(shown)));
        }
        Ok(Out(next))
    }

    /// How many task runs are in a state of each type.
    #[oai(path = "/task_runs/count", method = "post", operation_id = "ui_count_task_runs_by_state")]
    async fn ui_count_task_runs_by_state(
        &self,
        client: Client,
        body: Input<Filters>,
    ) -> Result<Out<BTreeMap<String, i64>>, ApiError> {
        let by_type = Aggregate {
            by: vec![Group::Column(task_run::state_type)],
            limit: 100,
            ..Aggregate::count(&task_run::TABLE, body.for_task_runs(&client))
        };
        let mut counts: BTreeMap<String, i64> = StateType::ALL.iter().map(|t| (t.to_string(), 0)).collect();
        for row in self.ctx.reader.aggregate(by_type).await? {
            if let [Value::Text(state_type), Value::Int(count)] = row.as_slice() {
                counts.insert(state_type.clone(), *count);
            }
        }
        Ok(Out(counts))
    }

    /// Ended task runs in 20 equal spans of time.
    #[oai(path = "/task_runs/dashboard/counts", method = "post", operation_id = "ui_dashboard_task_run_counts")]
    async fn ui_dashboard_task_run_counts(
        &self,
        client: Client,
        body: Input<DashboardQuery>,
    ) -> Result<Out<Vec<TaskRunCount>>, ApiError> {
        let Input(DashboardQuery { mut filters, work_queues }) = body;
        filters.work_pool_queues = work_queues;
        let task_runs = filters.task_runs.get_or_insert_default();
        let Some((after, before)) = task_runs.start_time.as_ref().and_then(|t| Some((t.after_?, t.before_))) else {
            return Err(ApiError::unprocessable("task_runs.start_time.after_ is required"));
        };
        ended(task_runs);
        let origin = Time::from_micros(after.0.micros().div_euclid(MINUTE) * MINUTE);
        let last = before.map_or_else(|| self.ctx.reader.now(), |time| time.0);
        let end = (last.micros().div_euclid(MINUTE) + 1) * MINUTE;
        let width = ((end - origin.micros()) / BARS).max(1);
        let counted = Aggregate {
            by: vec![
                Group::Bucket { column: task_run::start_time, origin, width },
                Group::Column(task_run::state_type),
            ],
            limit: 1000,
            ..Aggregate::count(&task_run::TABLE, filters.for_task_runs_of_pools(&client))
        };
        let mut bars = [TaskRunCount::default(); BARS as usize];
        for row in self.ctx.reader.aggregate(counted).await? {
            let [Value::Int(bar), Value::Text(state_type), Value::Int(count)] = row.as_slice() else { continue };
            let Some(bar) = usize::try_from((*bar).min(BARS - 1)).ok().and_then(|bar| bars.get_mut(bar)) else {
                continue;
            };
            match StateType::parse(state_type) {
                Some(StateType::Failed | StateType::Crashed) => bar.failed += count,
                _ => bar.completed += count,
            }
        }
        Ok(Out(bars.to_vec()))
    }

    /// The task run of an id, with the name of its flow run.
    #[oai(path = "/task_runs/:id", method = "get", operation_id = "ui_read_task_run")]
    async fn ui_read_task_run(&self, id: Path<Uuid>) -> Result<Out<View<TaskRun, UiTaskRunExtra>>, ApiError> {
        let run = read::<TaskRun>(&self.ctx, id.0, WHAT).await?;
        let flow_run = match run.flow_run_id {
            Some(id) => self.ctx.reader.get::<FlowRun>(id).await?,
            None => None,
        };
        let View { record, extra } = task_run_view(&self.ctx, run).await?;
        let extra = UiTaskRunExtra {
            state: extra.state,
            estimated_run_time: extra.estimated_run_time,
            estimated_start_time_delta: extra.estimated_start_time_delta,
            flow_run_name: flow_run.map(|run| run.record.name),
        };
        Ok(Out(View { record, extra }))
    }
}

/// Only those that have ended, whatever was asked about their states.
fn ended(task_runs: &mut TaskRunFilter) {
    let types = StateType::ALL.iter().copied().filter(|state| state.is_terminal()).map(Choice).collect();
    let kind = StateTypeFilter { any_: Some(types), ..StateTypeFilter::default() };
    task_runs.state = Some(StateFilter { kind: Some(kind), ..StateFilter::default() });
}

impl Ui {
    /// How many rows of a table that meet a filter each of some ids has; 0 for those that have none.
    async fn counts(
        &self,
        table: &'static Table,
        column: Col,
        ids: &[Uuid],
        filter: Filter,
    ) -> Result<Out<BTreeMap<String, i64>>, ApiError> {
        let of_ids = Filter::any(column, ids.iter().copied()).and(filter);
        let grouped =
            Aggregate { by: vec![Group::Column(column)], limit: ids.len() as u64, ..Aggregate::count(table, of_ids) };
        let mut counts: BTreeMap<String, i64> = ids.iter().map(|id| (id.to_string(), 0)).collect();
        for row in self.ctx.reader.aggregate(grouped).await? {
            if let [Value::Uuid(id), Value::Int(count)] = row.as_slice() {
                counts.insert(id.to_string(), *count);
            }
        }
        Ok(Out(counts))
    }
}
