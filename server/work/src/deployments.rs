//! `/deployments`: reading, changing, pausing and deleting deployments.

use mintaka_api_filters::{DeploymentFilter, Filters};
use mintaka_core::records::WorkQueue;
use mintaka_core::records::{Deployment, deployment, deployment_schedule};
use mintaka_core::{Change, Direction, Filter};
use mintaka_http::{
    ApiError, Client, Ctx, Exact, Input, NoContent, Out, Page, PageNumber, Paginated, Raw, View, list, number_of, read,
    sort,
};
use mintaka_orchestration::ops::deployments::{
    DeploymentEdit, ScheduleEdit, delete_deployment, deployment_named, edit_deployment,
};
use mintaka_orchestration::ops::due_runs::QueueFilter;
use mintaka_orchestration::ops::schedule_runs::{Cause, delete_scheduled_runs};
use poem::http::StatusCode;
use poem_openapi::param::Path;
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::deployment_body::DeploymentMembers;
use crate::deployment_view::{DeploymentView, deployment_view, deployment_views};
use crate::named_schedules::{edited_schedules, several};

sort! {
    /// Orders of deployments.
    pub DeploymentSort {
        "CREATED_DESC" => [deployment::created, Desc],
        "UPDATED_DESC" => [deployment::updated, Desc],
        "NAME_ASC" => [deployment::name, Asc],
        "NAME_DESC" => [deployment::name, Desc],
    }
}

/// What changes of a deployment.
#[derive(Debug, Object)]
pub struct DeploymentUpdate {
    /// What is said.
    #[oai(flatten)]
    pub members: DeploymentMembers,
}

/// Which deployments.
#[derive(Debug, Default, Object)]
pub struct FilterDeployments {
    /// Which.
    #[oai(flatten)]
    pub filters: Filters,
    /// Limit and offset.
    #[oai(flatten)]
    pub page: Page,
    /// In which order.
    pub sort: Option<DeploymentSort>,
}

/// A page of deployments.
#[derive(Debug, Default, Object)]
pub struct PaginateDeployments {
    /// Which.
    #[oai(flatten)]
    pub filters: Filters,
    /// Which page.
    #[oai(flatten)]
    pub page: PageNumber,
    /// In which order.
    pub sort: Option<DeploymentSort>,
}

/// Which deployments to delete.
#[derive(Debug, Default, Object)]
pub struct DeleteDeployments {
    /// Which.
    pub deployments: Option<DeploymentFilter>,
    /// At most so many, 1 to 50; 50 if absent.
    #[oai(validator(minimum(value = "1"), maximum(value = "50")))]
    pub limit: Option<u64>,
}

/// The deployments that were deleted.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "DeploymentBulkDeleteResponse")]
pub struct DeletedDeployments {
    /// Their ids.
    pub deleted: Vec<Uuid>,
}

fn order(sort: Option<DeploymentSort>) -> Vec<(mintaka_core::Col, Direction)> {
    sort.map_or_else(|| vec![(deployment::name, Direction::Asc)], DeploymentSort::order)
}

fn none() -> ApiError {
    ApiError::detail(StatusCode::NOT_FOUND, "Deployment not found.")
}

/// `/deployments/…`
#[derive(Clone)]
pub struct DeploymentsApi {
    pub(crate) ctx: Ctx,
}

#[OpenApi(prefix_path = "/deployments")]
impl DeploymentsApi {
    /// A deployment by id.
    #[oai(path = "/:id", method = "get", operation_id = "read_deployment")]
    async fn read(&self, client: Client, id: Path<Uuid>) -> Result<Out<DeploymentView>, ApiError> {
        let seen = read::<Deployment>(&self.ctx, id.0, "Deployment").await?;
        Ok(Out(deployment_view(&self.ctx, &client, seen.record).await?))
    }

