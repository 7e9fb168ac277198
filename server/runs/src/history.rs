//! Histories of runs in time buckets, and how late runs are on average: computed by the store.

use std::collections::BTreeMap;

use mintaka_api_filters::{Filters, WorkQueueFilter};
use mintaka_core::records::{StateType, flow_run, task_run};
use mintaka_core::{Aggregate, Cmp, Col, Filter, Group, Measure, Table, Time, Value};
use mintaka_http::{ApiError, Choice, Client, Ctx, Duration, Input, Nullable, Out, When};
use poem_openapi::{Object, OpenApi};
use serde::{Serialize, Serializer};

use crate::Chapter;

/// wire W8.1: the greatest number of buckets; later ones are cut.
const MAX_BUCKETS: i64 = 500;
/// More groups than there are buckets and kinds of states.
const MAX_GROUPS: u64 = 100_000;

/// Which runs, over which time.
#[derive(Debug, Object)]
pub(crate) struct HistoryQuery {
    #[oai(flatten)]
    filters: Filters,
    /// Of work queues.
    work_queues: Option<WorkQueueFilter>,
    /// Start of the first bucket.
    history_start: When,
    /// End of the last bucket, which may reach past it.
    history_end: When,
    /// Width of a bucket, at least 1 second.
    history_interval_seconds: Duration,
}

/// One bucket.
#[derive(Debug, Object, Serialize)]
pub(crate) struct HistoryResponse {
    /// Start, inclusive.
    #[serde(serialize_with = "with_offset")]
    interval_start: When,
    /// End, exclusive.
    #[serde(serialize_with = "with_offset")]
    interval_end: When,
    /// Runs by state.
    states: Vec<HistoryResponseState>,
}

/// An instant that ends in `+00:00`. (wire W2.5: 2.x; the 3.x line reads both)
fn with_offset<S: Serializer>(at: &When, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&at.0.to_chrono().to_rfc3339())
}

/// The runs of a bucket that are in one state.
#[derive(Debug, Object, Serialize)]
pub(crate) struct HistoryResponseState {
    /// Type of the state.
    state_type: Option<Choice<StateType>>,
    /// Name of the state.
    state_name: Option<String>,
    /// How many.
    count_runs: i64,
    /// Their seconds in RUNNING.
    sum_estimated_run_time: f64,
    /// Their seconds of lateness.
    sum_estimated_lateness: f64,
}

/// What a history reads of one kind of run.
struct Columns {
    table: &'static Table,
    state_type: Col,
    state_name: Col,
    entered: Col,
    run_time: Col,
    start: Col,
    expected: Col,
    delay: Col,
}

const FLOW_RUNS: Columns = Columns {
    table: &flow_run::TABLE,
    state_type: flow_run::state_type,
    state_name: flow_run::state_name,
    entered: flow_run::state_timestamp,
    run_time: flow_run::total_run_time,
    start: flow_run::start_time,
    expected: flow_run::expected_start_time,
    delay: flow_run::start_delay,
};

const TASK_RUNS: Columns = Columns {
    table: &task_run::TABLE,
    state_type: task_run::state_type,
    state_name: task_run::state_name,
    entered: task_run::state_timestamp,
    run_time: task_run::total_run_time,
    start: task_run::start_time,
    expected: task_run::expected_start_time,
    delay: task_run::start_delay,
};

impl Columns {
    /// Runs that have not started and should have by now, among those in one of these states.
    fn late(&self, now: Time, open: &[Option<StateType>]) -> Filter {
        let mut in_state = vec![Filter::any(self.state_type, open.iter().copied().flatten())];
        if open.contains(&None) {
            in_state.push(Filter::IsNull(self.state_type));
        }
        Filter::And(vec![Filter::IsNull(self.start), Filter::cmp(self.expected, Cmp::Lt, now), Filter::Or(in_state)])
    }
}

/// Histories and lateness.
#[derive(Clone)]
pub(crate) struct Histories {
    pub(crate) ctx: Ctx,
}

#[OpenApi]
impl Histories {
    /// Flow runs by time and state.
    #[oai(path = "/flow_runs/history", method = "post", operation_id = "flow_run_history", tag = "Chapter::FlowRuns")]
    async fn flow_run_history(
        &self,
        client: Client,
        body: Input<HistoryQuery>,
    ) -> Result<Out<Vec<HistoryResponse>>, ApiError> {
        let Input(body) = body;
        let filters = Filters { work_pool_queues: body.work_queues.clone(), ..body.filters.clone() };
        self.history(&FLOW_RUNS, filters.for_flow_runs(&client), &body, &client).await
    }

    /// Task runs by time and state.
    #[oai(path = "/task_runs/history", method = "post", operation_id = "task_run_history", tag = "Chapter::TaskRuns")]
    async fn task_run_history(
        &self,
        client: Client,
        body: Input<HistoryQuery>,
    ) -> Result<Out<Vec<HistoryResponse>>, ApiError> {
        let Input(body) = body;
        self.history(&TASK_RUNS, body.filters.for_task_runs(&client), &body, &client).await
    }

