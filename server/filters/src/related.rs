//! What a request says about several related objects at once.
//!
//! wire W3.5: a filter of a related object asks that one exists which meets it, so an empty one is not the same as
//! none; several over one relation must hold for the same related row.

use mintaka_core::records::{
    artifact, artifact_collection, deployment, flow, flow_run, task_run, work_pool, work_queue,
};
use mintaka_core::{Col, Filter};
use mintaka_http::Client;
use poem_openapi::Object;

use crate::object::{DeploymentFilter, FlowFilter, FlowRunFilter, TaskRunFilter, WorkPoolFilter, WorkQueueFilter};

/// Filters of related objects. Flatten it into a body.
#[derive(Clone, Debug, Default, Object)]
pub struct Filters {
    /// Of flows.
    pub flows: Option<FlowFilter>,
    /// Of flow runs.
    pub flow_runs: Option<FlowRunFilter>,
    /// Of task runs.
    pub task_runs: Option<TaskRunFilter>,
    /// Of deployments.
    pub deployments: Option<DeploymentFilter>,
    /// Of work pools.
    pub work_pools: Option<WorkPoolFilter>,
    /// Of work queues.
    pub work_pool_queues: Option<WorkQueueFilter>,
}

/// All of the criteria that are there; `None` if none is.
fn all<const N: usize>(criteria: [Option<Filter>; N]) -> Option<Filter> {
    let criteria: Vec<Filter> = criteria.into_iter().flatten().collect();
    (!criteria.is_empty()).then_some(Filter::And(criteria))
}

/// Some row whose column `to` is this row's column `from` meets the filter, if there is one.
fn some(from: Col, to: Col, filter: Option<Filter>) -> Option<Filter> {
    filter.map(|filter| Filter::has(from, to, filter))
}

impl Filters {
    /// Which flows: related through their deployments and their runs.
    pub fn for_flows(&self, client: &Client) -> Filter {
        let own = self.own(client);
        let pool = some(work_queue::work_pool_id, work_pool::id, own.work_pools);
        let queue = some(deployment::work_queue_id, work_queue::id, pool);
        let deployments = all([own.deployments, queue]);
        let tasks = some(flow_run::id, task_run::flow_run_id, own.task_runs);
        let runs = all([own.flow_runs, tasks]);
        whole([own.flows, some(flow::id, deployment::flow_id, deployments), some(flow::id, flow_run::flow_id, runs)])
    }

    /// Which flow runs: related through flow, deployment, work queue and task runs.
    pub fn for_flow_runs(&self, client: &Client) -> Filter {
        let own = self.own(client);
        let tasks = some(flow_run::id, task_run::flow_run_id, own.task_runs.clone());
        whole([own.around_flow_run(), tasks])
    }

    /// Which task runs: related through their flow run. Filters of pools and queues do not count.
    pub fn for_task_runs(&self, client: &Client) -> Filter {
        Own { work_pools: None, work_queues: None, ..self.own(client) }.task_runs()
    }

    /// Which task runs, also by the pools and queues of their flow runs.
    pub fn for_task_runs_of_pools(&self, client: &Client) -> Filter {
        self.own(client).task_runs()
    }

    /// Which deployments: related through flow, work queue, and runs.
    pub fn for_deployments(&self, client: &Client) -> Filter {
        let own = self.own(client);
        let pool = some(work_queue::work_pool_id, work_pool::id, own.work_pools);
        let tasks = some(flow_run::id, task_run::flow_run_id, own.task_runs);
        whole([
            own.deployments,
            some(deployment::flow_id, flow::id, own.flows),
            some(deployment::id, flow_run::deployment_id, all([own.flow_runs, tasks])),
            some(deployment::work_queue_id, work_queue::id, all([own.work_queues, pool])),
        ])
    }

    /// Which work pools; other filters do not count.
    pub fn for_work_pools(&self, client: &Client) -> Filter {
        self.own(client).work_pools.unwrap_or_else(Filter::all)
    }

    /// Which work queues; other filters do not count.
    pub fn for_work_queues(&self, client: &Client) -> Filter {
        self.own(client).work_queues.unwrap_or_else(Filter::all)
    }

    /// Which artifacts, beyond a filter of their own: related through flow run and task run.
    pub fn for_artifacts(&self, client: &Client) -> Filter {
        self.of_runs(client, artifact::flow_run_id, artifact::task_run_id)
    }

    /// Which latest artifacts, beyond a filter of their own: related through flow run and task run.
    pub fn for_artifact_collections(&self, client: &Client) -> Filter {
        self.of_runs(client, artifact_collection::flow_run_id, artifact_collection::task_run_id)
    }

    fn of_runs(&self, client: &Client, flow_run_id: Col, task_run_id: Col) -> Filter {
        let own = Own { work_pools: None, work_queues: None, ..self.own(client) };
        let tasks = some(task_run_id, task_run::id, own.task_runs.clone());
        whole([some(flow_run_id, flow_run::id, own.around_flow_run()), tasks])
    }

    fn own(&self, client: &Client) -> Own {
        let v2 = client.is_v2();
        Own {
            flows: self.flows.as_ref().map(|f| f.to_filter(v2)),
            flow_runs: self.flow_runs.as_ref().map(|f| f.to_filter(v2)),
            task_runs: self.task_runs.as_ref().map(|f| f.to_filter(v2)),
            deployments: self.deployments.as_ref().map(|f| f.to_filter(v2)),
            work_pools: self.work_pools.as_ref().map(|f| f.to_filter(v2)),
            work_queues: self.work_pool_queues.as_ref().map(|f| f.to_filter(v2)),
        }
    }
}

fn whole<const N: usize>(criteria: [Option<Filter>; N]) -> Filter {
    all(criteria).unwrap_or_else(Filter::all)
}

/// Each filter in terms of its own table.
struct Own {
    flows: Option<Filter>,
    flow_runs: Option<Filter>,
    task_runs: Option<Filter>,
    deployments: Option<Filter>,
    work_pools: Option<Filter>,
    work_queues: Option<Filter>,
}

impl Own {
    fn task_runs(mut self) -> Filter {
        let task_runs = self.task_runs.take();
        whole([task_runs, some(task_run::flow_run_id, flow_run::id, self.around_flow_run())])
    }

    /// All but the filter of task runs, in terms of the flow run; `None` if nothing is said.
    fn around_flow_run(self) -> Option<Filter> {
        let pool = some(work_queue::work_pool_id, work_pool::id, self.work_pools);
        all([
            self.flow_runs,
            some(flow_run::flow_id, flow::id, self.flows),
            some(flow_run::deployment_id, deployment::id, self.deployments),
            some(flow_run::work_queue_id, work_queue::id, all([self.work_queues, pool])),
        ])
    }
}