    /// A deployment by the name of its flow and its own.
    #[oai(path = "/name/:flow_name/:deployment_name", method = "get", operation_id = "read_deployment_by_name")]
    async fn read_by_name(
        &self,
        client: Client,
        flow_name: Path<String>,
        deployment_name: Path<String>,
    ) -> Result<Out<DeploymentView>, ApiError> {
        let seen = deployment_named(&self.ctx.reader, &flow_name.0, &deployment_name.0).await?;
        let seen = seen.ok_or_else(|| ApiError::not_found("Deployment"))?;
        Ok(Out(deployment_view(&self.ctx, &client, seen.record).await?))
    }

    /// Deployments.
    #[oai(path = "/filter", method = "post", operation_id = "filter_deployments")]
    async fn filter(
        &self,
        client: Client,
        body: Input<FilterDeployments>,
    ) -> Result<Out<Vec<DeploymentView>>, ApiError> {
        let page = body.page.checked(&self.ctx)?;
        let filter = body.filters.for_deployments(&client);
        let seen = list::<Deployment>(&self.ctx, filter, order(body.sort), page).await?;
        Ok(Out(deployment_views(&self.ctx, &client, seen.into_iter().map(|seen| seen.record).collect()).await?))
    }

    /// A page of deployments.
    #[oai(path = "/paginate", method = "post", operation_id = "paginate_deployments")]
    async fn paginate(
        &self,
        client: Client,
        body: Input<PaginateDeployments>,
    ) -> Result<Out<Paginated<DeploymentView>>, ApiError> {
        let page = body.page.checked(&self.ctx)?;
        let filter = body.filters.for_deployments(&client);
        let (seen, count) = number_of::<Deployment>(&self.ctx, filter, order(body.sort), page).await?;
        let views = deployment_views(&self.ctx, &client, seen.into_iter().map(|seen| seen.record).collect()).await?;
        Ok(Out(Paginated::new(views, count, page)))
    }

    /// How many deployments there are.
    #[oai(path = "/count", method = "post", operation_id = "count_deployments")]
    async fn count(&self, client: Client, body: Input<FilterDeployments>) -> Result<Out<i64>, ApiError> {
        Ok(Out(self.ctx.reader.count::<Deployment>(body.filters.for_deployments(&client)).await?))
    }

    /// Changes a deployment.
    #[oai(path = "/:id", method = "patch", operation_id = "update_deployment")]
    async fn update(
        &self,
        client: Client,
        id: Path<Uuid>,
        body: Input<DeploymentUpdate>,
    ) -> Result<NoContent, ApiError> {
        let members = body.0.members;
        read::<Deployment>(&self.ctx, id.0, "Deployment").await.map_err(|_| none())?;
        members.checked(&self.ctx, &client)?;
        if matches!(members.schedules, MaybeUndefined::Null) && !client.is_v2() {
            return Err(ApiError::member("schedules", "Input should be a valid list"));
        }
        let mut change = members.change();
        // wire W9.3: the 3.x line detaches the pool with null, the 2.x line ignores it.
        if matches!(members.work_pool_name, MaybeUndefined::Null) && !client.is_v2() {
            let nobody = |queue: &MaybeUndefined<String>| !matches!(queue, MaybeUndefined::Value(_));
            if nobody(&members.work_queue_name) {
                change = change
                    .set(deployment::work_queue_id, None::<Uuid>)
                    .set(deployment::work_queue_name, None::<String>);
            }
        }
        let reader = &self.ctx.reader;
        let (placement, parameters) = (members.placement()?, Some(members.parameters_edit()));
        let edit = DeploymentEdit { change, placement, parameters, told: !client.is_v2(), line: client.by.line };
        edit_deployment::<ApiError>(&self.ctx.ops, id.0, &edit, |seen, existing| {
            edited_schedules(seen, existing, &members, &client, reader.now())
        })
        .await?
        .ok_or_else(none)?;
        delete_scheduled_runs(&self.ctx.ops, id.0, Cause::Edited).await?;
        Ok(NoContent)
    }

    /// Deletes a deployment, its schedules and its runs that wait.
    #[oai(path = "/:id", method = "delete", operation_id = "delete_deployment")]
    async fn delete(&self, client: Client, id: Path<Uuid>) -> Result<NoContent, ApiError> {
        match delete_deployment(&self.ctx.ops, id.0, None, client.by.line).await? {
            true => Ok(NoContent),
            false => Err(ApiError::not_found("Deployment")),
        }
    }

