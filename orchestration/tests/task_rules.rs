//! Rules of task runs, rule by rule and branch by branch, for callers of both lines.
#![allow(clippy::unwrap_used, clippy::expect_used)] // what a test counts on may fail it

mod given;

use given::{BEFORE, NOW, TaskTry, V2, V3, json, letter, says, state, task, task_run, within};
use mintaka_core::records::StateType::{
    self, Cancelled, Cancelling, Completed, Crashed, Failed, Paused, Pending, Running, Scheduled,
};
use mintaka_orchestration::rules::{Case, Effect, Need, TaskAround, TaskPolicy, Unjudgeable, judge, needs};
use mintaka_orchestration::{ClientLine, Proposed};
use uuid::Uuid;

fn alone() -> TaskAround {
    TaskAround::default()
}

fn check(table: impl IntoIterator<Item = (TaskTry, TaskAround, &'static str)>) {
    for (n, (case, around, expected)) in table.into_iter().enumerate() {
        let said = says(&case.judge(&around));
        assert_eq!(said, expected, "row {n}: {:?} -> {:?} {:?}", case.initial, case.want, case.caller);
    }
}

fn in_flow(case: TaskTry) -> TaskTry {
    case.run(|r| r.flow_run_id = Some(Uuid::from_u128(1)))
}

fn grid(policy: TaskPolicy, by: mintaka_orchestration::Caller) -> Vec<String> {
    let from = std::iter::once(None).chain(StateType::ALL.iter().copied().map(Some));
    from.map(|from| {
        StateType::ALL
            .iter()
            .map(|&to| letter(&task(from, to).under(policy).by(by).judge(&alone())))
            .collect::<String>()
    })
    .collect()
}

#[test]
fn every_pair_of_types_is_judged_as_the_policies_say() {
    // Columns: SCHEDULED PENDING RUNNING COMPLETED FAILED CANCELLED CRASHED PAUSED CANCELLING
    let core = vec![
        "aaaaaaaaa", // no state
        "aaaaaaaaa", // SCHEDULED
        "aaaaaaaaa", // PENDING
        "aaaaaaaaa", // RUNNING
        "aaaaaaxxx", // COMPLETED
        "aaaaaaxxx", // FAILED
        "aaaaaaxxx", // CANCELLED
        "aaaaaaxxx", // CRASHED
        "aaaaaaaaa", // PAUSED
        "aaaaaaaaa", // CANCELLING
    ];
    let mut background = core.clone();
    background[2] = "axaaaaaaa";
    background[3] = "axaaaaaaa";
    background[6] = "axaaaaxxx";
    background[9] = "axaaaaaaa";
    for by in [V2, V3] {
        assert_eq!(grid(TaskPolicy::Core, by), core);
        assert_eq!(grid(TaskPolicy::Minimal, by), vec!["aaaaaaaaa"; 10]);
        assert_eq!(grid(TaskPolicy::Background, by), background);
    }
}

#[test]
fn background_task_runs_have_a_policy_that_force_does_not_override() {
    use ClientLine::{V2, V3};
    use TaskPolicy::{Background, Core, Minimal};
    let run = |in_flow: bool| {
        let mut run = task_run();
        run.flow_run_id = in_flow.then(Uuid::nil);
        run
    };
    let want = |deferred| {
        let mut want = Proposed::new(Scheduled);
        want.details.deferred = deferred;
        want
    };
    let table = [
        (V2, false, false, None, Background),
        (V2, true, false, None, Background),
        (V2, true, true, Some(true), Minimal),
        (V2, false, true, Some(true), Core),
        (V3, false, false, None, Core),
        (V3, true, false, Some(false), Minimal),
        (V3, false, true, Some(true), Background),
        (V3, true, true, Some(true), Background),
    ];
    for (line, force, in_flow, deferred, expected) in table {
        let chosen = TaskPolicy::choose(line, force, &run(in_flow), &want(deferred));
        assert_eq!(chosen, expected, "{line:?} {force} {in_flow} {deferred:?}");
    }
}

#[test]
fn rules_say_what_has_to_be_read_for_them() {
    let core = TaskPolicy::Core.rules(ClientLine::V3);
    assert_eq!(needs(core, Some(Pending), Running), [Need::Cached, Need::FlowRun]);
    assert_eq!(needs(core, Some(Running), Completed), []);
    assert_eq!(needs(TaskPolicy::Minimal.rules(ClientLine::V3), Some(Pending), Running), []);
}

#[test]
fn a_cached_result_takes_the_place_of_a_run() {
    let mut cached = state(Completed);
    cached.name = "Anything".into();
    cached.message = Some("done".into());
    cached.data = Some(json(r#"{"type":"reference"}"#));
    cached.state_details.cache_key = Some("k".into());
    let found = || TaskAround { cached: Some(cached.clone()), ..alone() };
    let asks = |key: &str, refresh| {
        task(Pending, Running).want(|p| {
            p.details.cache_key = Some(key.into());
            p.details.refresh_cache = refresh;
        })
    };
    let hit = "REJECT Cached: Retrieved state from cache";
    check([
        (asks("k", None), found(), hit),
        (asks("k", Some(false)).v2(), found(), hit),
        (asks("k", None).under(TaskPolicy::Background), found(), hit),
        (asks("k", Some(true)), found(), "ACCEPT Running"),
        (asks("", None), found(), "ACCEPT Running"),
        (asks("k", None), alone(), "ACCEPT Running"),
        (task(Pending, Running), found(), "ACCEPT Running"),
        (asks("k", None).under(TaskPolicy::Minimal), found(), "ACCEPT Running"),
        // The cache answers even where the flow is not running.
        (in_flow(asks("k", None)), TaskAround { cached: Some(cached.clone()), ..within(Some(Failed), 1) }, hit),
    ]);
    let verdict = asks("k", None).judge(&found());
    let state = verdict.state.unwrap();
    assert_eq!((state.r#type, state.message.as_deref()), (Completed, Some("done")));
    assert_eq!(state.data, cached.data);
    assert!(state.id != cached.id && state.timestamp == NOW);
    assert_eq!(state.state_details.task_run_id, Some(task_run().id));
    assert_eq!(verdict.effects, [], "a state from the cache is not cached again");
}

#[test]
fn a_completed_state_with_a_key_is_cached() {
    let completes = |key: Option<&str>| {
        task(Running, Completed).want(|p| {
            p.details.cache_key = key.map(str::to_owned);
            p.details.cache_expiration = Some(NOW.plus_seconds(9.0));
        })
    };
    let cached = |case: &TaskTry| case.judge(&alone()).effects;
    let effect = |key: &str| Effect::Cache { key: key.into(), expiration: Some(NOW.plus_seconds(9.0)) };
    for by in [V2, V3] {
        assert_eq!(cached(&completes(Some("k")).by(by)), [effect("k")]);
        assert_eq!(cached(&completes(Some("")).by(by)), []);
        assert_eq!(cached(&completes(None).by(by)), []);
        assert_eq!(cached(&completes(Some("k")).by(by).under(TaskPolicy::Minimal)), []);
    }
    let (long, longest) = ("x".repeat(2001), "x".repeat(2000));
    check([
        (
            completes(Some(&long)),
            alone(),
            "REJECT Completed: Cache key exceeded maximum allowed length of 2000 characters.",
        ),
        (completes(Some(&longest)), alone(), "ACCEPT Completed"),
        (completes(Some(&long)).v2(), alone(), "ACCEPT Completed"),
    ]);
    assert_eq!(cached(&completes(Some(&long))), [effect(&long)]);
}

#[test]
fn a_task_run_that_has_ended_runs_again_unless_its_result_is_kept() {
    let kept = Some(r#"{"type":"reference"}"#);
    for by in [V2, V3] {
        check([
            (task(Failed, Cancelling).by(by), alone(), "ABORT -: Run is already FAILED."),
            (task(Completed, Paused).by(by), alone(), "ABORT -: Run is already COMPLETED."),
            (task(Crashed, Crashed).by(by), alone(), "ABORT -: Run is already CRASHED."),
            (task(Completed, Running).data(kept, None).by(by), alone(), "REJECT -: This run is already completed."),
            (task(Completed, Failed).data(kept, None).by(by), alone(), "REJECT -: This run is already completed."),
            (task(Completed, Running).data(Some(r#"{"type":"unpersisted"}"#), None).by(by), alone(), "ACCEPT Running"),
            (task(Failed, Running).data(kept, None).by(by), alone(), "ACCEPT Running"),
            (
                in_flow(task(Failed, Running)).run(|r| r.flow_run_run_count = 1).by(by),
                within(Some(Running), 2),
                "ACCEPT Retrying",
            ),
            (
                in_flow(task(Failed, Running)).run(|r| r.flow_run_run_count = 2).by(by),
                within(Some(Running), 2),
                "ACCEPT Running",
            ),
        ]);
    }
    let run_count = |case: TaskTry, around: TaskAround| case.run(|r| r.run_count = 3).judge(&around).run.run_count;
    assert_eq!(run_count(task(Failed, Pending), alone()), 0);
    assert_eq!(run_count(task(Failed, Running), alone()), 1);
    assert_eq!(run_count(task(Failed, Completed), alone()), 3);
    assert_eq!(run_count(in_flow(task(Failed, Running)), within(Some(Failed), 1)), 3, "stopped by a later rule");
}

#[test]
fn tasks_run_only_while_their_flow_runs() {
    let stopped = "ABORT -: The enclosing flow must be running to begin task execution.";
    let paused = "REJECT NotReady: The flow is paused, new tasks can execute after resuming flow run: \
                  00000000-0000-0000-0000-000000000001.";
    for by in [V2, V3] {
        check([
            (in_flow(task(Pending, Running)).by(by), within(Some(Running), 1), "ACCEPT Running"),
            (in_flow(task(Pending, Running)).by(by), within(None, 0), stopped),
            (in_flow(task(Pending, Running)).by(by), within(Some(Pending), 0), stopped),
            (in_flow(task(None, Running)).by(by), within(Some(Cancelling), 1), stopped),
            (in_flow(task(Pending, Running)).by(by), within(Some(Paused), 1), paused),
            (in_flow(task(Pending, Completed)).by(by), within(Some(Failed), 1), "ACCEPT Completed"),
            (
                in_flow(task(Pending, Running)).by(by).under(TaskPolicy::Background),
                within(Some(Failed), 1),
                "ACCEPT Running",
            ),
        ]);
    }
    let mut flow_paused = within(Some(Paused), 1);
    let mut flow_state = state(Paused);
    flow_state.state_details.pause_timeout = Some(NOW);
    flow_state.state_details.pause_reschedule = true;
    flow_paused.flow_run_state = Some(flow_state);
    let not_ready = in_flow(task(Pending, Running)).judge(&flow_paused).state.unwrap();
    assert_eq!(not_ready.r#type, Paused);
    assert_eq!(not_ready.state_details.pause_timeout, Some(NOW));
    assert!(not_ready.state_details.pause_reschedule);
}

#[test]
fn a_failed_task_run_is_retried_as_often_as_it_says() {
    let failing = |policy: &str, run_count: i64| {
        task(Running, Failed)
            .policy(policy)
            .run(|r| r.run_count = run_count)
            .want(|p| (p.message, p.data) = (Some("oops".into()), Some(json(r#"{"a":1}"#))))
    };
    let retry = "REJECT AwaitingRetry: Retrying";
    for by in [V2, V3] {
        check([
            (failing("{}", 1).by(by), alone(), "ACCEPT Failed"),
            (failing(r#"{"retries":2}"#, 2).by(by), alone(), retry),
            (failing(r#"{"retries":2}"#, 3).by(by), alone(), "ACCEPT Failed"),
            (failing(r#"{"retries":2}"#, 2).by(by).under(TaskPolicy::Background), alone(), retry),
            (failing(r#"{"retries":2}"#, 2).by(by).under(TaskPolicy::Minimal), alone(), "ACCEPT Failed"),
            (
                failing(r#"{"retries":2}"#, 2).want(|p| p.details.retriable = Some(false)).by(by),
                alone(),
                "ACCEPT Failed",
            ),
            (failing(r#"{"retries":2}"#, 2).want(|p| p.details.retriable = Some(true)).by(by), alone(), retry),
        ]);
    }
    let state = failing(r#"{"retries":3,"retry_delay":[1,2.5]}"#, 3).judge(&alone()).state.unwrap();
    assert_eq!(state.state_details.scheduled_time, Some(NOW.plus_seconds(2.5)));
    assert_eq!((state.message.as_deref(), state.data), (Some("oops"), Some(json(r#"{"a":1}"#))));
    let jittered = failing(r#"{"retries":3,"retry_delay":10,"retry_jitter_factor":1.0}"#, 1);
    let delay = jittered.judge(&alone()).state.unwrap().state_details.scheduled_time.unwrap().seconds_since(NOW);
    assert!((4.0..20.0).contains(&delay) && (delay - 10.0).abs() > 1e-3, "{delay}");
}

#[test]
fn the_name_tells_that_a_task_runs_again() {
    let again = |from, name: &str, run_count: i64| task(from, Running).was(name).run(|r| r.run_count = run_count);
    for by in [V2, V3] {
        check([
            (again(Scheduled, "AwaitingRetry", 1).by(by), alone(), "ACCEPT Retrying"),
            (again(Pending, "Pending", 1).by(by), alone(), "ACCEPT Rerunning"),
            (again(Pending, "Pending", 0).by(by), alone(), "ACCEPT Running"),
            (again(Scheduled, "AwaitingRetry", 0).by(by), alone(), "ACCEPT Running"),
            (task(None, Running).run(|r| r.run_count = 1).by(by), alone(), "ACCEPT Running"),
            (again(Failed, "Failed", 1).by(by), alone(), "ACCEPT Running"),
            (again(Scheduled, "AwaitingRetry", 1).by(by).under(TaskPolicy::Minimal), alone(), "ACCEPT Running"),
        ]);
    }
}

#[test]
fn a_task_run_remembers_the_attempt_of_its_flow() {
    let tracked = |case: TaskTry, around: TaskAround| case.judge(&around).run.flow_run_run_count;
    assert_eq!(tracked(in_flow(task(Pending, Running)), within(Some(Running), 4)), 4);
    assert_eq!(tracked(in_flow(task(Pending, Completed)), within(Some(Running), 4)), 0);
    assert_eq!(tracked(in_flow(task(Pending, Running)), within(Some(Failed), 4)), 0, "aborted");
    assert_eq!(tracked(in_flow(task(Pending, Running)).under(TaskPolicy::Minimal), within(Some(Running), 4)), 0);
    assert_eq!(tracked(task(Pending, Running), alone()), 0);

    let orphan = in_flow(task(Pending, Running));
    let case = Case {
        run: &orphan.run,
        initial: orphan.initial.as_ref(),
        around: &alone(),
        caller: &V3,
        moment: &given::moment(),
    };
    let error = judge(TaskPolicy::Core.rules(ClientLine::V3), case, orphan.want.clone()).unwrap_err();
    assert_eq!(error, Unjudgeable::FlowRunGone(orphan.run.id));
}

#[test]
fn background_task_runs_are_taken_once_and_keep_their_parameters() {
    let background = |case: TaskTry| case.under(TaskPolicy::Background);
    let parameters = |case: TaskTry, own: Option<u128>| {
        background(case)
            .initial(|s| s.state_details.task_parameters_id = Some(Uuid::from_u128(5)))
            .want(|p| p.details.task_parameters_id = own.map(Uuid::from_u128))
            .judge(&alone())
            .state
            .unwrap()
            .state_details
            .task_parameters_id
            .map(|id| id.as_u128())
    };
    assert_eq!(parameters(task(Scheduled, Pending), None), Some(5));
    assert_eq!(parameters(task(Pending, Running), None), Some(5));
    assert_eq!(parameters(task(Pending, Running), Some(6)), Some(6));
    assert_eq!(parameters(task(Running, Completed), None), None);
    assert_eq!(parameters(task(Scheduled, Pending).v2(), None), Some(5));

    let taken = "ABORT -: This run is in a RUNNING state and cannot transition to a PENDING state.";
    check([
        (background(task(Running, Pending)), alone(), taken),
        (background(task(Running, Pending)).v2(), alone(), taken),
        (background(task(Pending, Pending)).named("Submitting"), alone(), "ACCEPT Submitting"),
        (task(Running, Pending), alone(), "ACCEPT Pending"),
        (background(task(Cancelled, Running)), alone(), "ACCEPT Running"),
    ]);
}

#[test]
fn task_runs_wait_for_their_time_too() {
    let later = |case: TaskTry| case.initial(|s| s.state_details.scheduled_time = Some(NOW.plus_seconds(3.0)));
    for policy in [TaskPolicy::Core, TaskPolicy::Background] {
        check([
            (later(task(Scheduled, Running)).under(policy), alone(), "WAIT - 3s: Scheduled time is in the future"),
            (task(Scheduled, Running).under(policy), alone(), "ACCEPT Running"),
        ]);
        let pending = task(Scheduled, Pending).under(policy).judge(&alone()).state.unwrap();
        assert_eq!(pending.state_details.scheduled_time, Some(BEFORE));
    }
    check([(later(task(Scheduled, Running)).under(TaskPolicy::Minimal), alone(), "ACCEPT Running")]);
}

#[test]
fn a_forced_completion_has_an_unknown_result_in_the_2_x_line() {
    let forced = task(Failed, Completed).data(Some(r#"{"type":"reference"}"#), None).under(TaskPolicy::Minimal);
    assert_eq!(forced.judge(&alone()).state.unwrap().data, None);
    let data = forced.v2().judge(&alone()).state.unwrap().data.unwrap().value();
    assert_eq!((&data["type"], &data["value"]), (&"unknown".into(), &serde_json::Value::Null));
}
