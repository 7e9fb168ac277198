//! Object filters: each is a list of leaves and the columns that they are about.

use mintaka_core::records::{
    artifact, artifact_collection, deployment, flow, flow_run, log, task_run, work_pool, work_queue,
};
use mintaka_core::{Col, Filter};
use poem_openapi::Object;
use poem_openapi::types::MaybeUndefined;
use uuid::Uuid;

use crate::leaf::{
    AbsentFilter, CreatedByFilter, ExistsFilter, IdFilter, IgnoredFilter, KeyFilter, Leaf, LevelFilter, LikeFilter,
    NameFilter, Operator, OptionalIdFilter, OptionalTextFilter, PrefixFilter, StateFilter, SwitchFilter, TagsFilter,
    TextFilter, TextSearchFilter, TimeFilter,
};

/// Declares an object filter: each member is a leaf and what it means, a function of the leaf and of whether a client of
/// the 2.x line asks.
macro_rules! object {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $leaf:ty = $meaning:expr;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Object)]
        pub struct $name {
            /// How the members are combined. A member that is present and empty is true.
            #[oai(default)]
            pub operator: Operator,
            $($(#[$field_doc])* pub $field: Option<$leaf>,)+
        }

        impl $name {
            /// What a row must meet; `v2` tells whether a client of the 2.x line asks.
            pub fn to_filter(&self, v2: bool) -> Filter {
                let mut criteria = Vec::new();
                $(if let Some(leaf) = &self.$field {
                    criteria.push(meaning($meaning, leaf, v2));
                })+
                self.operator.combine(criteria)
            }
        }
    };
}

/// Calls a member's meaning; a function of its own so that the compiler infers the closures' arguments.
fn meaning<L>(meaning: impl Fn(&L, bool) -> Filter, leaf: &L, v2: bool) -> Filter {
    meaning(leaf, v2)
}

/// The leaf on this column.
fn on<L: Leaf>(column: Col) -> impl Fn(&L, bool) -> Filter {
    move |leaf, _| leaf.on(column)
}

object! {
    /// Which flows.
    FlowFilter {
        /// By identifier.
        id: IdFilter = on(flow::id);
        /// By having deployments.
        deployment: AbsentFilter = |leaf, _| leaf.of(Filter::has(flow::id, deployment::flow_id, Filter::all()));
        /// By name.
        name: NameFilter = on(flow::name);
        /// By tags.
        tags: TagsFilter = on(flow::tags);
    }
}

object! {
    /// Which flow runs.
    FlowRunFilter {
        /// By identifier.
        id: IdFilter = on(flow_run::id);
        /// By name.
        name: NameFilter = on(flow_run::name);
        /// By tags.
        tags: TagsFilter = on(flow_run::tags);
        /// By deployment.
        deployment_id: OptionalIdFilter = on(flow_run::deployment_id);
        /// By name of the work queue.
        work_queue_name: OptionalTextFilter = on(flow_run::work_queue_name);
        /// By state.
        state: StateFilter = |leaf, _| leaf.on(flow_run::state_type, flow_run::state_name);
        /// By version of the flow.
        flow_version: TextFilter = on(flow_run::flow_version);
        /// By time of start; for a run that has not started, 3.x clients mean the expected one.
        start_time: TimeFilter = |leaf, v2| {
            leaf.on_either(if v2 { flow_run::start_time } else { flow_run::sort_time }, flow_run::start_time)
        };
        /// By time of end.
        end_time: TimeFilter = on(flow_run::end_time);
        /// By expected time of start.
        expected_start_time: TimeFilter = on(flow_run::expected_start_time);
        /// By the next time for which it is scheduled.
        next_scheduled_start_time: TimeFilter = on(flow_run::next_scheduled_start_time);
        /// By the flow run that made it.
        parent_flow_run_id: OptionalIdFilter = on(flow_run::parent_flow_run_id);
        /// By the task run that stands for it in the flow run that made it.
        parent_task_run_id: OptionalIdFilter = on(flow_run::parent_task_run_id);
        /// By idempotency key.
        idempotency_key: TextFilter = on(flow_run::idempotency_key);
        /// By who made it.
        created_by: CreatedByFilter = |leaf, _| {
            leaf.on(flow_run::created_by, flow_run::created_by_id, flow_run::created_by_type)
        };
    }
}

object! {
    /// Which task runs.
    TaskRunFilter {
        /// By identifier.
        id: IdFilter = on(task_run::id);
        /// By name.
        name: NameFilter = on(task_run::name);
        /// By tags.
        tags: TagsFilter = on(task_run::tags);
        /// By state.
        state: StateFilter = |leaf, _| leaf.on(task_run::state_type, task_run::state_name);
        /// By time of start.
        start_time: TimeFilter = on(task_run::start_time);
        /// By time of end.
        end_time: TimeFilter = on(task_run::end_time);
        /// By expected time of start.
        expected_start_time: TimeFilter = on(task_run::expected_start_time);
        /// By standing for a flow run.
        subflow_runs: ExistsFilter = |leaf, _| {
            leaf.of(Filter::has(task_run::id, flow_run::parent_task_run_id, Filter::all()))
        };
        /// By flow run.
        flow_run_id: TaskRunFlowRunIdFilter = |leaf, v2| leaf.to_filter(v2);
    }
}

