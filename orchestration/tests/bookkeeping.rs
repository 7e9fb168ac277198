//! What written states do to the row of their run.
#![allow(clippy::unwrap_used, clippy::expect_used)] // what a test counts on may fail it

mod given;

use given::{BEFORE, FlowTry, NOW, V2, V3, flow, task};
use mintaka_core::records::StateType::{
    self, Cancelled, Completed, Crashed, Failed, Paused, Pending, Running, Scheduled,
};
use mintaka_orchestration::rules::{FlowPolicy, Run, TaskAround, TaskPolicy};
use uuid::Uuid;

fn forced(from: impl Into<Option<StateType>>, to: StateType) -> FlowTry {
    flow(from, to).under(FlowPolicy::Minimal)
}

#[test]
fn the_run_shows_the_written_state() {
    let verdict = flow(Pending, Running).named("Going").judge();
    let (state, run) = (verdict.state.unwrap(), verdict.run);
    assert_eq!(run.state_id, Some(state.id));
    assert_eq!((run.state_type, run.state_name.as_deref()), (Some(Running), Some("Going")));
    assert_eq!((run.state_timestamp, state.timestamp), (Some(NOW), NOW));
    assert_eq!(state.state_details.flow_run_id, Some(run.id));
    assert_eq!(state.state_details.task_run_id, None);

    let kept = flow(Pending, Pending).judge();
    assert_eq!(kept.run, flow(Pending, Pending).run, "nothing written, nothing changed");
}

#[test]
fn states_of_a_run_never_share_a_time_nor_go_back() {
    for (last, expected) in
        [(BEFORE, NOW), (NOW, NOW.plus_micros(1)), (NOW.plus_seconds(5.0), NOW.plus_micros(5_000_001))]
    {
        let case = flow(Running, Running).run(|r| r.state_timestamp = Some(last));
        assert_eq!(case.judge().state.unwrap().timestamp, expected);
    }
}

#[test]
fn start_and_end_are_set_once_and_the_end_is_taken_back() {
    type Row = (FlowTry, Option<mintaka_core::Time>, Option<mintaka_core::Time>);
    let started = |case: FlowTry| case.run(|r| r.start_time = Some(BEFORE));
    let ended = |case: FlowTry| started(case).run(|r| r.end_time = Some(BEFORE));
    let table: Vec<Row> = vec![
        (flow(Pending, Running), Some(NOW), None),
        (started(flow(Running, Running)), Some(BEFORE), None),
        (started(flow(Running, Completed)), Some(BEFORE), Some(NOW)),
        (flow(Pending, Failed), Some(NOW), Some(NOW)),
        (flow(Pending, Failed).v2(), Some(NOW), Some(NOW)),
        (started(flow(Running, Failed)).v2(), Some(BEFORE), Some(NOW)),
        (ended(forced(Failed, Completed)), Some(BEFORE), Some(BEFORE)),
        (ended(forced(Failed, Running)), Some(BEFORE), None),
        (ended(forced(Failed, Scheduled)), Some(BEFORE), None),
        (flow(None, Scheduled), None, None),
    ];
    for (n, (case, start, end)) in table.into_iter().enumerate() {
        let run = case.judge().run;
        assert_eq!((run.start_time, run.end_time), (start, end), "row {n}");
    }
}

#[test]
fn run_time_counts_what_is_left_not_what_goes_on() {
    for (from, to, total) in [(Running, Completed, 11.5), (Running, Running, 11.5), (Pending, Running, 1.5)] {
        let case = forced(from, to).run(|r| r.total_run_time = 1.5);
        assert_eq!(case.judge().run.total_run_time, total, "{from} -> {to}");
    }
}

