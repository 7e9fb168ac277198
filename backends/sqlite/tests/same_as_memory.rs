//! Every kind of filter, order, cursor and aggregate answers what the reference backend answers.
#![allow(clippy::unwrap_used, reason = "clippy knows tests by their attribute; these are what they call")]

use std::sync::Arc;

use mintaka_core::memory::MemoryStore;
use mintaka_core::records::StateType;
use mintaka_core::records::{Flow, TaskRun, TaskRunState, Variable, flow, task_run, task_run_state, variable};
use mintaka_core::{
    Aggregate, Backend, Batch, Cmp, Col, Direction, Each, Filter, Group, Json, Measure, Query, Record, Row, Tags, Time,
    Value,
};
use mintaka_sqlite::{Location, Options, SqliteStore};
use uuid::Uuid;

const TEXTS: &[&str] = &["", "a", "A", "ab", "aB%", "a_b", "é", "É", "z\u{10ffff}", "100%", "b'\"\\"];

fn pick<T: Clone>(n: usize, from: &[T]) -> T {
    from[n % from.len()].clone()
}

fn a_task_run(n: usize) -> TaskRun {
    let time = |k: usize| Time::from_micros(((n * k) % 17) as i64 * 1_000_000 - 3_500_000);
    let tags: &[&[&str]] = &[&[], &["a"], &["a", "b", "a"], &["b", "é"]];
    TaskRun {
        id: Uuid::from_u128(n as u128 * 7919 % 101),
        created: time(3),
        updated: time(1),
        name: pick(n, TEXTS).into(),
        flow_run_id: (!n.is_multiple_of(3)).then(|| Uuid::from_u128((n % 5) as u128)),
        task_key: pick(n / 2, TEXTS).into(),
        dynamic_key: n.to_string(),
        cache_key: (!n.is_multiple_of(4)).then(|| pick(n / 3, TEXTS).into()),
        cache_expiration: None,
        task_version: None,
        empirical_policy: Json::object(),
        tags: pick(n, tags).iter().copied().collect(),
        labels: Json::object(),
        state_id: (!n.is_multiple_of(2)).then(|| Uuid::from_u128(n as u128)),
        task_inputs: Json::object(),
        state_type: (!n.is_multiple_of(5)).then(|| pick(n, StateType::ALL)),
        state_name: (!n.is_multiple_of(5)).then(|| pick(n, TEXTS).into()),
        state_timestamp: None,
        run_count: (n % 4) as i64 - 1,
        flow_run_run_count: (n % 3) as i64,
        expected_start_time: (!n.is_multiple_of(3)).then(|| time(5)),
        next_scheduled_start_time: None,
        start_time: (n % 7 > 1).then(|| time(2)),
        end_time: None,
        total_run_time: n as f64 / 4.0,
        sort_time: (!n.is_multiple_of(6)).then(|| time(4)),
        start_delay: (!n.is_multiple_of(2)).then_some(n as f64 / 2.0),
    }
}

fn rows() -> Batch {
    let mut batch = Batch::new();
    for n in 0..60 {
        let run = a_task_run(n);
        let state = TaskRunState {
            id: Uuid::from_u128(n as u128),
            created: run.created,
            updated: run.updated,
            task_run_id: run.id,
            r#type: pick(n, StateType::ALL),
            name: run.name.clone(),
            timestamp: run.created,
            message: None,
            state_details: Json::object(),
            data: None,
        };
        batch = batch.insert(run).insert(state);
    }
    for (n, text) in TEXTS.iter().enumerate() {
        let (id, now) = (Uuid::from_u128(n as u128), Time::from_micros(n as i64));
        let tags: Tags = TEXTS.iter().skip(n).step_by(3).copied().collect();
        batch = batch
            .insert(Variable {
                id,
                created: now,
                updated: now,
                name: (*text).into(),
                value: Json::object(),
                tags: tags.clone(),
            })
            .insert(Flow { id, created: now, updated: now, name: (*text).into(), tags, labels: Json::object() });
    }
    batch
}

/// Memory first, then SQLite on either path through tags and parents.
struct Stores(Vec<Arc<dyn Backend>>);