/// Conditions on the flow run of a task run.
#[derive(Clone, Debug, Default, Object)]
pub struct TaskRunFlowRunIdFilter {
    /// How the criteria are combined; no two of them count at a time.
    #[oai(default)]
    pub operator: Operator,
    /// One of these.
    pub any_: Option<Vec<Uuid>>,
    /// Whether there is none; false when absent. If true, `any_` does not count.
    pub is_null_: MaybeUndefined<bool>,
}

impl TaskRunFlowRunIdFilter {
    /// wire W3.6: absent is false; 3.x takes null for "either", and false without `any_` for "has one"; 2.x does not.
    fn to_filter(&self, v2: bool) -> Filter {
        match (&self.is_null_, &self.any_) {
            (MaybeUndefined::Value(true), _) => Filter::IsNull(task_run::flow_run_id),
            (_, Some(ids)) => Filter::any(task_run::flow_run_id, ids.iter().copied()),
            (MaybeUndefined::Null, None) => Filter::all(),
            _ if v2 => Filter::all(),
            _ => Filter::some(task_run::flow_run_id),
        }
    }
}

object! {
    /// Which deployments.
    DeploymentFilter {
        /// By identifier.
        id: IdFilter = on(deployment::id);
        /// By name.
        name: NameFilter = on(deployment::name);
        /// By the name of the deployment or of its flow.
        flow_or_deployment_name: LikeFilter = |leaf, _| {
            let of_flow = Filter::has(deployment::flow_id, flow::id, leaf.on(flow::name));
            match leaf.on(deployment::name) {
                Filter::And(criteria) if criteria.is_empty() => Filter::all(),
                of_deployment => Filter::Or(vec![of_deployment, of_flow]),
            }
        };
        /// By being paused.
        paused: SwitchFilter = on(deployment::paused);
        /// By not being paused.
        is_schedule_active: SwitchFilter = |leaf, _| {
            SwitchFilter { eq_: leaf.eq_.map(|active| !active) }.on(deployment::paused)
        };
        /// By tags.
        tags: TagsFilter = on(deployment::tags);
        /// By name of the work queue.
        work_queue_name: TextFilter = on(deployment::work_queue_name);
        /// Accepted, and says nothing.
        concurrency_limit: IgnoredFilter = |_, _| Filter::all();
    }
}

object! {
    /// Which work pools.
    WorkPoolFilter {
        /// By identifier.
        id: IdFilter = on(work_pool::id);
        /// By name.
        name: TextFilter = on(work_pool::name);
        /// By worker type.
        r#type: TextFilter = on(work_pool::r#type);
    }
}

object! {
    /// Which work queues.
    WorkQueueFilter {
        /// By identifier.
        id: IdFilter = on(work_queue::id);
        /// By name.
        name: PrefixFilter = on(work_queue::name);
    }
}

object! {
    /// Which artifacts.
    ArtifactFilter {
        /// By identifier.
        id: IdFilter = on(artifact::id);
        /// By key.
        key: KeyFilter = on(artifact::key);
        /// By flow run.
        flow_run_id: IdFilter = on(artifact::flow_run_id);
        /// By task run.
        task_run_id: IdFilter = on(artifact::task_run_id);
        /// By type.
        r#type: TextFilter = on(artifact::r#type);
    }
}

object! {
    /// Which latest artifacts.
    ArtifactCollectionFilter {
        /// By identifier of the latest artifact.
        latest_id: IdFilter = on(artifact_collection::latest_id);
        /// By key.
        key: KeyFilter = on(artifact_collection::key);
        /// By flow run.
        flow_run_id: IdFilter = on(artifact_collection::flow_run_id);
        /// By task run.
        task_run_id: IdFilter = on(artifact_collection::task_run_id);
        /// By type.
        r#type: TextFilter = on(artifact_collection::r#type);
    }
}

object! {
    /// Which log lines.
    LogFilter {
        /// By level.
        level: LevelFilter = on(log::level);
        /// By time.
        timestamp: TimeFilter = on(log::timestamp);
        /// By flow run.
        flow_run_id: IdFilter = on(log::flow_run_id);
        /// By task run.
        task_run_id: OptionalIdFilter = on(log::task_run_id);
        /// By words in message and name of the logger.
        text: TextSearchFilter = |leaf, _| leaf.on(&[log::message, log::name]);
    }
}
