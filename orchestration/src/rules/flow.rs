//! Rules of flow runs.

use mintaka_core::records::FlowRun;
use mintaka_core::records::StateType::{Cancelled, Cancelling, Completed, Crashed, Failed, Paused, Running, Scheduled};

use super::both::completed_with;
use super::rule::{After, Effect, FlowRule, Need, Rule, Ruling, View};
use super::types::Types;
use crate::run_policy::{FlowRunPolicy, RetryType};
use crate::state::{Proposed, describes_kept_result};

/// The run with another `empirical_policy`.
fn changed(run: &FlowRun, change: impl FnOnce(&mut FlowRunPolicy)) -> FlowRun {
    let mut run = run.clone();
    FlowRunPolicy::change(&mut run.empirical_policy, change);
    run
}

/// Forgets the pauses of an attempt that is over.
fn forget_pauses(policy: &mut FlowRunPolicy, retry_type: Option<RetryType>) {
    policy.resuming = Some(false);
    policy.pause_keys.clear();
    policy.retry_type = retry_type;
}

/// A request that a client sends again after its answer was lost.
pub(super) const PREVENT_DUPLICATE_TRANSITIONS: FlowRule =
    Rule::new("PreventDuplicateTransitions", Types::ALL, Types::ALL).before(|v| {
        let before = v.initial.and_then(|s| s.state_details.transition_id);
        if before.is_some() && before == v.proposed.details.transition_id {
            return Ruling::keep("This run has already made this state transition.");
        }
        Ruling::pass()
    });

const KEEP_RESULT: &str =
    "Cannot overwrite a COMPLETED state that carries persisted result data with one that does not.";

/// COMPLETED with a result that is kept, and now COMPLETED without one.
fn would_lose_result(v: &View<'_, FlowRun>) -> bool {
    v.to() == Completed
        && completed_with(v, describes_kept_result)
        && !v.proposed.data.as_ref().is_some_and(describes_kept_result)
}

const DEPLOYMENT_GONE: &str = "Cannot reschedule a run whose deployment was deleted, because nothing would run it. Deploy \
                               the flow again and start a new run.";