    /// Deletes the deployments that a filter meets.
    #[oai(path = "/bulk_delete", method = "post", operation_id = "delete_deployments")]
    async fn delete_all(
        &self,
        client: Client,
        body: Exact<DeleteDeployments>,
    ) -> Result<Out<DeletedDeployments>, ApiError> {
        let filters = Filters { deployments: body.deployments.clone(), ..Filters::default() };
        let page = (body.limit.unwrap_or(50), 0);
        let filter = filters.for_deployments(&client);
        let seen = list::<Deployment>(&self.ctx, filter.clone(), order(None), page).await?;
        let mut deleted = Vec::with_capacity(seen.len());
        for one in seen {
            if delete_deployment(&self.ctx.ops, one.id, Some(&filter), client.by.line).await? {
                deleted.push(one.id);
            }
        }
        Ok(Out(DeletedDeployments { deleted }))
    }

    /// Lets schedules make runs again.
    #[oai(path = "/:id/resume_deployment", method = "post", operation_id = "resume_deployment")]
    async fn resume(&self, client: Client, id: Path<Uuid>) -> Result<Raw, ApiError> {
        self.set_paused(id.0, false, client.is_v2()).await
    }

    /// Stops schedules from making runs, and takes back those that were made ahead.
    #[oai(path = "/:id/pause_deployment", method = "post", operation_id = "pause_deployment")]
    async fn pause(&self, client: Client, id: Path<Uuid>) -> Result<Raw, ApiError> {
        self.set_paused(id.0, true, client.is_v2()).await
    }

    /// The name of resuming in the 2.x line.
    #[oai(path = "/:id/set_schedule_active", method = "post", operation_id = "set_schedule_active")]
    async fn set_schedule_active(&self, id: Path<Uuid>) -> Result<Raw, ApiError> {
        self.set_paused(id.0, false, true).await
    }

    /// The name of pausing in the 2.x line.
    #[oai(path = "/:id/set_schedule_inactive", method = "post", operation_id = "set_schedule_inactive")]
    async fn set_schedule_inactive(&self, id: Path<Uuid>) -> Result<Raw, ApiError> {
        self.set_paused(id.0, true, true).await
    }

    /// The queues that may have the deployment's runs, by the filters of the 2.x line: those without one, and those
    /// whose tags the deployment has and whose deployments it is one of.
    #[oai(path = "/:id/work_queue_check", method = "get", operation_id = "check_deployment_queues")]
    async fn work_queue_check(&self, id: Path<Uuid>) -> Result<Out<Vec<View<WorkQueue>>>, ApiError> {
        let seen = read::<Deployment>(&self.ctx, id.0, "Deployment").await?;
        let mut queues = self.ctx.reader.all::<WorkQueue>(Filter::all()).await?;
        queues.retain(|queue| QueueFilter::of(queue).is_none_or(|filter| filter.admits(seen.id, &seen.tags)));
        queues.sort_by_key(|queue| (queue.created, queue.id));
        Ok(Out(queues.into_iter().map(View::from).collect()))
    }
}

impl DeploymentsApi {
    /// Pauses or resumes. (wire W9.6: the 2.x line also flips its one schedule, and refuses several: `with_schedule`)
    async fn set_paused(&self, id: Uuid, paused: bool, with_schedule: bool) -> Result<Raw, ApiError> {
        let edit = DeploymentEdit::of(Change::default().set(deployment::paused, paused));
        edit_deployment::<ApiError>(&self.ctx.ops, id, &edit, |_, existing| match (with_schedule, existing) {
            (true, [one]) => {
                let change = Change::default().set(deployment_schedule::active, !paused);
                Ok(vec![ScheduleEdit::Change(one.id, change)])
            }
            (true, [_, _, ..]) => Err(several(id)),
            _ => Ok(Vec::new()),
        })
        .await?
        .ok_or_else(|| ApiError::not_found("Deployment"))?;
        if paused {
            delete_scheduled_runs(&self.ctx.ops, id, Cause::Stopped).await?;
        }
        Ok(Raw::ok(Value::Null))
    }
}
