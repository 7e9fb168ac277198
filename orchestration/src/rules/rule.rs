//! What a rule is: when it applies, what it sees, and what it may say.

use mintaka_core::records::{FlowRun, StateType, TaskRun};
use mintaka_core::{Record, Time, Versioned};
use uuid::Uuid;

use super::course::Course;
use super::types::Types;
use crate::caller::Caller;
use crate::state::{Proposed, State, StateDetails};

/// A kind of run that has states.
pub trait Run: Record {
    /// What its rules look at besides the run itself.
    type Around: Default;
    /// The columns that every kind of run derives from its states.
    fn course(&self) -> Course;
    /// Sets them.
    fn set_course(&mut self, course: Course);
    /// Writes into a state's details which run it is of.
    fn stamp(&self, details: &mut StateDetails);
    /// Bookkeeping of this kind of run alone, after that of all kinds.
    fn count(&mut self, state: &State, caller: &Caller);
    /// What a written state causes under every policy.
    fn consequences(&self) -> Vec<Effect>;
}

/// What rules of flow runs look at; read only if a rule says that it [needs](Rule::needs) it.
#[derive(Debug, Default)]
pub struct FlowAround {
    /// Whether the deployment that the run names was deleted.
    pub deployment_gone: bool,
}

/// What rules of task runs look at; read only if a rule says that it [needs](Rule::needs) it.
#[derive(Debug, Default)]
pub struct TaskAround {
    /// The flow run around the task run, if there is one and it exists.
    pub flow_run: Option<Versioned<FlowRun>>,
    /// Its state, if it is PAUSED.
    pub flow_run_state: Option<State>,
    /// The newest state that is cached under the proposed cache key and has not expired.
    pub cached: Option<State>,
}

/// What a rule looks at that has to be read first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// [`FlowAround::deployment_gone`].
    Deployment,
    /// [`TaskAround::flow_run`] and its state.
    FlowRun,
    /// [`TaskAround::cached`].
    Cached,
}

/// Time and chance, so that a judgement is a function of what it is given.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The store's time.
    pub now: Time,
    /// Identifier of the state that may be written.
    pub state_id: Uuid,
    /// The key of a pause that was given none.
    pub pause_key: Uuid,
    /// A random number from 0 to 1.
    pub uniform: f64,
}

/// What a rule sees before the write: the transition as the rules before it have left it.
pub struct View<'a, R: Run> {
    /// The run.
    pub run: &'a R,
    /// The state that it is in.
    pub initial: Option<&'a State>,
    /// The state that it would enter.
    pub proposed: &'a Proposed,
    /// What else was read.
    pub around: &'a R::Around,
    /// Who asks.
    pub caller: &'a Caller,
    /// When.
    pub moment: &'a Moment,
}

impl<R: Run> View<'_, R> {
    /// Type of the current state.
    pub fn from(&self) -> Option<StateType> {
        self.initial.map(|s| s.r#type)
    }
    /// Type of the proposed state.
    pub fn to(&self) -> StateType {
        self.proposed.r#type
    }
}

/// What a rule does with a transition.
#[derive(Debug)]
pub enum Outcome {
    /// Lets it pass.
    Pass,
    /// Writes another state; `None` leaves the run in the state that it is in.
    Reject(Option<Box<Proposed>>, String),
    /// Writes nothing: propose again after so many seconds.
    Wait(i64, String),
    /// Writes nothing.
    Abort(String),
}

/// What a rule says before the write.
#[derive(Debug)]
pub struct Ruling<R> {
    /// What becomes of the transition.
    pub outcome: Outcome,
    /// The proposed state with other name or details, of the same type.
    pub amended: Option<Box<Proposed>>,
    /// The run with other columns.
    pub run: Option<Box<R>>,
    /// What else shall be written.
    pub effects: Vec<Effect>,
}

impl<R> Ruling<R> {
    fn saying(outcome: Outcome) -> Ruling<R> {
        Ruling { outcome, amended: None, run: None, effects: Vec::new() }
    }
    /// Nothing to say.
    pub fn pass() -> Ruling<R> {
        Ruling::saying(Outcome::Pass)
    }
    /// The run stays in its state.
    pub fn keep(reason: impl Into<String>) -> Ruling<R> {
        Ruling::saying(Outcome::Reject(None, reason.into()))
    }
    /// The run enters this state instead.
    pub fn substitute(state: Proposed, reason: impl Into<String>) -> Ruling<R> {
        Ruling::saying(Outcome::Reject(Some(Box::new(state)), reason.into()))
    }
    /// Later.
    pub fn wait(seconds: i64, reason: impl Into<String>) -> Ruling<R> {
        Ruling::saying(Outcome::Wait(seconds, reason.into()))
    }
    /// Never.
    pub fn abort(reason: impl Into<String>) -> Ruling<R> {
        Ruling::saying(Outcome::Abort(reason.into()))
    }
    /// Passes a state of the same type with other name, data or details.
    pub fn amend(state: Proposed) -> Ruling<R> {
        Ruling { amended: Some(Box::new(state)), ..Ruling::pass() }
    }
    /// Also changes the run.
    pub fn changing(mut self, run: R) -> Ruling<R> {
        self.run = Some(Box::new(run));
        self
    }
    /// Also causes this.
    pub fn causing(mut self, effect: Effect) -> Ruling<R> {
        self.effects.push(effect);
        self
    }
}

