//! What tests judge: runs, states and callers, and a verdict as one line of text.
#![allow(dead_code)] // each test file uses a part

use mintaka_core::records::{FlowRun, StateType, TaskRun};
use mintaka_core::{Json, Time, Versioned};
use mintaka_orchestration::rules::{Case, FlowAround, FlowPolicy, Moment, Run, TaskAround, TaskPolicy, Verdict, judge};
use mintaka_orchestration::{Caller, ClientLine, Proposed, State, StateDetails};
use uuid::Uuid;

/// The time of every judgement.
pub const NOW: Time = Time::from_micros(1_700_000_000_000_000);
/// The time that current states have.
pub const BEFORE: Time = Time::from_micros(1_700_000_000_000_000 - 10_000_000);

pub const V2: Caller = Caller { line: ClientLine::V2, version: Some((2, 20, 26)), api_version: (0, 8, 4) };
pub const V3: Caller = Caller { line: ClientLine::V3, version: Some((3, 9, 1)), api_version: (0, 8, 4) };

pub fn flow_run() -> FlowRun {
    FlowRun {
        id: Uuid::from_u128(1),
        created: BEFORE,
        updated: BEFORE,
        name: "brave-otter".into(),
        flow_id: Uuid::from_u128(2),
        ..FlowRun::default()
    }
}

pub fn task_run() -> TaskRun {
    TaskRun {
        id: Uuid::from_u128(3),
        created: BEFORE,
        updated: BEFORE,
        name: "calm-lynx".into(),
        task_key: "t".into(),
        dynamic_key: "0".into(),
        ..TaskRun::default()
    }
}

