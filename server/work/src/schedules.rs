//! `/deployments/…/schedules`, and schedules in the bodies of deployments.

use std::collections::HashSet;

use mintaka_api_filters::wire::JsonObject;
use mintaka_core::records::{Deployment, DeploymentSchedule, deployment_schedule};
use mintaka_core::{Change, Json, Time};
use mintaka_http::{ApiError, Created, Ctx, Input, NoContent, Out, Problem, View, read};
use mintaka_orchestration::ops::deployments::{
    DeploymentEdit, NewSchedule, ScheduleEdit, add_schedules, edit_deployment, schedules_of,
};
use mintaka_orchestration::ops::schedule_runs::{Cause, delete_scheduled_runs};
use mintaka_schedule::Schedule;
use poem::http::StatusCode;
use poem_openapi::param::Path;
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi};
use serde_json::Value;
use uuid::Uuid;

use crate::names::{at_least, sent};

/// The most runs that a schedule may have made ahead (wire W9.7).
const MAX_SCHEDULED_RUNS: i64 = 50;

/// A schedule of a deployment, to make or to change.
#[derive(Clone, Debug, Object)]
pub struct ScheduleBody {
    /// When: by interval, cron or rrule.
    pub schedule: MaybeUndefined<JsonObject>,
    /// Whether runs follow from it.
    pub active: MaybeUndefined<bool>,
    /// How many runs may be made ahead.
    pub max_scheduled_runs: MaybeUndefined<i64>,
    /// Parameters of its runs, over those of the deployment.
    pub parameters: Option<JsonObject>,
    /// Its name within the deployment.
    pub slug: MaybeUndefined<String>,
    /// The slug of the schedule that this one takes the place of.
    pub replaces: Option<String>,
    /// Of the 2.x line; kept, without effect.
    pub catchup: Option<bool>,
    /// Of the 2.x line; kept, without effect.
    pub max_active_runs: MaybeUndefined<i64>,
}