/// What a rule sees after the write was decided.
pub struct Exit<'a, R: Run> {
    /// The run as it will be.
    pub run: &'a R,
    /// The state that it was in.
    pub initial: Option<&'a State>,
    /// The state that it will be in; the current one if none is written.
    pub validated: Option<&'a State>,
    /// What else was read.
    pub around: &'a R::Around,
    /// Who asks.
    pub caller: &'a Caller,
    /// When.
    pub moment: &'a Moment,
}

/// What a rule says after the write was decided.
#[derive(Debug)]
pub struct After<R> {
    /// The run with other columns.
    pub run: Option<Box<R>>,
    /// What else shall be written.
    pub effects: Vec<Effect>,
}

impl<R> After<R> {
    /// Nothing.
    pub fn nothing() -> After<R> {
        After { run: None, effects: Vec::new() }
    }
    /// A change of the run.
    pub fn changing(run: R) -> After<R> {
        After { run: Some(Box::new(run)), effects: Vec::new() }
    }
    /// Something else to write.
    pub fn causing(effects: Vec<Effect>) -> After<R> {
        After { run: None, effects }
    }
}

/// Something that a transition writes besides the state and the run.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// The written state can stand in for other runs.
    Cache {
        /// Under this key.
        key: String,
        /// Until then.
        expiration: Option<Time>,
    },
    /// The parent's task run enters the written state too.
    MirrorToParentTask,
    /// The inputs of the flow run under these keys are deleted.
    DeleteInputs(Vec<String>),
    /// All FAILED task runs of the flow run are forced to await a retry at this time, as if they had never run.
    RetryFailedTaskRuns(Time),
    /// The event of the state is written.
    Emit,
}

/// Why a transition cannot be judged at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unjudgeable {
    /// The flow run of a task run is gone.
    #[error("Unable to read flow run associated with task run: {0}, this flow run might have been deleted")]
    FlowRunGone(Uuid),
    /// A rule keeps a run in its state that has none.
    #[error("The current run has no state; this transition cannot be rejected without providing a new state.")]
    Stateless,
}

/// What a rule says before the write.
pub type Before<R> = fn(&View<'_, R>) -> Ruling<R>;
/// What a rule says after the write was decided.
pub type Afterwards<R> = fn(&Exit<'_, R>) -> Result<After<R>, Unjudgeable>;

/// A rule, or a transform.
///
/// A rule applies to transitions from `from` to `to`, as long as the rules before it have left the proposed type as it
/// was. A transform applies to every state that is written.
pub struct Rule<R: Run> {
    /// Name of the rule.
    pub name: &'static str,
    /// Types, or no state, that it applies to.
    pub from: Types,
    /// Proposed types that it applies to. If "no state" is in it, what it does [after](Rule::after) also happens when it
    /// kept the run in its state.
    pub to: Types,
    /// Whether it is a transform.
    pub transform: bool,
    /// What has to be read for it.
    pub needs: &'static [Need],
    /// Before the write.
    pub before: Option<Before<R>>,
    /// After the write was decided, if the transition is still the one that the rule left.
    pub after: Option<Afterwards<R>>,
    /// If a later rule changed the transition: takes back what the rule did to the run (first: as the rule found it).
    pub cleanup: Option<fn(&R, &R) -> R>,
}

impl<R: Run> Rule<R> {
    /// A rule with nothing to say yet.
    pub const fn new(name: &'static str, from: Types, to: Types) -> Rule<R> {
        Rule { name, from, to, transform: false, needs: &[], before: None, after: None, cleanup: None }
    }
    /// A transform with nothing to say yet.
    pub const fn transform(name: &'static str) -> Rule<R> {
        Rule { transform: true, ..Rule::new(name, Types::ALL, Types::ALL) }
    }
    /// With [`Rule::needs`].
    pub const fn needing(self, needs: &'static [Need]) -> Rule<R> {
        Rule { needs, ..self }
    }
    /// With [`Rule::before`].
    pub const fn before(self, before: Before<R>) -> Rule<R> {
        Rule { before: Some(before), ..self }
    }
    /// With [`Rule::after`].
    pub const fn after(self, after: Afterwards<R>) -> Rule<R> {
        Rule { after: Some(after), ..self }
    }
    /// With [`Rule::cleanup`].
    pub const fn cleanup(self, cleanup: fn(&R, &R) -> R) -> Rule<R> {
        Rule { cleanup: Some(cleanup), ..self }
    }
}

/// The kinds of run, so that lists of rules can name them.
pub(super) type FlowRule = Rule<FlowRun>;
/// See [`FlowRule`].
pub(super) type TaskRule = Rule<TaskRun>;