impl Stores {
    async fn filled() -> Stores {
        let mut stores: Vec<Arc<dyn Backend>> = vec![Arc::new(MemoryStore::new())];
        for narrow_below in [0, u64::MAX] {
            let options = Options { narrow_below, ..Options::default() };
            stores.push(SqliteStore::open(Location::Temporary, options).unwrap());
        }
        for store in &stores {
            store.commit(vec![rows()].into()).await.unwrap();
        }
        Stores(stores)
    }

    async fn select(&self, query: &Query) -> Vec<Row> {
        let expected = self.0[0].select(query.clone()).await.unwrap();
        for store in &self.0[1..] {
            assert_eq!(store.select(query.clone()).await.unwrap(), expected, "{query:?}");
        }
        expected
    }

    async fn aggregate(&self, aggregate: &Aggregate) {
        let expected = self.0[0].aggregate(aggregate.clone()).await.unwrap();
        for store in &self.0[1..] {
            assert_eq!(store.aggregate(aggregate.clone()).await.unwrap(), expected, "{aggregate:?}");
        }
    }
}

/// Conditions on task runs, each also negated.
fn conditions() -> Vec<Filter> {
    let mut out = vec![
        Filter::all(),
        Filter::none(),
        Filter::eq(task_run::cache_key, Value::Null),
        Filter::eq(task_run::run_count, 1_i64),
        Filter::eq(task_run::state_type, StateType::Running),
        Filter::any(task_run::state_id, (0..30_u128).map(Uuid::from_u128)),
        Filter::any(task_run::state_id, (0..3000_u128).map(Uuid::from_u128)),
        Filter::any(task_run::run_count, 0..3000_i64),
        Filter::any(task_run::cache_key, (0..3000).map(|n| if n == 7 { "aB%".into() } else { n.to_string() })),
        Filter::any(task_run::start_time, (0..3000).map(|n| Time::from_micros(n * 500_000 - 3_500_000))),
        Filter::any(task_run::total_run_time, (0..3000).map(|n| f64::from(n) / 2.0)),
        Filter::any::<Uuid>(task_run::state_id, []),
        Filter::any(task_run::cache_key, [None, Some("a".to_string())]),
        Filter::IsNull(task_run::sort_time),
        Filter::TagsAny(task_run::tags, vec!["a".into(), "é".into()]),
        Filter::TagsAny(task_run::tags, Vec::new()),
        Filter::TagsAll(task_run::tags, vec!["a".into(), "b".into()]),
        Filter::TagsAll(task_run::tags, Vec::new()),
        Filter::TagsEmpty(task_run::tags),
        Filter::has(task_run::id, task_run_state::task_run_id, Filter::eq(task_run_state::name, "a")),
        Filter::has(task_run::flow_run_id, flow::id, Filter::TagsAny(flow::tags, vec!["ab".into()])),
        Filter::has(
            task_run::flow_run_id,
            task_run::flow_run_id,
            Filter::eq(task_run::cache_key, "ab").negate().and(Filter::eq(task_run::run_count, 2_i64)),
        ),
    ];
    for op in [Cmp::Eq, Cmp::Lt, Cmp::Le, Cmp::Gt, Cmp::Ge] {
        out.push(Filter::CompareColumns(task_run::start_time, op, task_run::expected_start_time));
        out.push(Filter::cmp(task_run::cache_key, op, "ab"));
        out.push(Filter::cmp(task_run::start_time, op, Time::from_micros(500_000)));
        out.push(Filter::cmp(task_run::start_delay, op, 4.5));
        out.push(Filter::cmp(task_run::state_id, op, Uuid::from_u128(11)));
    }
    let joined = vec![task_run::name, task_run::cache_key];
    for text in TEXTS.iter().chain(&["%", "_", "%a_%", "A%", "% %", "a\\%", " ", "É", "z"]) {
        out.push(Filter::StartsWith(task_run::cache_key, (*text).into()));
        for columns in [vec![task_run::name], vec![task_run::cache_key], joined.clone()] {
            out.push(Filter::Like(columns.clone(), (*text).into()));
            out.push(Filter::Contains(columns, (*text).into()));
        }
    }
    let pairs: Vec<Filter> =
        out.windows(2).map(|two| Filter::Or(vec![two[0].clone(), two[1].clone().negate()])).collect();
    let negated: Vec<Filter> = out.iter().chain(&pairs).cloned().map(Filter::negate).collect();
    out.into_iter().chain(pairs).chain(negated).collect()
}