    /// Seconds by which flow runs are late on average; null without any.
    #[oai(path = "/flow_runs/lateness", method = "post", operation_id = "flow_run_lateness", tag = "Chapter::FlowRuns")]
    async fn flow_run_lateness(&self, client: Client, body: Input<Filters>) -> Result<Out<Nullable<f64>>, ApiError> {
        let now = self.ctx.reader.now();
        let filter = body.for_flow_runs(&client);
        let started = Aggregate {
            measures: vec![Measure::Count, Measure::Sum(FLOW_RUNS.delay)],
            ..Aggregate::count(FLOW_RUNS.table, filter.clone())
        };
        let open: Vec<_> = open_states().collect();
        let waiting = Aggregate {
            measures: vec![Measure::SumSince(FLOW_RUNS.expected, now)],
            ..Aggregate::count(FLOW_RUNS.table, filter.and(FLOW_RUNS.late(now, &open)))
        };
        let started = self.ctx.reader.aggregate(started).await?.pop().unwrap_or_default();
        let waiting = self.ctx.reader.aggregate(waiting).await?.pop().unwrap_or_default();
        let count = number(started.first());
        let seconds = number(started.get(1)) - number(waiting.first()) / 1e6;
        Ok(Out(Nullable((count > 0.0).then(|| seconds / count))))
    }
}

/// A measure as a number; 0 for the sum of no values.
fn number(value: Option<&Value>) -> f64 {
    match value {
        Some(Value::Int(n)) => *n as f64,
        Some(Value::Float(x)) => *x,
        _ => 0.0,
    }
}

/// The sums of one bucket and state.
#[derive(Default)]
struct Sums {
    count: i64,
    run_time: f64,
    lateness: f64,
}

impl Histories {
    async fn history(
        &self,
        columns: &Columns,
        filter: Filter,
        body: &HistoryQuery,
        client: &Client,
    ) -> Result<Out<Vec<HistoryResponse>>, ApiError> {
        let width = (body.history_interval_seconds.0 * 1e6).round() as i64;
        if width < 1_000_000 {
            return Err(ApiError::unprocessable("History interval must not be less than 1 second."));
        }
        let (start, elapsed) = (body.history_start.0, body.history_end.0.micros() - body.history_start.0.micros());
        // wire W8.1: 2.x answers one bucket for an empty span, 3.x none.
        let least = i64::from(client.is_v2());
        let buckets = (elapsed.max(0) as u64).div_ceil(width as u64) as i64;
        let buckets = buckets.clamp(least, MAX_BUCKETS);
        let end = start.plus_micros(buckets.saturating_mul(width));
        let within =
            filter.and(Filter::cmp(columns.expected, Cmp::Ge, start)).and(Filter::cmp(columns.expected, Cmp::Lt, end));

        let mut by_bucket = self.sums(columns, within, start, width).await?;
        let response = |n: i64| HistoryResponse {
            interval_start: When(start.plus_micros(n * width)),
            interval_end: When(start.plus_micros((n + 1) * width)),
            states: by_bucket.remove(&n).unwrap_or_default(),
        };
        Ok(Out((0..buckets).map(response).collect()))
    }

    async fn sums(
        &self,
        columns: &Columns,
        within: Filter,
        origin: Time,
        width: i64,
    ) -> Result<BTreeMap<i64, Vec<HistoryResponseState>>, ApiError> {
        let now = self.ctx.reader.now();
        let grouped = |filter, measures| Aggregate {
            by: vec![
                Group::Bucket { column: columns.expected, origin, width },
                Group::Column(columns.state_type),
                Group::Column(columns.state_name),
            ],
            measures,
            limit: MAX_GROUPS,
            ..Aggregate::count(columns.table, filter)
        };
        let measures = vec![
            Measure::Count,
            Measure::Sum(columns.run_time),
            Measure::SumSince(columns.entered, now),
            Measure::Sum(columns.delay),
        ];
        let all = self.ctx.reader.aggregate(grouped(within.clone(), measures)).await?;
        // Most runs of the past have ended: what is not there is not looked for.
        let is_there = |state: &Option<StateType>| all.iter().any(|row| state_of(row.get(1)) == *state);
        let open: Vec<_> = open_states().filter(is_there).collect();
        let late = if open.is_empty() {
            Vec::new()
        } else {
            let late = within.and(columns.late(now, &open));
            self.ctx.reader.aggregate(grouped(late, vec![Measure::SumSince(columns.expected, now)])).await?
        };

        let mut sums: BTreeMap<(i64, Option<String>, Option<String>), Sums> = BTreeMap::new();
        for row in &all {
            let sum = sums.entry(group(row)).or_default();
            let (count, mut run_time) = (number(row.get(3)), number(row.get(4)));
            if state_of(row.get(1)) == Some(StateType::Running) {
                run_time -= number(row.get(5)) / 1e6;
            }
            *sum = Sums { count: count as i64, run_time, lateness: number(row.get(6)) };
        }
        for row in &late {
            sums.entry(group(row)).or_default().lateness -= number(row.get(3)) / 1e6;
        }
        let mut by_bucket: BTreeMap<i64, Vec<HistoryResponseState>> = BTreeMap::new();
        for ((bucket, state_type, state_name), sum) in sums {
            by_bucket.entry(bucket).or_default().push(HistoryResponseState {
                state_type: state_type.as_deref().and_then(StateType::parse).map(Choice),
                state_name,
                count_runs: sum.count,
                sum_estimated_run_time: sum.run_time.max(0.0),
                sum_estimated_lateness: sum.lateness,
            });
        }
        Ok(by_bucket)
    }
}

/// The type of a state; none of a run without a state.
fn state_of(value: Option<&Value>) -> Option<StateType> {
    text(value).as_deref().and_then(StateType::parse)
}

/// The states from which a run may still start; none is that of a run without a state.
fn open_states() -> impl Iterator<Item = Option<StateType>> {
    StateType::ALL.iter().copied().filter(|state| !state.is_terminal()).map(Some).chain([None])
}

fn text(value: Option<&Value>) -> Option<String> {
    match value {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    }
}

fn group(row: &[Value]) -> (i64, Option<String>, Option<String>) {
    let bucket = match row.first() {
        Some(Value::Int(n)) => *n,
        _ => 0,
    };
    (bucket, text(row.get(1)), text(row.get(2)))
}
