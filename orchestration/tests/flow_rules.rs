//! Rules of flow runs, rule by rule and branch by branch, for callers of both lines.
#![allow(clippy::unwrap_used, clippy::expect_used)] // what a test counts on may fail it

mod given;

use given::{BEFORE, FlowTry, NOW, V2, V3, flow, json, letter, says};
use mintaka_core::records::StateType::{
    self, Cancelled, Cancelling, Completed, Crashed, Failed, Paused, Pending, Running, Scheduled,
};
use mintaka_orchestration::rules::{Effect, FlowPolicy};
use mintaka_orchestration::{FlowRunPolicy, RetryType};
use uuid::Uuid;

fn check(table: impl IntoIterator<Item = (FlowTry, &'static str)>) {
    for (n, (case, expected)) in table.into_iter().enumerate() {
        let said = says(&case.judge());
        assert_eq!(said, expected, "row {n}: {:?} -> {:?} {:?}", case.initial, case.want, case.caller);
    }
}

fn policy_after(case: &FlowTry) -> FlowRunPolicy {
    FlowRunPolicy::of(&case.judge().run.empirical_policy)
}

/// Rows: no state, then every type. Columns: every proposed type. Letters as in `given::letter`.
fn grid(policy: FlowPolicy, by: mintaka_orchestration::Caller) -> Vec<String> {
    let from = std::iter::once(None).chain(StateType::ALL.iter().copied().map(Some));
    from.map(|from| {
        StateType::ALL.iter().map(|&to| letter(&flow(from, to).under(policy).by(by).judge())).collect::<String>()
    })
    .collect()
}

#[test]
fn every_pair_of_types_is_judged_as_the_core_policy_of_each_line_says() {
    // Columns: SCHEDULED PENDING RUNNING COMPLETED FAILED CANCELLED CRASHED PAUSED CANCELLING
    let mut expected = [
        "aaaaaaaxa", // no state
        "aaaaaaaks", // SCHEDULED
        "axaaaaaka", // PENDING
        "axaaaaaaa", // RUNNING
        "xaaaaaxxx", // COMPLETED
        "xaaaaaxxx", // FAILED
        "xxaaaaxxx", // CANCELLED
        "xaaaaaxxx", // CRASHED
        "akaaaaaka", // PAUSED
        "kkkkkakkk", // CANCELLING
    ];
    assert_eq!(grid(FlowPolicy::Core, V3), expected);
    expected[6] = "xkkkkaxxx"; // a process of the 2.x line must learn that its run was cancelled
    assert_eq!(grid(FlowPolicy::Core, V2), expected);
}

#[test]
fn force_passes_over_all_but_the_bypass_of_cancelling() {
    for by in [V2, V3] {
        let mut expected = vec!["aaaaaaaaa"; 10];
        expected[1] = "aaaaaaaas";
        assert_eq!(grid(FlowPolicy::Minimal, by), expected);
        assert_eq!(grid(FlowPolicy::MarkLate, by), vec!["aaaaaaaaa"; 10]);
    }
}

#[test]
fn a_repeated_transition_is_recognised_by_its_id() {
    let with = |before: Option<u128>, now: Option<u128>| {
        flow(Running, Running)
            .initial(|s| s.state_details.transition_id = before.map(Uuid::from_u128))
            .want(|p| p.details.transition_id = now.map(Uuid::from_u128))
    };
    let repeated = "REJECT -: This run has already made this state transition.";
    check([
        (with(Some(1), Some(1)), repeated),
        (with(Some(1), Some(1)).v2(), repeated),
        (with(Some(1), Some(2)), "ACCEPT Running"),
        (with(None, Some(1)), "ACCEPT Running"),
        (with(Some(1), None), "ACCEPT Running"),
        (with(None, None), "ACCEPT Running"),
        (flow(None, Running).want(|p| p.details.transition_id = Some(Uuid::nil())), "ACCEPT Running"),
    ]);
}

#[test]
fn a_run_that_has_ended_goes_on_only_where_it_makes_sense() {
    let kept = Some(r#"{"type":"reference"}"#);
    let lost =
        "REJECT -: Cannot overwrite a COMPLETED state that carries persisted result data with one that does not.";
    check([
        (flow(Failed, Cancelling), "ABORT -: Run is already in terminal state FAILED."),
        (flow(Completed, Paused), "ABORT -: Run is already in terminal state COMPLETED."),
        (flow(Cancelled, Crashed).v2(), "ABORT -: Run is already in terminal state CANCELLED."),
        (flow(Completed, Running).data(kept, None), "REJECT -: Run is already COMPLETED."),
        (flow(Completed, Running).data(kept, None).v2(), "REJECT -: Run is already COMPLETED."),
        (flow(Completed, Running).data(Some(r#"{"type":"unpersisted"}"#), None), "ACCEPT Running"),
        (flow(Completed, Running).data(Some("{}"), None), "ACCEPT Running"),
        (flow(Completed, Running).data(Some("\"text\""), None), "ACCEPT Running"),
        (flow(Failed, Running).data(kept, None), "ACCEPT Running"),
        (flow(Completed, Failed).data(kept, None), "ACCEPT Failed"),
        (flow(Completed, Completed).data(kept, None), lost),
        (flow(Completed, Completed).data(kept, Some(r#"{"type":"unpersisted"}"#)), lost),
        (flow(Completed, Completed).data(kept, kept), "ACCEPT Completed"),
        (flow(Completed, Completed).data(kept, None).v2(), lost),
        (flow(Completed, Completed).data(kept, None).under(FlowPolicy::Minimal), lost),
        (flow(Completed, Completed).data(kept, kept).under(FlowPolicy::Minimal), "ACCEPT Completed"),
        (flow(Completed, Completed).data(kept, None).under(FlowPolicy::Minimal).v2(), lost),
        (flow(Completed, Running).data(kept, None).under(FlowPolicy::Minimal), "ACCEPT Running"),
        (flow(Failed, Scheduled), "ABORT -: Cannot reschedule a run without an associated deployment."),
        (flow(Failed, Scheduled).deployed(), "ACCEPT Scheduled"),
        (flow(Cancelled, Scheduled).deployed(), "ACCEPT Scheduled"),
        (flow(Cancelled, Scheduled).deployed().v2(), "ACCEPT Scheduled"),
        (flow(Crashed, Completed), "ACCEPT Completed"),
    ]);
}

#[test]
fn a_run_whose_deployment_was_deleted_is_not_scheduled_again() {
    let gone = "ABORT -: Cannot reschedule a run whose deployment was deleted, because nothing would run it. Deploy \
                the flow again and start a new run.";
    let says = |case: FlowTry| says(&case.judge_without_deployment());
    for by in [V2, V3] {
        for from in [Failed, Crashed, Cancelled, Completed] {
            let retry = flow(from, Scheduled).named("AwaitingRetry").deployed().by(by);
            assert_eq!(says(retry.clone()), gone);
            assert_eq!(says(retry.clone().under(FlowPolicy::Minimal)), gone);
            assert_eq!(given::says(&retry.under(FlowPolicy::Minimal).judge()), "ACCEPT AwaitingRetry");
        }
        let suspended = |case: FlowTry| case.initial(|s| s.state_details.pause_reschedule = true).deployed().by(by);
        assert_eq!(
            says(suspended(flow(Paused, Scheduled)).named("Resuming")),
            "REJECT -: Cannot reschedule a resuming flow run without a deployment."
        );
        assert_eq!(
            says(
                flow(Running, Paused).named("Suspended").want(|p| p.details.pause_reschedule = true).deployed().by(by)
            ),
            "ABORT -: Cannot suspend flows without a deployment."
        );
        assert_eq!(says(flow(Failed, Running).deployed().by(by)), "ACCEPT Running", "by its own process");
        assert_eq!(says(suspended(flow(Paused, Cancelled))), "ACCEPT Cancelled", "it may end");
        assert_eq!(says(flow(Paused, Running).deployed().by(by)), "ACCEPT Running");
    }
}

#[test]
fn who_retries_a_run_by_force_hands_it_to_workers() {
    for by in [V2, V3] {
        for from in [Failed, Crashed, Cancelled] {
            let retry = flow(from, Scheduled).deployed().under(FlowPolicy::Minimal).by(by);
            let own = retry.clone().policy(r#"{"retries":1,"retry_type":"in_process"}"#);
            assert_eq!(policy_after(&own).retry_type, Some(RetryType::Reschedule), "{from}");
            assert_eq!(policy_after(&retry).retry_type, None, "{from}");
        }
    }
}

#[test]
fn leaving_the_end_forgets_pauses_unless_something_stops_it() {
    let paused = r#"{"pause_keys":["a"],"resuming":true,"retry_type":"in_process"}"#;
    let retry_type = |case: &FlowTry| {
        let policy = serde_json::to_value(policy_after(case)).unwrap();
        (policy["pause_keys"].as_array().unwrap().len(), policy["resuming"].clone(), policy["retry_type"].clone())
    };
    let fresh = flow(Failed, Running).policy(paused);
    assert_eq!(retry_type(&fresh), (0, false.into(), serde_json::Value::Null));
    let rescheduled = flow(Failed, Scheduled).deployed().policy(paused);
    assert_eq!(retry_type(&rescheduled), (0, false.into(), "reschedule".into()));
    let old_client = flow(Failed, Running).policy(paused).api(8, 3);
    assert_eq!(retry_type(&old_client), (1, true.into(), "in_process".into()));
    let still_ended = flow(Failed, Completed).policy(paused);
    assert_eq!(retry_type(&still_ended), (1, false.into(), "in_process".into()));
    // A later rule keeps the run where it is: the policy is as it was.
    let late = flow(Failed, Scheduled).deployed().named("Late").policy(paused);
    assert_eq!(says(&late.judge()), "REJECT -: Only scheduled flows can be marked late.");
    assert_eq!(retry_type(&late), (1, true.into(), "in_process".into()));
    let cancelled = flow(Cancelled, Running).policy(paused).v2();
    assert_eq!(retry_type(&cancelled), (1, true.into(), "in_process".into()));
}

#[test]
fn a_run_without_infrastructure_is_cancelled_at_once() {
    let scheduled = "REJECT Cancelled: Scheduled flow run has no infrastructure to terminate.";
    let suspended = "REJECT Cancelled: Suspended flow run has no infrastructure to terminate.";
    let pid = |case: FlowTry| case.run(|r| r.infrastructure_pid = Some("host:1".into()));
    let suspend = |case: FlowTry| case.initial(|s| s.state_details.pause_reschedule = true);
    for policy in [FlowPolicy::Core, FlowPolicy::Minimal] {
        for by in [V2, V3] {
            check([
                (flow(Scheduled, Cancelling).under(policy).by(by), scheduled),
                (pid(flow(Scheduled, Cancelling)).under(policy).by(by), "ACCEPT Cancelling"),
                (pid(flow(Scheduled, Cancelling)).was("Resuming").under(policy).by(by), scheduled),
                (suspend(flow(Paused, Cancelling)).under(policy).by(by), suspended),
                (flow(Pending, Cancelling).under(policy).by(by), "ACCEPT Cancelling"),
            ]);
        }
    }
}

#[test]
fn only_one_worker_takes_a_run() {
    for (from, word) in [(Pending, "PENDING"), (Running, "RUNNING"), (Cancelled, "CANCELLED")] {
        let expected = format!("ABORT -: This run is in a {word} state and cannot transition to a PENDING state.");
        assert_eq!(says(&flow(from, Pending).judge()), expected);
    }
    let abort = "ABORT -: This run is in a PENDING state and cannot transition to a PENDING state.";
    check([
        (flow(Pending, Pending).named("Submitting"), "ACCEPT Submitting"),
        (flow(Pending, Pending).was("Submitting").named("InfrastructurePending"), "ACCEPT InfrastructurePending"),
        (flow(Pending, Pending).was("Submitting").named("Submitting"), abort),
        (flow(Pending, Pending).was("Submitting"), abort),
        (flow(Pending, Pending).named("Submitting").v2(), abort),
        (flow(Pending, Pending).v2(), abort),
        (flow(Failed, Pending), "ACCEPT Pending"),
        (flow(Scheduled, Pending), "ACCEPT Pending"),
    ]);
    let verdict = flow(Pending, Pending)
        .named("Submitting")
        .initial(|s| {
            s.state_details.scheduled_time = Some(BEFORE);
            s.state_details.deployment_concurrency_lease_id = Some(Uuid::from_u128(5));
        })
        .judge();
    let details = verdict.state.unwrap().state_details;
    assert_eq!(details.scheduled_time, Some(BEFORE));
    assert_eq!(details.deployment_concurrency_lease_id, Some(Uuid::from_u128(5)));
}

#[test]
fn only_waiting_runs_are_late_and_only_once() {
    for policy in [FlowPolicy::Core, FlowPolicy::MarkLate] {
        check([
            (flow(Scheduled, Scheduled).named("Late").under(policy), "ACCEPT Late"),
            (
                flow(Running, Scheduled).named("Late").under(policy),
                "REJECT -: Only scheduled flows can be marked late.",
            ),
            (
                flow(Scheduled, Scheduled).was("Late").named("Late").under(policy),
                "REJECT -: This flow run is already marked late.",
            ),
            (
                flow(Scheduled, Scheduled).was("Late").named("Late").under(policy).v2(),
                "REJECT -: This flow run is already marked late.",
            ),
            (flow(Scheduled, Scheduled).was("Late").under(policy), "ACCEPT Scheduled"),
            (flow(None, Scheduled).named("Late").under(policy), "ACCEPT Late"),
        ]);
    }
}

#[test]
fn a_running_flow_pauses_once_per_key() {
    let reschedule = |case: FlowTry| case.want(|p| p.details.pause_reschedule = true);
    let key = |case: FlowTry| case.want(|p| p.details.pause_key = Some("k".into()));
    check([
        (flow(None, Paused), "ABORT -: Cannot pause flows with no state."),
        (flow(None, Paused).named("Suspended"), "ABORT -: Cannot suspend flows with no state."),
        (flow(Pending, Paused), "REJECT -: Cannot pause flows that are not currently running."),
        (
            flow(Scheduled, Paused).named("Suspended").v2(),
            "REJECT -: Cannot suspend flows that are not currently running.",
        ),
        (flow(Running, Paused), "ACCEPT Paused"),
        (key(flow(Running, Paused)), "ACCEPT Paused"),
        (key(flow(Running, Paused)).policy(r#"{"pause_keys":["k"]}"#), "REJECT -: This pause has already fired."),
        (
            key(flow(Running, Paused)).named("Suspended").policy(r#"{"pause_keys":["k"]}"#).v2(),
            "REJECT -: This suspend has already fired.",
        ),
        (
            reschedule(flow(Running, Paused)).run(|r| r.parent_task_run_id = Some(Uuid::nil())),
            "ABORT -: Cannot pause subflows.",
        ),
        (reschedule(flow(Running, Paused)).named("Suspended"), "ABORT -: Cannot suspend flows without a deployment."),
        (reschedule(flow(Running, Paused)).named("Suspended").deployed(), "ACCEPT Suspended"),
    ]);
    assert_eq!(policy_after(&key(flow(Running, Paused)).policy(r#"{"pause_keys":["a"]}"#)).pause_keys, ["a", "k"]);
    assert_eq!(policy_after(&flow(Running, Paused)).pause_keys, [Uuid::from_u128(101).to_string()]);
    assert!(policy_after(&flow(Pending, Paused)).pause_keys.is_empty());

    let with_inputs = flow(Running, Paused)
        .want(|p| p.details.run_input_keyset = Some([("schema".into(), "paused-1-schema".into())].into()));
    let deleted = Effect::DeleteInputs(vec!["paused-1-schema".into()]);
    assert!(with_inputs.judge().effects.contains(&deleted));
    assert!(with_inputs.v2().judge().effects.contains(&deleted));
}

#[test]
fn a_paused_run_resumes_in_time() {
    let suspended = |case: FlowTry| case.initial(|s| s.state_details.pause_reschedule = true);
    let timed_out = |case: FlowTry| case.initial(|s| s.state_details.pause_timeout = Some(BEFORE));
    let in_time = |case: FlowTry| case.initial(|s| s.state_details.pause_timeout = Some(NOW.plus_micros(1)));
    check([
        (
            flow(Paused, Pending),
            "REJECT -: This run cannot transition to the StateType.PENDING state from the StateType.PAUSED state.",
        ),
        (flow(Paused, Cancelling), "ACCEPT Cancelling"),
        (flow(Paused, Cancelling).v2(), "ACCEPT Cancelling"),
        (timed_out(flow(Paused, Cancelling)), "ACCEPT Cancelling"),
        (suspended(flow(Paused, Running)), "REJECT -: Cannot reschedule a running flow run without a deployment."),
        (
            suspended(flow(Paused, Scheduled)).named("Resuming").v2(),
            "REJECT -: Cannot reschedule a resuming flow run without a deployment.",
        ),
        (suspended(flow(Paused, Scheduled)).named("Resuming").deployed(), "ACCEPT Resuming"),
        (timed_out(flow(Paused, Running)), "REJECT Failed: The flow run pause has timed out and can no longer resume."),
        (
            timed_out(flow(Paused, Running)).v2(),
            "REJECT Failed: The flow run pause has timed out and can no longer resume.",
        ),
        (in_time(flow(Paused, Running)), "ACCEPT Running"),
        (flow(Paused, Failed), "ACCEPT Failed"),
    ]);
    let failed = timed_out(flow(Paused, Running)).judge().state.unwrap();
    assert_eq!((failed.r#type, failed.message.as_deref()), (Failed, Some("The flow was running and never resumed.")));
}

#[test]
fn what_leaves_a_pause_is_marked_as_resuming() {
    let paused = r#"{"pause_keys":["k"]}"#;
    let after = |case: FlowTry| {
        let policy = policy_after(&case.policy(paused));
        (policy.is_resuming(), policy.pause_keys.len(), policy.retry_type.is_some())
    };
    let suspended = |case: FlowTry| case.initial(|s| s.state_details.pause_reschedule = true);
    assert_eq!(after(flow(Paused, Running)), (true, 1, false));
    assert_eq!(after(suspended(flow(Paused, Scheduled)).deployed()), (true, 1, false));
    // A blocking pause that is scheduled anew begins a new attempt, for those who know pauses.
    assert_eq!(after(flow(Paused, Scheduled)), (false, 0, true));
    assert_eq!(after(flow(Paused, Scheduled).api(8, 3)), (true, 1, false));
    assert_eq!(after(flow(Paused, Scheduled).v2()), (false, 0, true));
    // The mark is set even if the run stays paused.
    assert_eq!(after(flow(Paused, Pending)), (true, 1, false));
    // Nothing is marked when an earlier rule took over.
    assert_eq!(after(suspended(flow(Paused, Cancelling))), (false, 1, false));
}

#[test]
fn a_time_is_kept_and_waited_for() {
    let at =
        |case: FlowTry, micros: i64| case.initial(|s| s.state_details.scheduled_time = Some(NOW.plus_micros(micros)));
    for by in [V2, V3] {
        check([
            (at(flow(Scheduled, Running), 5_400_000).by(by), "WAIT - 5s: Scheduled time is in the future"),
            (at(flow(Scheduled, Running), 5_600_000).by(by), "WAIT - 6s: Scheduled time is in the future"),
            (at(flow(Pending, Running), 1_000_000).by(by), "WAIT - 1s: Scheduled time is in the future"),
            (at(flow(Pending, Running), 500_000).by(by), "ACCEPT Running"),
            (at(flow(Scheduled, Running), 0).by(by), "ACCEPT Running"),
            (at(flow(Scheduled, Running), -9_400_000).by(by), "ACCEPT Running"),
            (at(flow(Running, Running), 9_000_000).by(by), "ACCEPT Running"),
        ]);
    }
    let scheduled = |case: FlowTry| case.judge().state.unwrap().state_details.scheduled_time;
    assert_eq!(scheduled(flow(Scheduled, Pending)), Some(BEFORE));
    let own = flow(Scheduled, Pending).want(|p| p.details.scheduled_time = Some(NOW));
    assert_eq!(scheduled(own), Some(NOW));
    assert_eq!(scheduled(flow(Running, Scheduled)), Some(NOW), "SCHEDULED without a time is for now");
}

#[test]
fn a_failed_run_is_retried_as_often_as_it_says() {
    let failing = |policy: &str, run_count: i64| {
        flow(Running, Failed)
            .policy(policy)
            .run(|r| r.run_count = run_count)
            .want(|p| (p.message, p.data) = (Some("oops".into()), Some(json(r#"{"a":1}"#))))
    };
    for by in [V2, V3] {
        check([
            (failing("{}", 1).by(by), "ACCEPT Failed"),
            (failing(r#"{"retries":1}"#, 1).by(by), "REJECT AwaitingRetry: Retrying"),
            (failing(r#"{"max_retries":1}"#, 1).by(by), "REJECT AwaitingRetry: Retrying"),
            (failing(r#"{"retries":1}"#, 2).by(by), "ACCEPT Failed"),
            (failing(r#"{"retries":1}"#, 1).by(by).under(FlowPolicy::Minimal), "ACCEPT Failed"),
        ]);
    }
    let retried = failing(r#"{"retries":1,"retry_delay":7,"pause_keys":["k"],"resuming":true}"#, 1)
        .initial(|s| s.state_details.deployment_concurrency_lease_id = Some(Uuid::from_u128(5)));
    let verdict = retried.judge();
    let state = verdict.state.unwrap();
    assert_eq!((state.r#type, state.message.as_deref()), (Scheduled, Some("oops")));
    assert_eq!(state.data, Some(json(r#"{"a":1}"#)));
    assert_eq!(state.state_details.scheduled_time, Some(NOW.plus_seconds(7.0)));
    assert_eq!(state.state_details.deployment_concurrency_lease_id, Some(Uuid::from_u128(5)));
    let policy = serde_json::to_value(policy_after(&retried)).unwrap();
    assert_eq!((&policy["retry_type"], &policy["resuming"]), (&"in_process".into(), &false.into()));
    assert_eq!(policy["pause_keys"], serde_json::json!([]));
    let of_v2 = retried.clone().v2().judge().state.unwrap();
    assert_eq!(of_v2.state_details.deployment_concurrency_lease_id, Some(Uuid::from_u128(5)));

    let mut old = retried.clone().api(8, 2);
    assert!(old.judge().effects.contains(&Effect::RetryFailedTaskRuns(NOW.plus_seconds(7.0))));
    assert_eq!(policy_after(&old).pause_keys, ["k"]);
    old = old.api(8, 3);
    assert!(!old.judge().effects.iter().any(|e| matches!(e, Effect::RetryFailedTaskRuns(_))));

    let last = failing(r#"{"retries":1,"retry_type":"in_process"}"#, 2);
    assert_eq!(policy_after(&last).retry_type, None);
    assert_eq!(policy_after(&last.v2()).retry_type, None);
}

#[test]
fn a_failure_forced_to_completed_has_an_unknown_result_in_the_2_x_line() {
    let forced = |from, data: &str| flow(from, Completed).data(Some(data), None).under(FlowPolicy::Minimal);
    let kind = |case: FlowTry| case.judge().state.unwrap().data.map(|d| d.value()["type"].clone());
    assert_eq!(kind(forced(Failed, r#"{"type":"reference"}"#).v2()), Some("unknown".into()));
    assert_eq!(kind(forced(Crashed, r#"{"type":"reference"}"#).v2()), Some("unknown".into()));
    assert_eq!(kind(forced(Failed, r#"{"type":"literal"}"#).v2()), None);
    assert_eq!(kind(forced(Cancelled, r#"{"type":"reference"}"#).v2()), None);
    assert_eq!(kind(forced(Failed, r#"{"type":"reference"}"#)), None);
}

#[test]
fn every_written_state_is_an_event_and_mirrored_if_the_run_has_a_parent() {
    let parent = |r: &mut mintaka_core::records::FlowRun| r.parent_task_run_id = Some(Uuid::from_u128(7));
    for policy in [FlowPolicy::Core, FlowPolicy::Minimal, FlowPolicy::MarkLate] {
        for by in [V2, V3] {
            let written = flow(Pending, Running).under(policy).by(by);
            assert_eq!(written.judge().effects, [Effect::Emit]);
            assert_eq!(written.run(parent).judge().effects, [Effect::MirrorToParentTask, Effect::Emit]);
        }
    }
    assert_eq!(flow(Pending, Pending).run(parent).judge().effects, []);
    assert_eq!(flow(Paused, Pending).run(parent).judge().effects, []);
}
