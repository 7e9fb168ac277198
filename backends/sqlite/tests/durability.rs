//! What was answered is there: across reopening, for reads that follow, and beside other processes.
#![allow(clippy::unwrap_used, reason = "clippy knows tests by their attribute; these are what they call")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mintaka_core::records::{Flow, FlowRun, Log, TABLES, flow, flow_run};
use mintaka_core::{
    Backend, Batch, Change, Cmp, Condition, Direction, Error, Filter, Json, Key, Outcome, Query, Record, Tags, Time,
    Value,
};
use mintaka_sqlite::{Location, Options, SqliteStore};
use uuid::Uuid;

fn open(path: &Path) -> Arc<SqliteStore> {
    SqliteStore::open(Location::File(path.to_owned()), Options::default()).unwrap()
}

fn a_flow(name: &str, tags: &[&str]) -> Flow {
    let now = Time::from_micros(1_000_000);
    Flow {
        id: Uuid::now_v7(),
        created: now,
        updated: now,
        name: name.into(),
        tags: tags.iter().copied().collect(),
        labels: Json::object(),
    }
}

fn a_log(message: &str) -> Log {
    let now = Time::from_micros(2_000_000);
    Log {
        timestamp: now,
        id: Uuid::now_v7(),
        created: now,
        updated: now,
        name: "n".into(),
        level: 20,
        message: message.into(),
        ..Log::default()
    }
}

async fn commit(store: &SqliteStore, batches: Vec<Batch>) -> Vec<Outcome> {
    store.commit(batches.into()).await.unwrap().outcomes
}

async fn flow_named(store: &SqliteStore, name: &str) -> Option<mintaka_core::Row> {
    store.get(Flow::TABLE, vec![Key::Unique(vec![name.into()])]).await.unwrap().pop().flatten()
}

#[tokio::test]
async fn what_was_committed_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let (store, kept) = (open(&path), a_flow("kept", &["b", "a", "b"]));
    let outcomes = commit(&store, vec![Batch::new().insert(kept.clone()).insert(a_log("one"))]).await;
    assert!(matches!(outcomes[..], [Outcome::Committed { stream: Some((1, 1)), .. }]), "{outcomes:?}");
    store.close().await;
    assert_eq!(store.heads().await, Err(Error::Closed));
    assert_eq!(store.commit(vec![Batch::new()].into()).await, Err(Error::Closed));

    let store = open(&path);
    let row = flow_named(&store, "kept").await.unwrap();
    assert_eq!((row.version, row.values), (1, kept.into_values()));
    assert_eq!(store.heads().await.unwrap().positions(), [(1, 1)].into(), "the stream goes on where it was");
    let info = store.info().await.unwrap();
    assert_eq!(info.rows.len(), TABLES.len());
    assert!(info.rows.contains(&("flow", 1)) && info.rows.contains(&("log", 1)), "{info:?}");
    assert_eq!(store.integrity_check().await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_batch_that_cannot_be_stored_fails_alone() {
    let store = SqliteStore::temporary().unwrap();
    let mut huge = a_flow("huge", &[]);
    huge.labels = Json::of(&"x".repeat(17 << 20));
    let outcomes = commit(
        &store,
        vec![
            Batch::new().insert(a_flow("first", &[])).insert(a_log("one")),
            Batch::new().insert(a_log("lost")).insert(huge),
            Batch::new().insert(a_flow("last", &[])).insert(a_log("two")),
        ],
    )
    .await;
    assert!(matches!(outcomes[0], Outcome::Committed { stream: Some((_, 1)), .. }), "{:?}", outcomes[0]);
    assert!(matches!(outcomes[1], Outcome::Failed(Error::TooLarge(_))), "{:?}", outcomes[1]);
    assert!(matches!(outcomes[2], Outcome::Committed { stream: Some((_, 2)), .. }), "{:?}", outcomes[2]);
    for (name, there) in [("first", true), ("huge", false), ("last", true)] {
        assert_eq!(flow_named(&store, name).await.is_some(), there, "{name}");
    }
}

#[tokio::test]
async fn rows_may_trade_their_unique_keys() {
    let store = SqliteStore::temporary().unwrap();
    let (a, b) = (a_flow("a", &[]), a_flow("b", &[]));
    commit(&store, vec![Batch::new().insert(a.clone()).insert(b.clone())]).await;
    let rename = |flow: &Flow, name: &str| (Key::id(flow.id), Change::default().set(flow::name, name));
    let mut trade = Batch::new();
    for (key, change) in [rename(&a, "meanwhile"), rename(&b, "a"), rename(&a, "b")] {
        trade = trade.update::<Flow>(key, change);
    }
    let outcomes = commit(&store, vec![trade]).await;
    assert!(matches!(outcomes[0], Outcome::Committed { .. }), "{outcomes:?}");
    for (name, id) in [("a", b.id), ("b", a.id)] {
        let row = flow_named(&store, name).await.unwrap();
        assert_eq!(row.values[flow::id.ordinal], Value::Uuid(id), "{name}");
    }
}

#[tokio::test]
async fn two_stores_on_one_file_see_each_others_commits_and_share_the_stream() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let stores = [open(&path), open(&path)];
    for n in 0..6 {
        let flow = a_flow(&format!("flow {n}"), &[]);
        let outcomes = commit(&stores[n % 2], vec![Batch::new().insert(flow).insert(a_log("x"))]).await;
        let expected = Some((1, n as i64 + 1));
        assert!(matches!(&outcomes[0], Outcome::Committed { stream, .. } if *stream == expected), "{outcomes:?}");
        assert!(flow_named(&stores[(n + 1) % 2], &format!("flow {n}")).await.is_some());
    }
}

