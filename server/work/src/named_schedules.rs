//! What the body of a deployment says about schedules, under the names of both lines.

use mintaka_core::records::{Deployment, DeploymentSchedule};
use mintaka_core::{Json, Time};
use mintaka_http::{ApiError, Client};
use mintaka_orchestration::ops::deployments::{NewSchedule, ScheduleEdit};
use poem::http::StatusCode;
use poem_openapi::types::MaybeUndefined;
use serde_json::json;
use uuid::Uuid;

use crate::deployment_body::DeploymentMembers;
use crate::names::sent;
use crate::schedules::{new_schedules, normal, patched, replaced};

/// 422 for a request of the 2.x line that means one schedule where there are several.
pub(crate) fn several(id: Uuid) -> ApiError {
    // wire W9.6: the detail is a list of one text.
    let text = format!(
        "Error updating deployment: Deployment UUID('{id}') has multiple schedules. Please use the UI or update your \
         client to adjust this deployment's schedules."
    );
    ApiError::body(StatusCode::UNPROCESSABLE_ENTITY, json!({"detail": [text]}))
}

/// The schedules of a new deployment: the list, or the one of the 2.x line.
pub(crate) fn made_schedules(members: &DeploymentMembers, now: Time) -> Result<Vec<NewSchedule>, ApiError> {
    if let MaybeUndefined::Value(schedules) = &members.schedules
        && !schedules.is_empty()
    {
        return new_schedules(schedules, now);
    }
    match &members.schedule {
        MaybeUndefined::Value(schedule) => {
            let active = sent(&members.is_schedule_active).flatten().unwrap_or(true);
            Ok(vec![single(normal(schedule, now)?, active)])
        }
        _ => Ok(Vec::new()),
    }
}

fn single(schedule: Json, active: bool) -> NewSchedule {
    NewSchedule {
        schedule,
        active,
        max_scheduled_runs: None,
        parameters: Json::object(),
        slug: None,
        catchup: false,
        max_active_runs: None,
    }
}

/// What a PATCH says about schedules, under the names of both lines.
pub(crate) fn edited_schedules(
    seen: &Deployment,
    existing: &[DeploymentSchedule],
    members: &DeploymentMembers,
    client: &Client,
    now: Time,
) -> Result<Vec<ScheduleEdit>, ApiError> {
    let legacy = !members.schedule.is_undefined() || !members.is_schedule_active.is_undefined();
    if legacy {
        if existing.len() > 1 {
            return Err(several(seen.id));
        }
        let schedule = match &members.schedule {
            MaybeUndefined::Undefined => existing.first().map(|one| one.schedule.clone()),
            MaybeUndefined::Null => None,
            MaybeUndefined::Value(schedule) => Some(normal(schedule, now)?),
        };
        let active = sent(&members.is_schedule_active).flatten().unwrap_or(!seen.paused);
        return Ok(replaced(existing, schedule.map(|schedule| single(schedule, active)).into_iter().collect()));
    }
    match &members.schedules {
        MaybeUndefined::Value(bodies) if client.is_v2() => Ok(replaced(existing, new_schedules(bodies, now)?)),
        MaybeUndefined::Value(bodies) => patched(existing, bodies, now),
        _ => Ok(Vec::new()),
    }
}