#[tokio::test]
async fn filters_find_the_same_rows() {
    let stores = Stores::filled().await;
    let mut sizes = std::collections::BTreeSet::new();
    for filter in conditions() {
        let query = Query { columns: Some(vec![task_run::id]), ..Query::of(TaskRun::TABLE).filter(filter) };
        sizes.insert(stores.select(&query).await.len());
    }
    assert!(sizes.len() > 20, "the conditions tell rows apart: {sizes:?}");
    for tag in TEXTS {
        let any = Filter::TagsAny(variable::tags, vec![(*tag).into()]);
        stores.select(&Query::of(Variable::TABLE).filter(any)).await;
    }
}

#[tokio::test]
async fn orders_and_cursors_give_the_same_pages() {
    use Direction::{Asc, Desc};
    let stores = Stores::filled().await;
    let orders: &[&[(Col, Direction)]] = &[
        &[],
        &[(task_run::sort_time, Asc)],
        &[(task_run::sort_time, Desc)],
        &[(task_run::name, Asc)],
        &[(task_run::name, Desc), (task_run::start_time, Asc)],
        &[(task_run::cache_key, Asc), (task_run::start_delay, Desc)],
        &[(task_run::state_type, Desc), (task_run::flow_run_id, Desc), (task_run::created, Asc)],
        &[(task_run::id, Desc)],
    ];
    for order in orders {
        let query = Query { order: order.to_vec(), ..Query::of(TaskRun::TABLE).limit(7) };
        let (mut paged, mut next) = (Vec::new(), query.clone());
        loop {
            let page = stores.select(&next).await;
            let Some(last) = page.last() else { break };
            next.after = Some(query.full_order().iter().map(|(c, _)| last.values[c.ordinal].clone()).collect());
            paged.extend(page);
        }
        assert_eq!(paged, stores.select(&query.clone().limit(100)).await, "{order:?}");
        stores.select(&query.clone().offset(11)).await;
        let values = vec![Uuid::from_u128(2).into(), Value::Null, Uuid::from_u128(1).into(), Uuid::from_u128(2).into()];
        let each = Each { column: task_run::flow_run_id, values, k: 4 };
        stores.select(&Query { each: Some(each), columns: Some(vec![task_run::name]), ..query }).await;
    }
}

#[tokio::test]
async fn aggregates_count_the_same() {
    let stores = Stores::filled().await;
    let bucket =
        |origin| Group::Bucket { column: task_run::start_time, origin: Time::from_micros(origin), width: 2_000_000 };
    let groups = [
        vec![],
        vec![Group::Column(task_run::state_type)],
        vec![bucket(1), Group::Column(task_run::cache_key)],
        vec![bucket(99_000_000)],
    ];
    let columns =
        [task_run::start_time, task_run::cache_key, task_run::run_count, task_run::start_delay, task_run::state_id];
    let mut measures = vec![
        Measure::Count,
        Measure::SumSince(task_run::start_time, Time::from_micros(-7)),
        Measure::Sum(task_run::run_count),
        Measure::Sum(task_run::start_delay),
    ];
    measures.extend(columns.iter().flat_map(|&c| [Measure::Min(c), Measure::Max(c), Measure::CountDistinct(c)]));
    for filter in [Filter::all(), Filter::none(), Filter::TagsAny(task_run::tags, vec!["a".into()])] {
        for by in &groups {
            for (order, limit) in [(vec![], 100), (vec![(by.len(), Direction::Desc)], 3), (vec![], 0)] {
                for measures in [measures.clone(), Vec::new()] {
                    let order = if measures.is_empty() { Vec::new() } else { order.clone() };
                    let aggregate = Aggregate {
                        table: TaskRun::TABLE,
                        filter: filter.clone(),
                        by: by.clone(),
                        measures,
                        order,
                        limit,
                    };
                    stores.aggregate(&aggregate).await;
                }
            }
        }
    }
}