#[test]
fn scheduled_times_are_expected_and_next() {
    let at = NOW.plus_seconds(60.0);
    let first = flow(None, Scheduled).want(|p| p.details.scheduled_time = Some(at)).judge().run;
    assert_eq!((first.expected_start_time, first.next_scheduled_start_time), (Some(at), Some(at)));
    assert_eq!((first.sort_time, first.start_delay), (Some(at), None));
    let first = flow(None, Pending).judge().run;
    assert_eq!((first.expected_start_time, first.next_scheduled_start_time), (Some(NOW), None));
    let again = flow(Running, Scheduled).want(|p| p.details.scheduled_time = Some(at)).judge().run;
    assert_eq!((again.expected_start_time, again.next_scheduled_start_time), (Some(BEFORE), Some(at)));
    let left = flow(Scheduled, Pending).run(|r| r.next_scheduled_start_time = Some(BEFORE)).judge().run;
    assert_eq!(left.next_scheduled_start_time, None);
}

#[test]
fn derived_columns_follow_start_and_expectation() {
    let run = flow(Pending, Running).judge().run;
    assert_eq!((run.sort_time, run.start_delay), (Some(NOW), Some(10.0)));
    let early = flow(Pending, Running).run(|r| r.expected_start_time = Some(NOW.plus_seconds(5.0))).judge().run;
    assert_eq!(early.start_delay, Some(0.0));
    let waiting = flow(Scheduled, Pending).judge().run;
    assert_eq!((waiting.sort_time, waiting.start_delay), (Some(BEFORE), None));
    let mut course = waiting.course();
    (course.start_time, course.expected_start_time) = (Some(NOW), None);
    course.derive();
    assert_eq!(course.start_delay, Some(0.0));
}

#[test]
fn entering_running_counts_unless_the_run_resumes() {
    let resuming = r#"{"resuming":true}"#;
    let count = |case: FlowTry| case.run(|r| r.run_count = 1).judge().run.run_count;
    for by in [V2, V3] {
        assert_eq!(count(forced(Pending, Running).by(by)), 2);
        assert_eq!(count(flow(Running, Running).by(by)), 2);
        assert_eq!(count(forced(Pending, Running).policy(resuming).by(by)), 1);
        assert_eq!(count(forced(Pending, Running).policy(resuming).by(by).api(8, 3)), 2);
        assert_eq!(count(forced(Pending, Completed).by(by)), 1);
    }
    let mark = |case: FlowTry| {
        mintaka_orchestration::FlowRunPolicy::of(&case.policy(resuming).judge().run.empirical_policy).is_resuming()
    };
    assert!(!mark(forced(Pending, Running)));
    assert!(!mark(forced(Running, Failed)));
    assert!(mark(forced(Pending, Scheduled)));
    assert!(mark(forced(Pending, Running).api(8, 3)));
}

#[test]
fn a_blocking_pause_counts_its_first_resume_only() {
    // The mark is written after the count: the first resume counts and leaves it, the second does not count.
    let mut case = flow(Paused, Running).run(|r| r.run_count = 1);
    let first = case.judge().run;
    assert_eq!(first.run_count, 2);
    case.run = first;
    assert_eq!(case.judge().run.run_count, 2);
}

#[test]
fn a_subflow_is_stamped_with_its_parent_task() {
    let case = flow(Pending, Running).run(|r| r.parent_task_run_id = Some(Uuid::from_u128(7)));
    assert_eq!(case.judge().state.unwrap().state_details.task_run_id, Some(Uuid::from_u128(7)));
}

#[test]
fn task_runs_are_kept_alike() {
    let around = TaskAround::default();
    let run = task(Pending, Running).under(TaskPolicy::Minimal).run(|r| r.run_count = 1).judge(&around).run;
    assert_eq!((run.run_count, run.start_time, run.flow_run_run_count), (2, Some(NOW), 0));
    let case = task(Running, Completed).run(|r| r.flow_run_id = Some(Uuid::from_u128(1)));
    let verdict = case.judge(&around);
    let details = verdict.state.unwrap().state_details;
    assert_eq!((details.flow_run_id, details.task_run_id), (case.run.flow_run_id, Some(case.run.id)));
    assert_eq!(verdict.run.total_run_time, 10.0);
    for terminal in [Completed, Failed, Cancelled, Crashed] {
        for by in [V2, V3] {
            let run = task(Pending, terminal).by(by).judge(&around).run;
            assert_eq!((run.start_time, run.end_time), (Some(NOW), Some(NOW)));
        }
    }
}