/// What may follow the end of a run.
pub(super) const HANDLE_TERMINAL_STATES: FlowRule =
    Rule::new("HandleFlowTerminalStateTransitions", Types::TERMINAL, Types::ALL)
        .needing(&[Need::Deployment])
        .before(|v| {
            let Some(initial) = v.initial else { return Ruling::pass() };
            let reruns = !v.to().is_terminal();
            if matches!(v.to(), Cancelling | Paused | Crashed) {
                return Ruling::abort(format!("Run is already in terminal state {}.", initial.r#type));
            }
            if reruns && completed_with(v, describes_kept_result) {
                return Ruling::keep("Run is already COMPLETED.");
            }
            if would_lose_result(v) {
                return Ruling::keep(KEEP_RESULT);
            }
            if v.to() == Scheduled && v.run.deployment_id.is_none() {
                return Ruling::abort("Cannot reschedule a run without an associated deployment.");
            }
            if v.to() == Scheduled && v.around.deployment_gone {
                return Ruling::abort(DEPLOYMENT_GONE);
            }
            if !reruns || !v.caller.knows_pauses() {
                return Ruling::pass();
            }
            let retry_type = (v.to() == Scheduled).then_some(RetryType::Reschedule);
            Ruling::pass().changing(changed(v.run, |policy| forget_pauses(policy, retry_type)))
        })
        .cleanup(|found, run| FlowRun { empirical_policy: found.empirical_policy.clone(), ..run.clone() });

/// The same guard of results for transitions that are forced.
pub(super) const PREVENT_RESULT_LOSS: FlowRule = Rule::new("PreventResultDataLoss", Types::TERMINAL, Types::TERMINAL)
    .before(|v| if would_lose_result(v) { Ruling::keep(KEEP_RESULT) } else { Ruling::pass() });

/// A retry that is forced, as user interfaces do it: no process waits for the run any more, so a worker must get it.
pub(super) const RETRY_BY_FORCE: FlowRule =
    Rule::new("RescheduleByForce", Types::TERMINAL, Types::of(&[Scheduled])).needing(&[Need::Deployment]).before(|v| {
        if v.around.deployment_gone {
            return Ruling::abort(DEPLOYMENT_GONE);
        }
        match FlowRunPolicy::of(&v.run.empirical_policy).retry_type {
            Some(RetryType::InProcess) => {
                Ruling::pass().changing(changed(v.run, |policy| policy.retry_type = Some(RetryType::Reschedule)))
            }
            _ => Ruling::pass(),
        }
    });

const fn only_to_cancelled(from: Types, to: Types) -> FlowRule {
    Rule::new("EnforceCancellingToCancelledTransition", from, to)
        .before(|_| Ruling::keep("Cannot transition flows that are cancelling to a state other than Cancelled."))
}

/// A run that is being cancelled can only become CANCELLED.
pub(super) const ENFORCE_CANCELLED: FlowRule =
    only_to_cancelled(Types::of(&[Cancelling]), Types::ALL.without(Cancelled));
/// A process of the 2.x line learns by this refusal that its run was cancelled while it waited for a retry, and stops.
/// The run can still be scheduled again.
pub(super) const STAY_CANCELLED_V2: FlowRule =
    only_to_cancelled(Types::of(&[Cancelled]), Types::ALL.without(Cancelled).without(Scheduled));

/// CANCELLING is for tearing down infrastructure; where there is none the run is CANCELLED at once.
pub(super) const BYPASS_CANCELLING: FlowRule = Rule::new(
    "BypassCancellingFlowRunsWithNoInfra",
    Types::of(&[Scheduled, Paused]),
    Types::of(&[Cancelling]),
)
.before(|v| {
    let Some(initial) = v.initial else { return Ruling::pass() };
    let has_infrastructure = v.run.infrastructure_pid.as_ref().is_some_and(|pid| !pid.is_empty());
    if (initial.r#type == Scheduled && !has_infrastructure) || initial.name == "Resuming" {
        return Ruling::substitute(Proposed::new(Cancelled), "Scheduled flow run has no infrastructure to terminate.");
    }
    if initial.r#type == Paused && initial.state_details.pause_reschedule {
        return Ruling::substitute(Proposed::new(Cancelled), "Suspended flow run has no infrastructure to terminate.");
    }
    Ruling::pass()
});

/// "Late" is for runs that wait for their start.
pub(super) const ONLY_SCHEDULED_ARE_LATE: FlowRule =
    Rule::new("EnsureOnlyScheduledFlowsMarkedLate", Types::ALL, Types::of(&[Scheduled])).before(|v| {
        let Some(initial) = v.initial.filter(|_| v.proposed.name == "Late") else { return Ruling::pass() };
        if initial.r#type != Scheduled {
            return Ruling::keep("Only scheduled flows can be marked late.");
        }
        if initial.name == "Late" {
            return Ruling::keep("This flow run is already marked late.");
        }
        Ruling::pass()
    });

fn pause_verb(proposed: &Proposed) -> &'static str {
    if proposed.name == "Suspended" { "suspend" } else { "pause" }
}

/// Only a running flow pauses, and each pause fires once.
pub(super) const HANDLE_PAUSING: FlowRule = Rule::new("HandlePausingFlows", Types::ALL, Types::of(&[Paused]))
    .needing(&[Need::Deployment])
    .before(|v: &View<'_, FlowRun>| {
        let verb = pause_verb(v.proposed);
        match v.from() {
            None => return Ruling::abort(format!("Cannot {verb} flows with no state.")),
            Some(Running) => {}
            Some(_) => return Ruling::keep(format!("Cannot {verb} flows that are not currently running.")),
        }
        let fired = FlowRunPolicy::of(&v.run.empirical_policy).pause_keys;
        if v.proposed.details.pause_key.as_ref().is_some_and(|key| fired.contains(key)) {
            return Ruling::keep(format!("This {verb} has already fired."));
        }
        if v.proposed.details.pause_reschedule {
            if v.run.parent_task_run_id.is_some() {
                return Ruling::abort(format!("Cannot {verb} subflows."));
            }
            if v.run.deployment_id.is_none() || v.around.deployment_gone {
                return Ruling::abort(format!("Cannot {verb} flows without a deployment."));
            }
        }
        Ruling::pass()
    })
    .after(|x| {
        let details = x.validated.map(|s| &s.state_details);
        let key = details.and_then(|d| d.pause_key.clone()).unwrap_or_else(|| x.moment.pause_key.to_string());
        let mut after = After::changing(changed(x.run, |policy| {
            if !policy.pause_keys.contains(&key) {
                policy.pause_keys.push(key);
            }
        }));
        // Inputs under these keys belong to an earlier attempt.
        if let Some(keys) = details.and_then(|d| d.run_input_keyset.as_ref()) {
            after.effects.push(Effect::DeleteInputs(keys.values().cloned().collect()));
        }
        Ok(after)
    });

