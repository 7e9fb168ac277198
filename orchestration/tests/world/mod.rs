//! A store in memory on a clock that the test moves, and the few things that most tests need in it.
#![allow(dead_code)] // each test file uses its part
#![allow(clippy::unwrap_used, clippy::expect_used)] // what a test counts on may fail it

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use mintaka_core::memory::MemoryStore;
use mintaka_core::records::{
    Deployment, DeploymentSchedule, Flow, FlowRun, FlowRunState, PollStatus, StateType, WorkPool, WorkQueue, flow_run,
};
use mintaka_core::{
    Backend, Batch, Batches, CommitAnswer, Direction, Error, Filter, Json, Layer, ManualClock, Outcome, Query, Record,
    Store, Tags, Time,
};
use mintaka_orchestration::Operations;
use mintaka_orchestration::caller::ClientLine;
use mintaka_orchestration::ops::work_pools::{NewPool, create_pool, no_storage};
use mintaka_orchestration::ops::work_queues::{NewQueue, create_queue};
use mintaka_orchestration::ops::{NewFlowRun, create_flow_run};
use mintaka_orchestration::{Caller, Proposed};
use serde_json::{Value, json};
use uuid::Uuid;

/// The time at which every world begins.
pub const START: &str = "2026-03-01T12:00:00Z";

pub fn at(text: &str) -> Time {
    Time::parse(text).unwrap_or_else(|| panic!("{text} is no time"))
}

/// A store in which others are at work too.
pub struct Busy {
    inner: MemoryStore,
    /// What somebody else does between the reads before the next commit and that commit.
    meanwhile: Mutex<Option<Batch>>,
    /// How long a commit takes.
    pause: Duration,
}

#[async_trait]
impl Layer for Busy {
    fn inner(&self) -> &dyn Backend {
        &self.inner
    }
    async fn commit(&self, batches: Batches) -> Result<CommitAnswer, Error> {
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some(batch) = meanwhile {
            let CommitAnswer { outcomes, .. } = self.inner.commit(vec![batch].into()).await?;
            assert!(matches!(outcomes[..], [Outcome::Committed { .. }]), "{outcomes:?}");
        }
        tokio::time::sleep(self.pause).await;
        self.inner.commit(batches).await
    }
}

pub struct World {
    pub store: Store,
    pub ops: Operations,
    backend: Arc<Busy>,
    pub clock: ManualClock,
    pub flow: Uuid,
}

pub async fn world() -> World {
    world_with_pause(Duration::ZERO).await
}

/// A world in which each commit takes so long.
pub async fn world_with_pause(pause: Duration) -> World {
    let clock = ManualClock::at(at(START));
    let inner = MemoryStore::with_clock(Arc::new(clock.clone()));
    let backend = Arc::new(Busy { inner, meanwhile: Mutex::default(), pause });
    let store = Store::with_clock(backend.clone(), Arc::new(clock.clone()));
    let ops = Operations::over(store.clone());
    let world = World { store, ops, backend, clock, flow: Uuid::new_v4() };
    let now = world.now();
    let flow = Flow {
        id: world.flow,
        created: now,
        updated: now,
        name: "f".into(),
        tags: Tags::default(),
        labels: Json::object(),
    };
    world.insert(flow).await;
    world
}

impl World {
    pub fn now(&self) -> Time {
        self.store.now()
    }

    pub fn pass(&self, seconds: f64) {
        self.clock.advance_seconds(seconds);
    }

    /// Somebody else does this after the next operation has read, and before it commits.
    pub fn meanwhile(&self, batch: Batch) {
        *self.backend.meanwhile.lock().unwrap() = Some(batch);
    }

    pub async fn insert<R: Record>(&self, record: R) {
        let outcome = self.store.commit(Batch::new().insert(record)).await.unwrap();
        assert!(matches!(outcome, Outcome::Committed { .. }), "{outcome:?}");
    }

    pub async fn get<R: Record>(&self, id: Uuid) -> R {
        self.store.get::<R>(id).await.unwrap().expect("the row is gone").record
    }

    pub async fn deployment(&self, edit: impl FnOnce(&mut Deployment)) -> Uuid {
        let now = self.now();
        let mut deployment = Deployment {
            id: Uuid::new_v4(),
            created: now,
            updated: now,
            name: Uuid::new_v4().to_string(),
            version: Some("7".into()),
            flow_id: self.flow,
            tags: ["t"].into_iter().collect(),
            labels: Json::from(json!({"team": "a"})),
            parameters: Json::from(json!({"x": 1, "y": 1})),
            status: PollStatus::NotReady,
            ..Deployment::default()
        };
        edit(&mut deployment);
        let id = deployment.id;
        self.insert(deployment).await;
        id
    }

    pub async fn schedule(&self, deployment_id: Uuid, schedule: Value) -> Uuid {
        let now = self.now();
        let id = Uuid::new_v4();
        self.insert(DeploymentSchedule {
            id,
            created: now,
            updated: now,
            deployment_id,
            schedule: schedule.into(),
            active: true,
            parameters: Json::from(json!({"y": 2})),
            ..DeploymentSchedule::default()
        })
        .await;
        id
    }

    pub async fn pool(&self, limit: Option<i64>) -> WorkPool {
        let new = NewPool {
            name: Uuid::new_v4().to_string(),
            description: None,
            r#type: "process".into(),
            base_job_template: Json::object(),
            is_paused: false,
            concurrency_limit: limit,
            storage_configuration: no_storage(),
        };
        create_pool(&self.ops, new, ClientLine::V3).await.unwrap().expect("the name is free")
    }

    pub async fn queue(&self, pool: &WorkPool, name: &str, limit: Option<i64>) -> WorkQueue {
        let new = NewQueue { concurrency_limit: limit, ..NewQueue::named(name) };
        create_queue(&self.ops, pool.id, new, ClientLine::V3).await.unwrap().expect("the name is free")
    }

    /// A run with a first state; `edit` changes what is asked for.
    pub async fn run(&self, state: Proposed, edit: impl FnOnce(&mut NewFlowRun)) -> Uuid {
        let mut new = NewFlowRun { state: Some(state), ..NewFlowRun::of(self.flow) };
        edit(&mut new);
        create_flow_run(&self.ops, new, &Caller::SERVER).await.unwrap().run.id
    }

    /// A run that is due so many seconds from now.
    pub async fn due_in(&self, seconds: f64, edit: impl FnOnce(&mut NewFlowRun)) -> Uuid {
        self.run(Proposed::scheduled(self.now().plus_seconds(seconds)), edit).await
    }

    /// A run that is under way in a queue.
    pub async fn busy(&self, state: StateType, queue: Uuid) -> Uuid {
        self.run(Proposed::new(state), |new| new.work_queue_id = Some(queue)).await
    }

    /// All runs of a deployment by time.
    pub async fn runs_of(&self, deployment: Uuid) -> Vec<FlowRun> {
        let query = Query::of(FlowRun::TABLE)
            .filter(Filter::eq(flow_run::deployment_id, deployment))
            .order(flow_run::expected_start_time, Direction::Asc)
            .limit(1000);
        self.store.select::<FlowRun>(query).await.unwrap().into_iter().map(|run| run.record).collect()
    }

    pub async fn states(&self) -> Vec<FlowRunState> {
        self.store.all::<FlowRunState>(Filter::all()).await.unwrap().into_iter().map(|state| state.record).collect()
    }
}