/// A current state of a type.
pub fn state(r#type: StateType) -> State {
    State {
        id: Uuid::from_u128(4),
        r#type,
        name: r#type.default_name(),
        timestamp: BEFORE,
        message: None,
        data: None,
        state_details: StateDetails {
            scheduled_time: (r#type == StateType::Scheduled).then_some(BEFORE),
            ..StateDetails::default()
        },
    }
}

pub fn json(text: &str) -> Json {
    serde_json::from_str(text).unwrap()
}

/// A transition to judge.
#[derive(Clone)]
pub struct Try<R, P> {
    pub policy: P,
    pub caller: Caller,
    pub run: R,
    pub initial: Option<State>,
    pub want: Proposed,
}

pub type FlowTry = Try<FlowRun, FlowPolicy>;
pub type TaskTry = Try<TaskRun, TaskPolicy>;

/// A flow run of a 3.x client under the core policy.
pub fn flow(from: impl Into<Option<StateType>>, to: StateType) -> FlowTry {
    attempt(FlowPolicy::Core, flow_run(), from.into(), to)
}

/// A task run of a 3.x client under the core policy.
pub fn task(from: impl Into<Option<StateType>>, to: StateType) -> TaskTry {
    attempt(TaskPolicy::Core, task_run(), from.into(), to)
}

fn attempt<R: Run, P>(policy: P, mut run: R, from: Option<StateType>, to: StateType) -> Try<R, P> {
    let initial = from.map(state);
    let mut course = run.course();
    if let Some(initial) = &initial {
        course.state_id = Some(initial.id);
        course.state_type = Some(initial.r#type);
        course.state_name = Some(initial.name.clone());
        course.state_timestamp = Some(initial.timestamp);
        course.expected_start_time = Some(initial.timestamp);
    }
    run.set_course(course);
    Try { policy, caller: V3, run, initial, want: Proposed::new(to) }
}

impl<R, P> Try<R, P> {
    pub fn by(mut self, caller: Caller) -> Self {
        self.caller = caller;
        self
    }
    pub fn v2(self) -> Self {
        self.by(V2)
    }
    pub fn api(mut self, minor: u32, patch: u32) -> Self {
        self.caller.api_version = (0, minor, patch);
        self
    }
    pub fn under(mut self, policy: P) -> Self {
        self.policy = policy;
        self
    }
    pub fn run(mut self, change: impl FnOnce(&mut R)) -> Self {
        change(&mut self.run);
        self
    }
    pub fn initial(mut self, change: impl FnOnce(&mut State)) -> Self {
        change(self.initial.as_mut().expect("a current state"));
        self
    }
    /// The current state has another name.
    pub fn was(self, name: &str) -> Self {
        self.initial(|s| s.name = name.into())
    }
    pub fn want(mut self, change: impl FnOnce(&mut Proposed)) -> Self {
        change(&mut self.want);
        self
    }
    /// The proposed state has another name.
    pub fn named(self, name: &str) -> Self {
        self.want(|p| p.name = name.into())
    }
    /// Data of the current and of the proposed state.
    pub fn data(mut self, initial: Option<&str>, want: Option<&str>) -> Self {
        self.initial.as_mut().expect("a current state").data = initial.map(json);
        self.want.data = want.map(json);
        self
    }
}

impl FlowTry {
    pub fn deployed(self) -> Self {
        self.run(|r| r.deployment_id = Some(Uuid::from_u128(9)))
    }
    pub fn policy(self, text: &str) -> Self {
        let policy = json(text);
        self.run(|r| r.empirical_policy = policy)
    }
    pub fn judge(&self) -> Verdict<FlowRun> {
        self.judge_around(&FlowAround::default())
    }
    /// The deployment that the run names was deleted.
    pub fn judge_without_deployment(&self) -> Verdict<FlowRun> {
        self.judge_around(&FlowAround { deployment_gone: true })
    }
    fn judge_around(&self, around: &FlowAround) -> Verdict<FlowRun> {
        let case =
            Case { run: &self.run, initial: self.initial.as_ref(), around, caller: &self.caller, moment: &moment() };
        judge(self.policy.rules(self.caller.line), case, self.want.clone()).unwrap()
    }
}

impl TaskTry {
    pub fn policy(self, text: &str) -> Self {
        let policy = json(text);
        self.run(|r| r.empirical_policy = policy)
    }
    pub fn judge(&self, around: &TaskAround) -> Verdict<TaskRun> {
        let case =
            Case { run: &self.run, initial: self.initial.as_ref(), around, caller: &self.caller, moment: &moment() };
        judge(self.policy.rules(self.caller.line), case, self.want.clone()).unwrap()
    }
}

pub fn moment() -> Moment {
    Moment { now: NOW, state_id: Uuid::from_u128(100), pause_key: Uuid::from_u128(101), uniform: 0.5 }
}

/// A flow run around a task run, in a state.
pub fn within(r#type: Option<StateType>, run_count: i64) -> TaskAround {
    let mut flow_run = flow_run();
    flow_run.state_type = r#type;
    flow_run.run_count = run_count;
    TaskAround { flow_run: Some(Versioned { record: flow_run, version: 1 }), ..TaskAround::default() }
}

/// A verdict in one line: status, the name of the state that is written or `-`, and the reason.
pub fn says<R>(verdict: &Verdict<R>) -> String {
    let status = serde_json::to_value(verdict.status).unwrap();
    let state = verdict.state.as_ref().map_or("-", |s| s.name.as_str());
    let mut line = format!("{} {state}", status.as_str().unwrap());
    if let mintaka_orchestration::Details::Wait { delay_seconds, .. } = &verdict.details {
        line += &format!(" {delay_seconds}s");
    }
    if let Some(reason) = verdict.details.reason() {
        line += &format!(": {reason}");
    }
    line
}

/// A verdict in one letter: accepted, kept, substituted, wait, x for abort.
pub fn letter<R>(verdict: &Verdict<R>) -> char {
    use mintaka_orchestration::Status::{Abort, Accept, Reject, Wait};
    match (verdict.status, &verdict.state) {
        (Accept, Some(_)) => 'a',
        (Reject, None) => 'k',
        (Reject, Some(_)) => 's',
        (Wait, None) => 'w',
        (Abort, None) => 'x',
        other => panic!("{other:?}"),
    }
}
