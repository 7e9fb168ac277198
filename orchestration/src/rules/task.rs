//! Rules of task runs.

use mintaka_core::records::StateType::{Cancelling, Completed, Crashed, Failed, Paused, Pending, Running, Scheduled};
use mintaka_core::records::TaskRun;

use super::both::completed_with;
use super::retry_delay;
use super::rule::{After, Effect, Need, Rule, Ruling, TaskRule, Unjudgeable, View};
use super::types::Types;
use crate::run_policy::TaskRunPolicy;
use crate::state::{Proposed, kind_of};

/// A run whose result is cached takes the cached state.
pub(super) const CACHE_RETRIEVAL: TaskRule =
    Rule::new("CacheRetrieval", Types::ALL, Types::of(&[Running])).needing(&[Need::Cached]).before(|v| {
        let details = &v.proposed.details;
        let asks = details.cache_key.as_ref().is_some_and(|key| !key.is_empty()) && details.refresh_cache != Some(true);
        match &v.around.cached {
            Some(cached) if asks => Ruling::substitute(cached.proposed().named("Cached"), "Retrieved state from cache"),
            _ => Ruling::pass(),
        }
    });

/// The longest cache key that is taken without complaint, in characters. (wire W6.16)
const MAX_CACHE_KEY: usize = 2000;

/// A completed state with a cache key is cached.
///
/// A client of the 2.x line is not told of a key that is too long: it would take the state that it is answered for its
/// own, and lose the result.
pub(super) const CACHE_INSERTION: TaskRule = Rule::new("CacheInsertion", Types::ALL, Types::of(&[Completed]))
    .before(|v| {
        let too_long = v.proposed.details.cache_key.as_ref().is_some_and(|key| key.chars().count() > MAX_CACHE_KEY);
        if v.caller.is_v3() && too_long {
            return Ruling::substitute(
                v.proposed.clone(),
                format!("Cache key exceeded maximum allowed length of {MAX_CACHE_KEY} characters."),
            );
        }
        Ruling::pass()
    })
    .after(|x| {
        let details = x.validated.map(|s| &s.state_details);
        let key = details.and_then(|d| d.cache_key.clone()).filter(|key| !key.is_empty());
        let expiration = details.and_then(|d| d.cache_expiration);
        Ok(After::causing(key.map(|key| Effect::Cache { key, expiration }).into_iter().collect()))
    });

/// Whether the flow run has begun another attempt since the task last ran.
fn flow_retries(v: &View<'_, TaskRun>) -> bool {
    v.around.flow_run.as_ref().is_some_and(|flow_run| v.run.flow_run_run_count < flow_run.run_count)
}

/// What may follow the end of a run. The flow run is read for the rules of RUNNING, the only type that needs it here.
pub(super) const HANDLE_TERMINAL_STATES: TaskRule =
    Rule::new("HandleTaskTerminalStateTransitions", Types::TERMINAL, Types::ALL)
        .before(|v| {
            let Some(initial) = v.initial else { return Ruling::pass() };
            if matches!(v.to(), Cancelling | Paused | Crashed) {
                return Ruling::abort(format!("Run is already {}.", initial.r#type));
            }
            if completed_with(v, |data| kind_of(data).flatten().as_deref() != Some("unpersisted")) {
                return Ruling::keep("This run is already completed.");
            }
            let mut ruling = Ruling::pass();
            if v.to() == Running && flow_retries(v) {
                ruling = Ruling::amend(v.proposed.clone().named("Retrying"));
            }
            if !v.to().is_terminal() {
                ruling = ruling.changing(TaskRun { run_count: 0, ..v.run.clone() });
            }
            ruling
        })
        .cleanup(|found, run| TaskRun { run_count: found.run_count, ..run.clone() });

/// Tasks run only while their flow does.
pub(super) const PREVENT_RUNNING_IN_STOPPED_FLOWS: TaskRule =
    Rule::new("PreventRunningTasksFromStoppedFlows", Types::ALL, Types::of(&[Running]))
        .needing(&[Need::FlowRun])
        .before(|v| {
            let Some(flow_run) = &v.around.flow_run else { return Ruling::pass() };
            match flow_run.state_type {
                Some(Running) => Ruling::pass(),
                Some(Paused) => {
                    let mut not_ready = Proposed::new(Paused).named("NotReady");
                    if let Some(state) = &v.around.flow_run_state {
                        not_ready.details.pause_timeout = state.state_details.pause_timeout;
                        not_ready.details.pause_reschedule = state.state_details.pause_reschedule;
                    }
                    Ruling::substitute(
                        not_ready,
                        format!("The flow is paused, new tasks can execute after resuming flow run: {}.", flow_run.id),
                    )
                }
                _ => Ruling::abort("The enclosing flow must be running to begin task execution."),
            }
        });

/// A failed run is retried as often as it says, unless the client says that this failure is final.
pub(super) const RETRY_FAILED: TaskRule = Rule::new("RetryFailedTasks", Types::of(&[Running]), Types::of(&[Failed]))
    .before(|v| {
        let policy = TaskRunPolicy::of(&v.run.empirical_policy);
        let may_retry = v.proposed.details.retriable != Some(false);
        if !may_retry || policy.retries.is_none_or(|retries| v.run.run_count > retries) {
            return Ruling::pass();
        }
        let delay = retry_delay::seconds(&policy, v.run.run_count, v.moment.uniform);
        let mut retry = Proposed::awaiting_retry(v.moment.now.plus_seconds(delay)).with_data(v.proposed.data.clone());
        retry.message = v.proposed.message.clone();
        Ruling::substitute(retry, "Retrying")
    });

/// The name of RUNNING tells that it is not the first time.
pub(super) const RENAME_RERUNS: TaskRule =
    Rule::new("RenameReruns", Types::ALL, Types::of(&[Running])).before(|v| match v.initial {
        Some(initial) if v.run.run_count > 0 => {
            let name = if initial.name == "AwaitingRetry" { "Retrying" } else { "Rerunning" };
            Ruling::amend(v.proposed.clone().named(name))
        }
        _ => Ruling::pass(),
    });

/// A task run remembers in which attempt of its flow run it ran.
pub(super) const UPDATE_FLOW_RUN_TRACKER: TaskRule =
    Rule::new("UpdateFlowRunTrackerOnTasks", Types::ALL, Types::of(&[Running])).needing(&[Need::FlowRun]).after(|x| {
        if x.run.flow_run_id.is_none() {
            return Ok(After::nothing());
        }
        let Some(flow_run) = &x.around.flow_run else { return Err(Unjudgeable::FlowRunGone(x.run.id)) };
        Ok(After::changing(TaskRun { flow_run_run_count: flow_run.run_count, ..x.run.clone() }))
    });

/// A background task run keeps where its parameters are.
pub(super) const COPY_TASK_PARAMETERS_ID: TaskRule =
    Rule::new("CopyTaskParametersID", Types::of(&[Scheduled, Pending]), Types::of(&[Pending, Running])).before(|v| {
        let id = v.initial.and_then(|s| s.state_details.task_parameters_id);
        if v.proposed.details.task_parameters_id.is_some() || id.is_none() {
            return Ruling::pass();
        }
        let mut state = v.proposed.clone();
        state.details.task_parameters_id = id;
        Ruling::amend(state)
    });