#[tokio::test]
async fn a_lock_that_another_process_keeps_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let options = Options { busy_timeout: Duration::from_millis(20), ..Options::default() };
    let store = SqliteStore::open(Location::File(path.clone()), options).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = store.commit(vec![Batch::new().insert(a_flow("f", &[]))].into()).await;
    assert!(matches!(&refused, Err(Error::Unavailable(text)) if text.contains("another process")), "{refused:?}");
    other.execute_batch("ROLLBACK").unwrap();
    let outcomes = commit(&store, vec![Batch::new().insert(a_flow("f", &[]))]).await;
    assert!(matches!(outcomes[0], Outcome::Committed { .. }));
}

#[tokio::test]
async fn the_log_stays_bounded_under_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let options = Options { max_log_bytes: 1 << 20, ..Options::default() };
    let store = SqliteStore::open(Location::File(path.clone()), options).unwrap();
    let reading = {
        let store = store.clone();
        tokio::spawn(async move {
            loop {
                store.select(Query::of(Flow::TABLE).limit(50)).await.unwrap();
            }
        })
    };
    let text = "y".repeat(100_000);
    let mut largest = 0;
    for n in 0..100 {
        let mut flow = a_flow(&format!("flow {n}"), &[]);
        flow.labels = Json::of(&text);
        commit(&store, vec![Batch::new().insert(flow)]).await;
        largest = largest.max(std::fs::metadata(path.with_extension("db-wal")).unwrap().len());
    }
    reading.abort();
    assert!(largest < 4 << 20, "the log grew to {largest} bytes of the 10 MB written");
}

#[tokio::test]
async fn tags_are_found_on_both_paths_and_follow_changes() {
    let store = SqliteStore::temporary().unwrap();
    let run = |n: i64, tags: &[&str]| {
        let mut run = a_run(n);
        run.tags = tags.iter().copied().collect();
        run
    };
    // More rows than a rare tag has, so that `common` is answered by following the order.
    for chunk in 0..6 {
        let batch = (0..500).map(|n| run(chunk * 500 + n, &["common", "common"])).fold(Batch::new(), Batch::insert);
        commit(&store, vec![batch]).await;
    }
    let rare = run(9000, &["rare", "common"]);
    commit(&store, vec![Batch::new().insert(rare.clone())]).await;
    let find = async |filter: Filter| {
        let query = Query::of(FlowRun::TABLE).filter(filter).order(flow_run::sort_time, Direction::Desc).limit(3);
        let rows = store.select(query).await.unwrap();
        rows.into_iter().map(|r| r.values[flow_run::sort_time.ordinal].clone()).collect::<Vec<_>>()
    };
    let times = |micros: &[i64]| micros.iter().map(|&n| Value::Time(Time::from_micros(n))).collect::<Vec<_>>();
    let any = |tag: &str| Filter::TagsAny(flow_run::tags, vec![tag.into()]);
    assert_eq!(find(any("common")).await, times(&[9000, 2999, 2998]));
    assert_eq!(find(any("common").and(any("rare").negate())).await, times(&[2999, 2998, 2997]));
    assert_eq!(find(any("rare")).await, times(&[9000]));

    // A tag and the sort column change: the entries move along, those of a null time too.
    let change = Change::default()
        .set(flow_run::tags, Tags(vec!["other".into(), "common".into()]))
        .set(flow_run::sort_time, Value::Null);
    commit(&store, vec![Batch::new().update::<FlowRun>(Key::id(rare.id), change)]).await;
    assert_eq!(find(any("rare")).await, []);
    assert_eq!(find(any("other")).await, [Value::Null]);
    assert_eq!(find(any("common")).await, times(&[2999, 2998, 2997]));
    commit(&store, vec![Batch::new().delete::<FlowRun>(Key::id(rare.id))]).await;
    assert_eq!(find(any("other")).await, []);
}

#[tokio::test]
async fn a_failed_requirement_leaves_no_trace() {
    let store = SqliteStore::temporary().unwrap();
    let run = a_run(1);
    commit(&store, vec![Batch::new().insert(run.clone())]).await;
    let require = vec![Condition::new(flow_run::run_count, Cmp::Gt, 5_i64)];
    let change = Change::default().add(flow_run::run_count, 1_i64);
    let outcomes = commit(
        &store,
        vec![
            Batch::new().insert(a_flow("f", &[])).update_requiring::<FlowRun>(Key::id(run.id), require, change.clone()),
            Batch::new().update::<FlowRun>(Key::id(run.id), change),
        ],
    )
    .await;
    assert!(matches!(outcomes[..], [Outcome::Conflict(_), Outcome::Committed { .. }]), "{outcomes:?}");
    assert_eq!(flow_named(&store, "f").await, None);
    let row = store.get(FlowRun::TABLE, vec![Key::id(run.id)]).await.unwrap().pop().flatten().unwrap();
    assert_eq!((row.version, &row.values[flow_run::run_count.ordinal]), (2, &Value::Int(1)));
}

fn a_run(micros: i64) -> FlowRun {
    let now = Time::from_micros(micros);
    FlowRun {
        id: Uuid::now_v7(),
        created: now,
        updated: now,
        name: "run".into(),
        flow_id: Uuid::nil(),
        sort_time: Some(now),
        ..FlowRun::default()
    }
}
