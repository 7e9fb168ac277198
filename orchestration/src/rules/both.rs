//! Rules of flow runs and task runs alike.

use mintaka_core::Json;
use mintaka_core::records::StateType::{self, Cancelled, Cancelling, Pending, Running, Scheduled};
use mintaka_core::records::StateType::{Completed, Crashed, Failed};

use super::rule::{Rule, Ruling, Run, View};
use super::types::Types;
use crate::state::kind_of;

/// Two workers cannot both take a run: only one of them moves it to PENDING.
pub(super) const fn prevent_pending_transitions<R: Run>() -> Rule<R> {
    Rule::new("PreventPendingTransitions", Types::of(&[Pending, Cancelling, Running, Cancelled]), Types::of(&[Pending]))
        .before(|v| {
            let Some(initial) = v.initial else { return Ruling::pass() };
            let goes_on_within_pending =
                initial.r#type == Pending && initial.name != v.proposed.name && v.proposed.name != "Pending";
            // Clients of the 2.x line have no names for steps within PENDING: to them it is somebody else's claim.
            if v.caller.is_v3() && goes_on_within_pending {
                let mut state = v.proposed.clone();
                state.details.scheduled_time = initial.state_details.scheduled_time;
                state.details.deployment_concurrency_lease_id = initial.state_details.deployment_concurrency_lease_id;
                return Ruling::amend(state);
            }
            Ruling::abort(format!(
                "This run is in a {} state and cannot transition to a PENDING state.",
                initial.r#type
            ))
        })
}

/// A run keeps the time that it was scheduled for when it is taken.
pub(super) const fn copy_scheduled_time<R: Run>() -> Rule<R> {
    Rule::new("CopyScheduledTime", Types::of(&[Scheduled]), Types::of(&[Pending])).before(|v| {
        let time = v.initial.and_then(|s| s.state_details.scheduled_time);
        if v.proposed.details.scheduled_time.is_some() || time.is_none() {
            return Ruling::pass();
        }
        let mut state = v.proposed.clone();
        state.details.scheduled_time = time;
        Ruling::amend(state)
    })
}

/// No run starts before its time by the server's clock.
pub(super) const fn wait_for_scheduled_time<R: Run>() -> Rule<R> {
    Rule::new("WaitForScheduledTime", Types::of(&[Scheduled, Pending]), Types::of(&[Running])).before(|v| {
        let Some(time) = v.initial.and_then(|s| s.state_details.scheduled_time) else { return Ruling::pass() };
        let micros = time.micros() - v.moment.now.micros();
        // Whole seconds, and one more if what is left is more than half a second.
        let seconds = micros.div_euclid(1_000_000) + i64::from(micros.rem_euclid(1_000_000) > 500_000);
        if seconds > 0 { Ruling::wait(seconds, "Scheduled time is in the future") } else { Ruling::pass() }
    })
}

/// A run that is forced to COMPLETED although it failed has a result that nobody knows. 2.x only.
pub(super) const fn add_unknown_result<R: Run>() -> Rule<R> {
    Rule::new("AddUnknownResult", Types::of(&[Failed, Crashed]), Types::of(&[Completed])).before(|v| {
        let had_reference = v.initial.and_then(|s| s.data.as_ref()).and_then(kind_of).flatten();
        if had_reference.as_deref() != Some("reference") {
            return Ruling::pass();
        }
        let mut state = v.proposed.clone();
        state.data = Some(Json::from(serde_json::json!({
            "type": "unknown",
            "artifact_type": "result",
            "artifact_description": "Unknown result persisted to Prefect.",
            "value": null,
        })));
        Ruling::amend(state)
    })
}

/// Whether a state is COMPLETED with data for which `kept` holds.
pub(super) fn completed_with<R: Run>(v: &View<'_, R>, kept: fn(&Json) -> bool) -> bool {
    v.from() == Some(StateType::Completed)
        && v.initial.and_then(|s| s.data.as_ref()).is_some_and(|d| !is_empty(d) && kept(d))
}

/// Data that counts as none: `{}`, `[]`, `""`, `0` and `false`.
fn is_empty(data: &Json) -> bool {
    matches!(data.text(), "{}" | "[]" | "\"\"" | "0" | "0.0" | "false")
}