/// A schedule's JSON in normal form.
///
/// # Errors
/// 422 that names the member.
pub(crate) fn normal(schedule: &JsonObject, now: Time) -> Result<Json, ApiError> {
    match Schedule::parse(&Value::Object(schedule.0.clone())) {
        Ok(Schedule::None) => {
            Err(ApiError::member("schedule", "A schedule needs one of `interval`, `cron` and `rrule`"))
        }
        Ok(schedule) => Ok(Json::from(schedule.anchored(now.to_chrono()).to_json())),
        Err(invalid) => {
            let loc = ["body", "schedule", invalid.field].map(Value::from).to_vec();
            let problem = Problem { loc, msg: invalid.message, r#type: "value_error".into(), input: None };
            Err(ApiError::invalid(vec![problem], None))
        }
    }
}

impl ScheduleBody {
    fn check(&self) -> Result<(), ApiError> {
        let runs = sent(&self.max_scheduled_runs).flatten();
        at_least("max_scheduled_runs", 1, runs)?;
        if runs.is_some_and(|runs| runs > MAX_SCHEDULED_RUNS) {
            let text = format!("max_scheduled_runs must be less than or equal to {MAX_SCHEDULED_RUNS}.");
            return Err(ApiError::member("max_scheduled_runs", text));
        }
        at_least("max_active_runs", 1, sent(&self.max_active_runs).flatten())
    }

    fn slug(&self) -> Option<String> {
        sent(&self.slug).flatten()
    }

    /// As a new schedule.
    ///
    /// # Errors
    /// 422, also when it does not say when.
    pub(crate) fn to_new(&self, now: Time) -> Result<NewSchedule, ApiError> {
        self.check()?;
        let MaybeUndefined::Value(schedule) = &self.schedule else {
            let text = "Unable to create new deployment schedules without a schedule configuration.";
            return Err(ApiError::unprocessable(text));
        };
        Ok(NewSchedule {
            schedule: normal(schedule, now)?,
            active: sent(&self.active).flatten().unwrap_or(true),
            max_scheduled_runs: sent(&self.max_scheduled_runs).flatten(),
            parameters: self.parameters.clone().map_or_else(Json::object, Json::from),
            slug: self.slug(),
            catchup: self.catchup.unwrap_or(false),
            max_active_runs: sent(&self.max_active_runs).flatten(),
        })
    }

    /// As a change: what is not sent or null stays. `parameters` are replaced by `{}` when `whole` is set and none are
    /// sent. (wire W9.8)
    fn to_change(&self, now: Time, whole: bool) -> Result<Change, ApiError> {
        self.check()?;
        let mut change = Change::default();
        if let MaybeUndefined::Value(schedule) = &self.schedule {
            change = change.set(deployment_schedule::schedule, normal(schedule, now)?);
        }
        if let Some(active) = sent(&self.active).flatten() {
            change = change.set(deployment_schedule::active, active);
        }
        if let Some(runs) = sent(&self.max_scheduled_runs).flatten() {
            change = change.set(deployment_schedule::max_scheduled_runs, runs);
        }
        if let Some(slug) = self.slug() {
            change = change.set(deployment_schedule::slug, slug);
        }
        if let Some(catchup) = self.catchup {
            change = change.set(deployment_schedule::catchup, catchup);
        }
        if let Some(runs) = sent(&self.max_active_runs).flatten() {
            change = change.set(deployment_schedule::max_active_runs, runs);
        }
        Ok(match &self.parameters {
            Some(parameters) => change.set(deployment_schedule::parameters, Json::from(parameters.clone())),
            None if whole => change.set(deployment_schedule::parameters, Json::object()),
            None => change,
        })
    }
}

/// New schedules, none of them with the slug of another.
///
/// # Errors
/// 422, and 409 for a slug that is there twice.
pub(crate) fn new_schedules(bodies: &[ScheduleBody], now: Time) -> Result<Vec<NewSchedule>, ApiError> {
    let mut slugs = HashSet::new();
    if bodies.iter().filter_map(ScheduleBody::slug).any(|slug| !slugs.insert(slug)) {
        return Err(ApiError::conflict("Schedule slugs must be unique within a deployment."));
    }
    bodies.iter().map(|body| body.to_new(now)).collect()
}

/// Another list in the place of all schedules.
pub(crate) fn replaced(existing: &[DeploymentSchedule], new: Vec<NewSchedule>) -> Vec<ScheduleEdit> {
    let removed = existing.iter().map(|schedule| ScheduleEdit::Remove(schedule.id));
    removed.chain(new.into_iter().map(ScheduleEdit::Add)).collect()
}

/// What `schedules` in a PATCH of the 3.x line means: schedules with slugs are matched by slug, others are replaced.
/// (wire W9.8)
///
/// # Errors
/// 422 where it is not clear which schedule is meant.
pub(crate) fn patched(
    existing: &[DeploymentSchedule],
    bodies: &[ScheduleBody],
    now: Time,
) -> Result<Vec<ScheduleEdit>, ApiError> {
    let known: Vec<&str> = existing.iter().filter_map(|schedule| schedule.slug.as_deref()).collect();
    let all_known = !existing.is_empty() && known.len() == existing.len();
    if !all_known {
        return Ok(replaced(existing, new_schedules(bodies, now)?));
    }
    if bodies.iter().any(|body| body.slug().is_none()) {
        return Err(ApiError::unprocessable(
            "Please provide a slug for each schedule in your request to ensure schedules are updated correctly.",
        ));
    }
    let mut replaces = HashSet::new();
    if let Some(twice) = bodies.iter().filter_map(|body| body.replaces.as_deref()).find(|old| !replaces.insert(*old)) {
        return Err(ApiError::unprocessable(format!(
            "Multiple schedules have 'replaces' targeting the same slug: {twice}"
        )));
    }
    let (mut renames, mut edits) = (Vec::new(), Vec::new());
    for body in bodies {
        let slug = body.slug().unwrap_or_default();
        if let Some(old) = &body.replaces
            && known.contains(&slug.as_str())
            && !replaces.contains(slug.as_str())
        {
            return Err(ApiError::unprocessable(format!(
                "Cannot rename schedule from '{old}' to '{slug}': a schedule with slug '{slug}' already exists."
            )));
        }
        let target = body.replaces.as_deref().unwrap_or(&slug);
        match existing.iter().find(|schedule| schedule.slug.as_deref() == Some(target)) {
            Some(found) => {
                if body.replaces.is_some() {
                    // Two schedules may swap their slugs: all let go of the old ones first.
                    let none = Change::default().set(deployment_schedule::slug, None::<String>);
                    renames.push(ScheduleEdit::Change(found.id, none));
                }
                edits.push(ScheduleEdit::Change(found.id, body.to_change(now, true)?));
            }
            None => edits.push(ScheduleEdit::Add(body.to_new(now)?)),
        }
    }
    renames.extend(edits);
    Ok(renames)
}

/// `/deployments/…/schedules`
#[derive(Clone)]
pub struct SchedulesApi {
    pub(crate) ctx: Ctx,
}

fn no_deployment() -> ApiError {
    ApiError::detail(StatusCode::NOT_FOUND, "Deployment not found.")
}

fn no_schedule() -> ApiError {
    ApiError::detail(StatusCode::NOT_FOUND, "Schedule not found.")
}

#[OpenApi(prefix_path = "/deployments")]
impl SchedulesApi {
    /// Schedules of a deployment, the one that was changed last first.
    #[oai(path = "/:id/schedules", method = "get", operation_id = "read_deployment_schedules")]
    async fn read(&self, id: Path<Uuid>) -> Result<Out<Vec<View<DeploymentSchedule>>>, ApiError> {
        read::<Deployment>(&self.ctx, id.0, "Deployment").await.map_err(|_| no_deployment())?;
        let schedules = schedules_of(&self.ctx.reader, [id.0]).await?;
        Ok(Out(schedules.into_iter().map(View::from).collect()))
    }

    /// Adds schedules to a deployment.
    #[oai(path = "/:id/schedules", method = "post", operation_id = "create_deployment_schedules")]
    async fn create(
        &self,
        id: Path<Uuid>,
        body: Input<Vec<ScheduleBody>>,
    ) -> Result<Created<Vec<View<DeploymentSchedule>>>, ApiError> {
        let reader = &self.ctx.reader;
        let new = new_schedules(&body, reader.now())?;
        let added = add_schedules(&self.ctx.ops, id.0, &new).await?.ok_or_else(no_deployment)?;
        Ok(Created::new(added.into_iter().map(View::from).collect()))
    }

    /// Changes a schedule.
    #[oai(path = "/:id/schedules/:schedule_id", method = "patch", operation_id = "update_deployment_schedule")]
    async fn update(
        &self,
        id: Path<Uuid>,
        schedule_id: Path<Uuid>,
        body: Input<ScheduleBody>,
    ) -> Result<NoContent, ApiError> {
        let change = body.to_change(self.ctx.reader.now(), false)?;
        let edit = ScheduleEdit::Change(schedule_id.0, change);
        self.edit_one(id.0, schedule_id.0, edit, Cause::Edited).await
    }

    /// Deletes a schedule.
    #[oai(path = "/:id/schedules/:schedule_id", method = "delete", operation_id = "delete_deployment_schedule")]
    async fn delete(&self, id: Path<Uuid>, schedule_id: Path<Uuid>) -> Result<NoContent, ApiError> {
        let edit = ScheduleEdit::Remove(schedule_id.0);
        self.edit_one(id.0, schedule_id.0, edit, Cause::Stopped).await
    }
}

impl SchedulesApi {
    async fn edit_one(
        &self,
        deployment: Uuid,
        schedule: Uuid,
        edit: ScheduleEdit,
        cause: Cause,
    ) -> Result<NoContent, ApiError> {
        let touched = DeploymentEdit::of(Change::default());
        edit_deployment::<ApiError>(&self.ctx.ops, deployment, &touched, |_, existing| {
            if !existing.iter().any(|one| one.id == schedule) {
                return Err(no_schedule());
            }
            Ok(vec![edit.clone()])
        })
        .await?
        .ok_or_else(no_deployment)?;
        delete_scheduled_runs(&self.ctx.ops, deployment, cause).await?;
        Ok(NoContent)
    }
}
