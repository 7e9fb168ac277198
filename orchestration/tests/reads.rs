//! How much a run's life costs the storage: calls, not time.
#![allow(clippy::unwrap_used)] // what a test counts on may fail it

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use mintaka_core::memory::MemoryStore;
use mintaka_core::records::{Flow, StateType};
use mintaka_core::{
    Aggregate, Backend, Batch, Batches, CommitAnswer, Error, Json, Key, Layer, Query, Row, Store, Table, Tags, Value,
};
use mintaka_orchestration::Operations;
use mintaka_orchestration::ops::{NewFlowRun, create_flow_run, set_flow_run_state};
use mintaka_orchestration::rules::FlowPolicy;
use mintaka_orchestration::{Caller, Proposed};
use uuid::Uuid;

/// A backend that counts its calls.
struct Counted {
    backend: MemoryStore,
    reads: AtomicUsize,
    commits: AtomicUsize,
}

#[async_trait]
impl Layer for Counted {
    fn inner(&self) -> &dyn Backend {
        &self.backend
    }
    async fn get(&self, table: &'static Table, keys: Vec<Key>) -> Result<Vec<Option<Row>>, Error> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.backend.get(table, keys).await
    }
    async fn select(&self, query: Query) -> Result<Vec<Row>, Error> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.backend.select(query).await
    }
    async fn aggregate(&self, aggregate: Aggregate) -> Result<Vec<Vec<Value>>, Error> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.backend.aggregate(aggregate).await
    }
    async fn commit(&self, batches: Batches) -> Result<CommitAnswer, Error> {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.backend.commit(batches).await
    }
}

#[tokio::test]
async fn a_transition_reads_the_run_and_its_state_and_commits_once() {
    let counted = Arc::new(Counted { backend: MemoryStore::new(), reads: 0.into(), commits: 0.into() });
    let store = Store::new(counted.clone());
    let ops = Operations::over(store.clone());
    let cost = || (counted.reads.swap(0, Ordering::Relaxed), counted.commits.swap(0, Ordering::Relaxed));
    let (id, now) = (Uuid::new_v4(), store.now());
    let flow = Flow { id, created: now, updated: now, name: "f".into(), tags: Tags::default(), labels: Json::object() };
    store.commit(Batch::new().insert(flow)).await.unwrap();
    let create = async || create_flow_run(&ops, NewFlowRun::of(id), &Caller::SERVER).await.unwrap().run.id;
    let enter = async |run, r#type| {
        set_flow_run_state(&ops, run, Proposed::new(r#type), FlowPolicy::Core, &Caller::SERVER).await.unwrap();
    };
    cost();

    create().await;
    assert_eq!(cost(), (2, 1), "the first run of a flow also reads its name for the event");
    let run = create().await;
    assert_eq!(cost(), (1, 1));
    enter(run, StateType::Running).await;
    assert_eq!(cost(), (2, 1));
    enter(run, StateType::Completed).await;
    assert_eq!(cost(), (2, 1));
    enter(run, StateType::Paused).await;
    assert_eq!(cost(), (2, 0), "an aborted transition commits nothing");
}
