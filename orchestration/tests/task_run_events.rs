//! Task runs recorded from events of 3.x clients, in any order of arrival.
#![allow(clippy::unwrap_used, clippy::expect_used)] // what a test counts on may fail it

mod world;

use mintaka_core::records::{StateType, TaskRun, TaskRunState, task_run_state};
use mintaka_core::{Batch, Filter, Outcome, Time};
use mintaka_orchestration::State;
use mintaka_orchestration::ops::events::{NewEvent, record};
use mintaka_orchestration::ops::task_run_events::{TaskRunEvent, append};
use serde_json::{Value, json};
use uuid::Uuid;
use world::{World, at, world};

/// What a client sends: a state name and type, at a second of the world's first minute.
struct Sent {
    id: Uuid,
    task_run: Uuid,
    flow_run: Option<Uuid>,
    second: u8,
    state: (&'static str, &'static str),
    fields: Value,
}

impl Sent {
    fn at(&self) -> Time {
        at(&format!("2026-03-01T12:00:{:02}Z", self.second))
    }

    fn read(&self) -> Result<Option<TaskRunEvent>, String> {
        let (name, r#type) = self.state;
        let related: Vec<Value> = self
            .flow_run
            .map(|id| json!({"prefect.resource.id": format!("prefect.flow-run.{id}"), "prefect.resource.role": "flow-run"}))
            .into_iter()
            .collect();
        let resource = json!({
            "prefect.resource.id": format!("prefect.task-run.{}", self.task_run),
            "prefect.orchestration": "client",
        });
        let payload = json!({
            "validated_state": {"type": r#type, "name": name, "message": "", "state_details": {"untrackable_result": false}, "data": null},
            "task_run": self.fields,
        });
        let event = format!("prefect.task-run.{name}");
        TaskRunEvent::parse(self.id, self.at(), &event, &resource, &json!(related), &payload)
    }

    /// As the event that a client sends.
    fn event(&self) -> NewEvent {
        let (name, r#type) = self.state;
        let flow_run = self.flow_run.unwrap();
        let event = json!({
            "id": self.id, "occurred": self.at().to_string(), "event": format!("prefect.task-run.{name}"),
            "resource": {
                "prefect.resource.id": format!("prefect.task-run.{}", self.task_run), "prefect.orchestration": "client",
            },
            "related": [
                {"prefect.resource.id": format!("prefect.flow-run.{flow_run}"), "prefect.resource.role": "flow-run"},
            ],
            "payload": {"validated_state": {"type": r#type, "name": name}, "task_run": self.fields},
        });
        NewEvent::parse(&event.to_string()).unwrap()
    }

    async fn record(&self, world: &World) -> Outcome {
        let event = self.read().unwrap().expect("an event of a task run");
        world.store.commit(append(Batch::new(), &event, world.now())).await.unwrap()
    }
}

fn life(task_run: Uuid, flow_run: Option<Uuid>) -> [Sent; 3] {
    let sent = |second, state, run_count: i64, extra: Value| {
        let mut fields = json!({
            "name": "calm-0", "task_key": "t", "dynamic_key": "0", "tags": ["x"], "labels": {"a": 1},
            "empirical_policy": {"max_retries": 0, "retries": 2}, "task_inputs": {"n": []}, "run_count": run_count,
            "flow_run_run_count": 1, "expected_start_time": "2026-03-01T12:00:01Z", "total_run_time": 0.0,
        });
        for (field, value) in extra.as_object().unwrap() {
            fields[field] = value.clone();
        }
        Sent { id: Uuid::new_v4(), task_run, flow_run, second, state, fields }
    };
    [
        sent(1, ("Pending", "PENDING"), 0, json!({})),
        sent(3, ("Running", "RUNNING"), 1, json!({"start_time": "2026-03-01T12:00:03Z"})),
        sent(
            9,
            ("Completed", "COMPLETED"),
            1,
            json!({
                "start_time": "2026-03-01T12:00:03Z", "end_time": "2026-03-01T12:00:09Z", "total_run_time": 6.0,
            }),
        ),
    ]
}

async fn states(world: &World, task_run: Uuid) -> Vec<State> {
    let rows = world.store.all::<TaskRunState>(Filter::eq(task_run_state::task_run_id, task_run)).await.unwrap();
    rows.into_iter().map(|row| State::try_from(row.record).unwrap()).collect()
}

#[tokio::test]
async fn any_order_of_arrival_gives_the_same_task_run() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        for flow_run in [None, Some(Uuid::new_v4())] {
            let world = world().await;
            let id = Uuid::new_v4();
            let events = life(id, flow_run);
            for n in order {
                for _twice in 0..2 {
                    assert!(matches!(events[n].record(&world).await, Outcome::Committed { .. }));
                }
            }
            let run: TaskRun = world.get(id).await;
            assert_eq!((run.state_type, run.state_id), (Some(StateType::Completed), Some(events[2].id)), "{order:?}");
            assert_eq!((run.name.as_str(), run.flow_run_id, run.run_count), ("calm-0", flow_run, 1));
            assert_eq!((run.start_time, run.end_time), (Some(events[1].at()), Some(events[2].at())));
            assert_eq!((run.total_run_time, run.start_delay), (6.0, Some(2.0)));
            assert_eq!((run.sort_time, run.state_timestamp), (run.start_time, Some(events[2].at())));
            assert_eq!(run.empirical_policy.value()["retries"], 2);
            let mut recorded: Vec<_> = states(&world, id).await.iter().map(|s| s.id).collect();
            let mut sent: Vec<_> = events.iter().map(|e| e.id).collect();
            recorded.sort();
            sent.sort();
            assert_eq!(recorded, sent, "each state once");
        }
    }
}

#[tokio::test]
async fn a_task_run_keeps_its_id_when_its_natural_key_comes_again() {
    let world = world().await;
    let flow_run = Some(Uuid::new_v4());
    let (first, second) = (Uuid::new_v4(), Uuid::new_v4());
    life(first, flow_run)[0].record(&world).await;
    life(second, flow_run)[2].record(&world).await;
    assert_eq!(world.get::<TaskRun>(first).await.state_type, Some(StateType::Completed));
    assert!(world.store.get::<TaskRun>(second).await.unwrap().is_none());
    assert_eq!(states(&world, first).await.len(), 2);
}

#[tokio::test]
async fn fields_that_are_not_mentioned_stay() {
    let world = world().await;
    let id = Uuid::new_v4();
    let [_, running, mut completed] = life(id, None);
    running.record(&world).await;
    completed.fields = json!({"task_key": "t", "dynamic_key": "0"});
    completed.record(&world).await;
    let run: TaskRun = world.get(id).await;
    assert_eq!((run.state_type, run.run_count, run.name.as_str()), (Some(StateType::Completed), 1, "calm-0"));
    assert_eq!(run.start_time, Some(running.at()));
}

#[test]
fn what_is_no_report_is_left_alone_and_a_broken_one_says_why() {
    let id = Uuid::new_v4();
    let [pending, ..] = life(id, None);
    let (resource, related) = (json!({"prefect.resource.id": format!("prefect.task-run.{id}")}), json!([]));
    let by_server = TaskRunEvent::parse(id, pending.at(), "prefect.task-run.Pending", &resource, &related, &json!({}));
    assert!(matches!(by_server, Ok(None)));
    let resource = json!({"prefect.orchestration": "client"});
    let flow = TaskRunEvent::parse(id, pending.at(), "prefect.flow-run.Pending", &resource, &related, &json!({}));
    assert!(matches!(flow, Ok(None)));

    let broken = |change: fn(&mut Sent)| {
        let [mut pending, ..] = life(Uuid::nil(), None);
        change(&mut pending);
        pending.read().unwrap_err()
    };
    type Row = (fn(&mut Sent), &'static str);
    let table: [Row; 5] = [
        (|sent| sent.state.1 = "LOST", "payload.validated_state"),
        (|sent| sent.fields = json!(null), "payload.task_run is no object"),
        (|sent| sent.fields = json!({"dynamic_key": "0"}), "payload.task_run.task_key is missing"),
        (|sent| sent.fields = json!({"task_key": "t"}), "payload.task_run.dynamic_key is missing"),
        (|sent| sent.fields["run_count"] = json!("many"), "payload.task_run.run_count"),
    ];
    for (change, reason) in table {
        let said = broken(change);
        assert!(said.starts_with(reason), "{said}");
    }
    let no_task_run =
        TaskRunEvent::parse(id, pending.at(), "prefect.task-run.Pending", &resource, &related, &json!({}));
    assert_eq!(no_task_run.unwrap_err(), "the resource is no task run");
}

/// Two attempts, of 2 and 4 seconds, as early 3.x clients report them: the run time is that of the last attempt.
fn retried(task_run: Uuid, flow_run: Uuid) -> Vec<Sent> {
    let states = [
        (1, ("Pending", "PENDING"), 0, 0.0),
        (3, ("Running", "RUNNING"), 1, 0.0),
        (5, ("AwaitingRetry", "SCHEDULED"), 1, 2.0),
        (8, ("Retrying", "RUNNING"), 2, 0.0),
        (12, ("Completed", "COMPLETED"), 2, 4.0),
    ];
    let sent = |(second, state, run_count, total): (u8, (&'static str, &'static str), i64, f64)| {
        let fields = json!({
            "task_key": "t", "dynamic_key": "0", "run_count": run_count, "total_run_time": total,
        });
        Sent { id: Uuid::new_v4(), task_run, flow_run: Some(flow_run), second, state, fields }
    };
    states.into_iter().map(sent).collect()
}

#[tokio::test]
async fn the_run_time_of_a_retried_task_is_that_of_all_its_attempts_in_any_order_of_arrival() {
    for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [0, 3, 4, 1, 2], [4, 0, 1, 2, 3], [1, 4, 0, 3, 2]] {
        let world = world().await;
        let (id, flow_run) = (Uuid::new_v4(), Uuid::new_v4());
        let events = retried(id, flow_run);
        for n in order {
            record(&world.ops, &events[n].event()).await.unwrap();
        }
        assert_eq!(world.get::<TaskRun>(id).await.total_run_time, 6.0, "{order:?}");
        record(&world.ops, &events[4].event()).await.unwrap();
        assert_eq!(world.get::<TaskRun>(id).await.total_run_time, 6.0, "{order:?}");
    }
    // As they come over one connection: all at once.
    let world = world().await;
    let (id, flow_run) = (Uuid::new_v4(), Uuid::new_v4());
    let mut at_once = tokio::task::JoinSet::new();
    for event in retried(id, flow_run) {
        let (ops, event) = (world.ops.clone(), event.event());
        at_once.spawn(async move { record(&ops, &event).await.unwrap() });
    }
    at_once.join_all().await;
    assert_eq!(world.get::<TaskRun>(id).await.total_run_time, 6.0);
}

#[tokio::test]
async fn a_client_that_knows_more_than_its_recorded_states_is_believed() {
    let world = world().await;
    let (id, flow_run) = (Uuid::new_v4(), Uuid::new_v4());
    let mut events = retried(id, flow_run);
    events[4].fields["total_run_time"] = json!(6.5);
    // The first attempt was never reported.
    for event in &events[3..] {
        record(&world.ops, &event.event()).await.unwrap();
    }
    assert_eq!(world.get::<TaskRun>(id).await.total_run_time, 6.5);
}