/// How a paused run goes on.
///
/// What happens afterwards also happens when the run is kept PAUSED: the mark "resuming" is set then too. (wire W6.9:
/// that is what the stock servers do.)
pub(super) const HANDLE_RESUMING: FlowRule = Rule::new("HandleResumingPausedFlows", Types::of(&[Paused]), Types::ALL)
    .needing(&[Need::Deployment])
    .before(|v: &View<'_, FlowRun>| {
        let Some(initial) = v.initial else { return Ruling::pass() };
        let cancels = v.to() == Cancelling;
        if !(matches!(v.to(), Running | Scheduled) || v.to().is_terminal() || cancels) {
            return Ruling::keep(format!(
                "This run cannot transition to the {} state from the {} state.",
                qualified(v.to()),
                qualified(initial.r#type)
            ));
        }
        let name = v.proposed.name.to_lowercase();
        let gone = v.around.deployment_gone && !v.to().is_terminal();
        if initial.state_details.pause_reschedule && (v.run.deployment_id.is_none() || gone) {
            return Ruling::keep(format!("Cannot reschedule a {name} flow run without a deployment."));
        }
        let timed_out = initial.state_details.pause_timeout.is_some_and(|timeout| timeout < v.moment.now);
        if timed_out && !cancels {
            let verb = pause_verb(v.proposed);
            return Ruling::substitute(
                Proposed::new(Failed).saying(format!("The flow was {name} and never resumed.")),
                format!("The flow run {verb} has timed out and can no longer resume."),
            );
        }
        Ruling::pass()
    })
    .after(|x| {
        let was_blocking = x.initial.is_some_and(|s| !s.state_details.pause_reschedule);
        let is_scheduled = x.validated.is_some_and(|s| s.r#type == Scheduled);
        // The process of a blocking pause is gone when the run is scheduled: a new attempt begins.
        let begins_anew = x.caller.knows_pauses() && was_blocking && is_scheduled;
        Ok(After::changing(changed(x.run, |policy| {
            if begins_anew {
                forget_pauses(policy, Some(RetryType::Reschedule));
            } else {
                policy.resuming = Some(true);
            }
        })))
    });

/// A state type as the reasons of [`HANDLE_RESUMING`] spell it.
fn qualified(r#type: mintaka_core::records::StateType) -> String {
    format!("StateType.{type}")
}

/// A failed run is retried as often as it says.
pub(super) const RETRY_FAILED: FlowRule = Rule::new("RetryFailedFlows", Types::of(&[Running]), Types::of(&[Failed]))
    .before(|v| {
        let policy = FlowRunPolicy::of(&v.run.empirical_policy);
        if policy.retries.is_none_or(|retries| v.run.run_count > retries) {
            return Ruling::pass().changing(changed(v.run, |policy| policy.retry_type = None));
        }
        let time = v.moment.now.plus_seconds(policy.retry_delay.unwrap_or(0) as f64);
        let mut retry = Proposed::awaiting_retry(time).with_data(v.proposed.data.clone());
        retry.message = v.proposed.message.clone();
        retry.details.deployment_concurrency_lease_id =
            v.initial.and_then(|s| s.state_details.deployment_concurrency_lease_id);
        let mut ruling = Ruling::substitute(retry, "Retrying");
        if v.caller.knows_pauses() {
            ruling = ruling.changing(changed(v.run, |policy| forget_pauses(policy, Some(RetryType::InProcess))));
        }
        if v.caller.retries_tasks_by_state() {
            ruling = ruling.causing(Effect::RetryFailedTaskRuns(time));
        }
        ruling
    });

/// Every written state is an event.
pub(super) const INSTRUMENT: FlowRule =
    Rule::transform("InstrumentFlowRunStateTransitions").after(|_| Ok(After::causing(vec![Effect::Emit])));
