//! `/task_runs`: runs of tasks.

use mintaka_api_filters::wire::{Labels, Plain, TaskInputs};
use mintaka_api_filters::{Filters, TaskRunView, task_run_in, task_run_view, task_run_views};
use mintaka_core::records::{TaskRun, task_run};
use mintaka_core::{Col, Direction, Json, Tags};
use mintaka_http::{
    ApiError, Client, Created, Ctx, Input, NoContent, Out, Page, PageNumber, Paginated, When, list, number_of, read,
    sort,
};
use mintaka_orchestration::ops::task_runs::{delete_task_run, rename_task_run};
use mintaka_orchestration::ops::{self, NewTaskRun};
use mintaka_orchestration::{Proposed, TaskRunPolicy};
use poem_openapi::param::Path;
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi};
use uuid::Uuid;

use crate::Chapter;
use crate::flow_runs::named;

// wire W2.8: reading and deleting say "Task", changing says "Task run".
pub(crate) const WHAT: &str = "Task";

sort! {
    /// Orders of task runs. Durations are those of ended intervals in RUNNING.
    pub TaskRunSort {
        "ID_DESC" => [task_run::id, Desc],
        "EXPECTED_START_TIME_ASC" => [task_run::expected_start_time, Asc],
        "EXPECTED_START_TIME_DESC" => [task_run::expected_start_time, Desc],
        "NAME_ASC" => [task_run::name, Asc],
        "NAME_DESC" => [task_run::name, Desc],
        "NEXT_SCHEDULED_START_TIME_ASC" => [task_run::next_scheduled_start_time, Asc],
        "END_TIME_DESC" => [task_run::end_time, Desc],
        "DURATION_DESC" => [task_run::total_run_time, Desc; task_run::expected_start_time, Desc; task_run::id, Desc],
        "DURATION_ASC" => [task_run::total_run_time, Asc; task_run::expected_start_time, Desc; task_run::id, Desc],
    }
}

/// A task run to be made.
#[derive(Debug, Object)]
pub(crate) struct TaskRunCreate {
    /// Chosen by the client; else minted.
    id: Option<Uuid>,
    /// Two random words if absent or empty.
    name: Option<String>,
    /// The flow run around it.
    flow_run_id: Option<Uuid>,
    /// Which task.
    task_key: String,
    /// Which call of the task in the flow run.
    dynamic_key: String,
    /// Under which a completed state is cached.
    cache_key: Option<String>,
    /// Until when it is.
    cache_expiration: Option<When>,
    /// Version of the task.
    task_version: Option<String>,
    /// Retries.
    empirical_policy: Option<Plain<TaskRunPolicy>>,
    /// Tags.
    #[oai(default)]
    tags: Vec<String>,
    /// Labels.
    labels: Option<Labels>,
    /// What its parameters come from.
    task_inputs: Option<TaskInputs>,
    /// The first state; PENDING if absent.
    #[oai(write_only)]
    state: Option<Plain<Proposed>>,
}

/// What to change of a task run.
#[derive(Debug, Object)]
pub(crate) struct TaskRunUpdate {
    /// Null or empty is a new random one.
    name: MaybeUndefined<String>,
}

/// Which task runs, in which order.
#[derive(Debug, Object)]
pub(crate) struct TaskRunsQuery {
    #[oai(flatten)]
    filters: Filters,
    #[oai(flatten)]
    page: Page,
    /// By id, descending, if absent.
    sort: Option<TaskRunSort>,
}

/// Which page of which task runs.
#[derive(Debug, Object)]
pub(crate) struct TaskRunsPage {
    #[oai(flatten)]
    filters: Filters,
    #[oai(flatten)]
    page: PageNumber,
    /// By id, descending, if absent.
    sort: Option<TaskRunSort>,
}

fn order(sort: Option<TaskRunSort>) -> Vec<(Col, Direction)> {
    sort.map_or_else(|| vec![(task_run::id, Direction::Desc)], TaskRunSort::order)
}

/// `/task_runs/`
#[derive(Clone)]
pub(crate) struct TaskRunsRoot {
    pub(crate) ctx: Ctx,
}

