//! The ordered lists of rules, per kind of run, occasion and client line.
//!
//! Rules of concurrency limits are not here, as there are no limits yet; comments mark their places.

use mintaka_core::records::{FlowRun, TaskRun};

use super::rule::Rule;
use super::{both, flow, task};
use crate::caller::ClientLine;
use crate::state::Proposed;

/// On which occasion a flow run shall change its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowPolicy {
    /// A client proposes.
    Core,
    /// Forced, or by the server itself.
    Minimal,
    /// The service that marks late runs.
    MarkLate,
}

impl FlowPolicy {
    /// Its rules, in order, for callers of a line.
    pub fn rules(self, line: ClientLine) -> &'static [Rule<FlowRun>] {
        match (self, line) {
            (FlowPolicy::Core, ClientLine::V2) => CORE_FLOW_V2,
            (FlowPolicy::Core, ClientLine::V3) => CORE_FLOW_V3,
            (FlowPolicy::Minimal, ClientLine::V2) => MINIMAL_FLOW_V2,
            (FlowPolicy::Minimal, ClientLine::V3) => MINIMAL_FLOW_V3,
            (FlowPolicy::MarkLate, _) => MARK_LATE_RUNS,
        }
    }
}

/// On which occasion a task run shall change its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskPolicy {
    /// A client proposes.
    Core,
    /// Forced, or by the server itself.
    Minimal,
    /// A background task, also when forced: *autonomous* in the 2.x line.
    Background,
}

impl TaskPolicy {
    /// The policy of a transition: background task runs have their own, which force does not override. In the 2.x line
    /// they are those outside of a flow run, in the 3.x line those whose proposed state says "deferred".
    pub fn choose(line: ClientLine, force: bool, run: &TaskRun, want: &Proposed) -> TaskPolicy {
        let is_background = match line {
            ClientLine::V2 => run.flow_run_id.is_none(),
            ClientLine::V3 => want.details.deferred == Some(true),
        };
        match (is_background, force) {
            (true, _) => TaskPolicy::Background,
            (false, true) => TaskPolicy::Minimal,
            (false, false) => TaskPolicy::Core,
        }
    }

    /// Its rules, in order, for callers of a line.
    pub fn rules(self, line: ClientLine) -> &'static [Rule<TaskRun>] {
        match (self, line) {
            (TaskPolicy::Core, _) => CORE_TASK,
            (TaskPolicy::Minimal, ClientLine::V2) => MINIMAL_TASK_V2,
            (TaskPolicy::Minimal, ClientLine::V3) => MINIMAL_TASK_V3,
            (TaskPolicy::Background, ClientLine::V2) => AUTONOMOUS_TASK_V2,
            (TaskPolicy::Background, ClientLine::V3) => BACKGROUND_TASK_V3,
        }
    }
}

const CORE_FLOW_V2: &[Rule<FlowRun>] = &[
    flow::PREVENT_DUPLICATE_TRANSITIONS,
    flow::HANDLE_TERMINAL_STATES,
    flow::ENFORCE_CANCELLED,
    flow::STAY_CANCELLED_V2,
    flow::BYPASS_CANCELLING,
    both::prevent_pending_transitions(),
    flow::ONLY_SCHEDULED_ARE_LATE,
    flow::HANDLE_PAUSING,
    flow::HANDLE_RESUMING,
    both::copy_scheduled_time(),
    both::wait_for_scheduled_time(),
    flow::RETRY_FAILED,
    flow::INSTRUMENT,
];

const CORE_FLOW_V3: &[Rule<FlowRun>] = &[
    // Limits: PreserveDeploymentConcurrencyLeaseId
    flow::PREVENT_DUPLICATE_TRANSITIONS,
    flow::HANDLE_TERMINAL_STATES,
    flow::ENFORCE_CANCELLED,
    flow::BYPASS_CANCELLING,
    both::prevent_pending_transitions(),
    // Limits: ValidateDeploymentConcurrencyAtRunning, SecureFlowConcurrencySlots,
    // RemoveDeploymentConcurrencyLeaseForOldClientVersions
    flow::ONLY_SCHEDULED_ARE_LATE,
    flow::HANDLE_PAUSING,
    flow::HANDLE_RESUMING,
    both::copy_scheduled_time(),
    both::wait_for_scheduled_time(),
    flow::RETRY_FAILED,
    flow::INSTRUMENT,
    // Limits: ReleaseFlowConcurrencySlots
];

const MINIMAL_FLOW_V2: &[Rule<FlowRun>] = &[
    flow::PREVENT_RESULT_LOSS,
    both::add_unknown_result(),
    flow::RETRY_BY_FORCE,
    flow::BYPASS_CANCELLING,
    flow::INSTRUMENT,
];

const MINIMAL_FLOW_V3: &[Rule<FlowRun>] = &[
    // Limits: PreserveDeploymentConcurrencyLeaseId
    flow::PREVENT_RESULT_LOSS,
    flow::RETRY_BY_FORCE,
    flow::BYPASS_CANCELLING,
    flow::INSTRUMENT,
    // Limits: ReleaseFlowConcurrencySlots
];

const MARK_LATE_RUNS: &[Rule<FlowRun>] = &[
    flow::ONLY_SCHEDULED_ARE_LATE,
    // Limits: EnforceDeploymentConcurrencyOnLate (3.x)
    flow::INSTRUMENT,
];

const CORE_TASK: &[Rule<TaskRun>] = &[
    task::CACHE_RETRIEVAL,
    task::HANDLE_TERMINAL_STATES,
    task::PREVENT_RUNNING_IN_STOPPED_FLOWS,
    // Limits: SecureTaskConcurrencySlots
    both::copy_scheduled_time(),
    both::wait_for_scheduled_time(),
    task::RETRY_FAILED,
    task::RENAME_RERUNS,
    task::UPDATE_FLOW_RUN_TRACKER,
    task::CACHE_INSERTION,
    // Limits: ReleaseTaskConcurrencySlots
];

const MINIMAL_TASK_V2: &[Rule<TaskRun>] = &[
    // Limits: ReleaseTaskConcurrencySlots
    both::add_unknown_result(),
];

const MINIMAL_TASK_V3: &[Rule<TaskRun>] = &[
    // Limits: ReleaseTaskConcurrencySlots
];

// That scheduled background task runs are handed out (EnqueueScheduledTasks) follows from their rows.

const AUTONOMOUS_TASK_V2: &[Rule<TaskRun>] = &[
    both::prevent_pending_transitions(),
    task::CACHE_RETRIEVAL,
    task::HANDLE_TERMINAL_STATES,
    // Limits: SecureTaskConcurrencySlots
    both::copy_scheduled_time(),
    task::COPY_TASK_PARAMETERS_ID,
    both::wait_for_scheduled_time(),
    task::RETRY_FAILED,
    task::RENAME_RERUNS,
    task::UPDATE_FLOW_RUN_TRACKER,
    task::CACHE_INSERTION,
    // Limits: ReleaseTaskConcurrencySlots
];

const BACKGROUND_TASK_V3: &[Rule<TaskRun>] = &[
    both::prevent_pending_transitions(),
    task::CACHE_RETRIEVAL,
    task::HANDLE_TERMINAL_STATES,
    both::copy_scheduled_time(),
    task::COPY_TASK_PARAMETERS_ID,
    both::wait_for_scheduled_time(),
    task::RETRY_FAILED,
    task::RENAME_RERUNS,
    task::UPDATE_FLOW_RUN_TRACKER,
    task::CACHE_INSERTION,
    // Limits: ReleaseTaskConcurrencySlots
];