#[OpenApi(prefix_path = "/task_runs/", tag = "Chapter::TaskRuns")]
impl TaskRunsRoot {
    /// Makes a task run, or finds the one of that flow run, task key and dynamic key as it is.
    #[oai(path = "/", method = "post", operation_id = "create_task_run")]
    async fn create_task_run(
        &self,
        client: Client,
        body: Input<TaskRunCreate>,
    ) -> Result<Created<TaskRunView>, ApiError> {
        let Input(body) = body;
        let new = NewTaskRun {
            id: body.id,
            name: body.name,
            cache_key: body.cache_key,
            cache_expiration: body.cache_expiration.map(|time| time.0),
            task_version: body.task_version,
            empirical_policy: body.empirical_policy.map(|policy| policy.0).unwrap_or_default(),
            tags: Tags(body.tags),
            labels: body.labels.unwrap_or_default().0,
            task_inputs: body.task_inputs.map_or_else(Json::object, Json::from),
            state: body.state.map(|state| state.0),
            ..NewTaskRun::of(body.flow_run_id, body.task_key, body.dynamic_key)
        };
        let made = ops::create_task_run(&self.ctx.ops, new, &client.by).await?;
        Ok(Created { new: made.created, value: task_run_in(&self.ctx, made.run, made.state) })
    }
}

/// `/task_runs`
#[derive(Clone)]
pub(crate) struct TaskRuns {
    pub(crate) ctx: Ctx,
}

#[OpenApi(prefix_path = "/task_runs", tag = "Chapter::TaskRuns")]
impl TaskRuns {
    /// Counts task runs.
    #[oai(path = "/count", method = "post", operation_id = "count_task_runs")]
    async fn count_task_runs(&self, client: Client, body: Input<Filters>) -> Result<Out<i64>, ApiError> {
        Ok(Out(self.ctx.reader.count::<TaskRun>(body.for_task_runs(&client)).await?))
    }

    /// Lists task runs.
    #[oai(path = "/filter", method = "post", operation_id = "filter_task_runs")]
    async fn filter_task_runs(
        &self,
        client: Client,
        body: Input<TaskRunsQuery>,
    ) -> Result<Out<Vec<TaskRunView>>, ApiError> {
        let page = body.page.checked(&self.ctx)?;
        let runs = list::<TaskRun>(&self.ctx, body.filters.for_task_runs(&client), order(body.sort), page).await?;
        Ok(Out(task_run_views(&self.ctx, runs).await?))
    }

    /// Lists task runs in numbered pages.
    #[oai(path = "/paginate", method = "post", operation_id = "paginate_task_runs")]
    async fn paginate_task_runs(
        &self,
        client: Client,
        body: Input<TaskRunsPage>,
    ) -> Result<Out<Paginated<TaskRunView>>, ApiError> {
        let page = body.page.checked(&self.ctx)?;
        let filter = body.filters.for_task_runs(&client);
        let (runs, count) = number_of::<TaskRun>(&self.ctx, filter, order(body.sort), page).await?;
        Ok(Out(Paginated::new(task_run_views(&self.ctx, runs).await?, count, page)))
    }

    /// The task run of an id.
    #[oai(path = "/:id", method = "get", operation_id = "read_task_run")]
    async fn read_task_run(&self, id: Path<Uuid>) -> Result<Out<TaskRunView>, ApiError> {
        let run = read::<TaskRun>(&self.ctx, id.0, WHAT).await?;
        Ok(Out(task_run_view(&self.ctx, run).await?))
    }

    /// Changes the name of a task run.
    #[oai(path = "/:id", method = "patch", operation_id = "update_task_run")]
    async fn update_task_run(&self, id: Path<Uuid>, body: Input<TaskRunUpdate>) -> Result<NoContent, ApiError> {
        let name = match body.0.name {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(named(None)),
            MaybeUndefined::Value(name) => Some(named(Some(name))),
        };
        match rename_task_run(&self.ctx.ops, id.0, name).await? {
            true => Ok(NoContent),
            false => Err(ApiError::not_found("Task run")),
        }
    }

    /// Deletes a task run with its states and logs.
    #[oai(path = "/:id", method = "delete", operation_id = "delete_task_run")]
    async fn delete_task_run(&self, id: Path<Uuid>) -> Result<NoContent, ApiError> {
        match delete_task_run(&self.ctx.ops, id.0).await? {
            true => Ok(NoContent),
            false => Err(ApiError::not_found(WHAT)),
        }
    }
}
