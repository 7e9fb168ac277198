//! Deployments in requests: the union of both lines' members.

use mintaka_api_filters::wire::{JsonObject, Labels};
use mintaka_core::records::deployment;
use mintaka_core::{Change, Col, Json, Tags, Value as Stored};
use mintaka_http::{ApiError, Client, Ctx, check_characters, check_parameters};
use mintaka_orchestration::caller::{Caller, ClientLine};
use mintaka_orchestration::ops::parameters_edit::ParametersEdit;
use mintaka_orchestration::ops::placement::Placement;
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Enum, Object};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::names::sent;
use crate::schedules::ScheduleBody;

/// What happens to a run without a slot.
#[derive(Clone, Debug, Object, Serialize)]
pub struct ConcurrencyOptions {
    /// Whether it waits or is cancelled.
    pub collision_strategy: ConcurrencyLimitStrategy,
    /// How long a run may keep its slot before it says that it runs, in seconds.
    #[oai(validator(minimum(value = "60"), maximum(value = "86400")))]
    pub grace_period_seconds: Option<i64>,
}

/// What becomes of a run that finds no slot.
#[derive(Clone, Copy, Debug, Enum, Serialize)]
#[oai(rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ConcurrencyLimitStrategy {
    /// It waits.
    Enqueue,
    /// It is cancelled.
    CancelNew,
}

/// What can be said about a deployment, when it is made and when it is changed.
#[derive(Debug, Object)]
pub struct DeploymentMembers {
    /// Version.
    pub version: MaybeUndefined<String>,
    /// Text for people.
    pub description: MaybeUndefined<String>,
    /// Whether its schedules make no runs.
    pub paused: MaybeUndefined<bool>,
    /// Of the 2.x line: the opposite of `paused`, which wins.
    pub is_schedule_active: MaybeUndefined<bool>,
    /// Of the 2.x line: its only schedule.
    pub schedule: MaybeUndefined<JsonObject>,
    /// Its schedules.
    pub schedules: MaybeUndefined<Vec<ScheduleBody>>,
    /// Tags.
    pub tags: MaybeUndefined<Vec<String>>,
    /// Labels.
    pub labels: MaybeUndefined<Labels>,
    /// Parameters of its runs.
    pub parameters: MaybeUndefined<JsonObject>,
    /// Whether parameters must fit the schema.
    pub enforce_parameter_schema: MaybeUndefined<bool>,
    /// The schema of the flow's parameters.
    pub parameter_openapi_schema: MaybeUndefined<JsonObject>,
    /// How a worker gets the code.
    pub pull_steps: MaybeUndefined<Vec<JsonObject>>,
    /// Folder of the code.
    pub path: MaybeUndefined<String>,
    /// Where the flow is in the code.
    pub entrypoint: MaybeUndefined<String>,
    /// Of the 2.x line.
    pub manifest_path: MaybeUndefined<String>,
    /// The block that the code is in.
    pub storage_document_id: MaybeUndefined<Uuid>,
    /// The block that runs it, of the 2.x line.
    pub infrastructure_document_id: MaybeUndefined<Uuid>,
    /// Job variables.
    pub job_variables: MaybeUndefined<JsonObject>,
    /// The name of `job_variables` in the 2.x line.
    pub infra_overrides: MaybeUndefined<JsonObject>,
    /// The pool that its runs wait in.
    pub work_pool_name: MaybeUndefined<String>,
    /// The queue that its runs wait in.
    pub work_queue_name: MaybeUndefined<String>,
    /// How many of its runs may be under way.
    pub concurrency_limit: MaybeUndefined<i64>,
    /// A shared limit.
    pub global_concurrency_limit_id: MaybeUndefined<Uuid>,
    /// What happens to a run without a slot.
    pub concurrency_options: MaybeUndefined<ConcurrencyOptions>,
}

/// Sets a column that may be null.
fn nullable<T: Clone + Into<Stored>>(change: Change, column: Col, member: &MaybeUndefined<T>) -> Change {
    match sent(member) {
        Some(value) => change.set(column, value),
        None => change,
    }
}

/// Sets a column that takes no null; null says nothing.
fn solid<T: Into<Stored>>(change: Change, column: Col, value: Option<T>) -> Change {
    match value {
        Some(value) => change.set(column, value),
        None => change,
    }
}

fn json<T: Serialize>(member: &MaybeUndefined<T>) -> MaybeUndefined<Json> {
    match member {
        MaybeUndefined::Undefined => MaybeUndefined::Undefined,
        MaybeUndefined::Null => MaybeUndefined::Null,
        MaybeUndefined::Value(value) => MaybeUndefined::Value(Json::of(value)),
    }
}

impl DeploymentMembers {
    /// Checks what no store is needed for.
    ///
    /// # Errors
    /// 422; 501 for limits, which are not there yet.
    pub(crate) fn checked(&self, ctx: &Ctx, client: &Client) -> Result<(), ApiError> {
        if let MaybeUndefined::Value(parameters) = &self.parameters {
            check_parameters(ctx, client, &parameters.0)?;
        }
        let both = !self.job_variables.is_undefined() && !self.infra_overrides.is_undefined();
        if both {
            let text = "`infra_overrides` and `job_variables` are two names of one member: send one of them";
            return Err(ApiError::member("job_variables", text));
        }
        match (sent(&self.concurrency_limit).flatten(), sent(&self.global_concurrency_limit_id).flatten()) {
            (Some(_), Some(_)) => {
                let text = "A deployment cannot have both a concurrency limit and a global concurrency limit.";
                Err(ApiError::member("concurrency_limit", text))
            }
            (Some(limit), None) if limit < 1 => {
                Err(ApiError::member("concurrency_limit", "Input should be greater than 0"))
            }
            (Some(_), None) => Err(ApiError::not_yet("A deployment concurrency limit")),
            (None, Some(_)) => Err(ApiError::not_found("Concurrency limit")),
            (None, None) => Ok(()),
        }
    }

    /// The line of whoever sent this: a client that does not say who it is is known by what only the 2.x line sends.
    pub(crate) fn line(&self, by: Caller) -> ClientLine {
        let no_definitions = |schema: JsonObject| schema.0.get("definitions").is_some_and(Value::is_null);
        let old = !self.manifest_path.is_undefined()
            || !self.schedule.is_undefined()
            || !self.is_schedule_active.is_undefined()
            || !self.infra_overrides.is_undefined()
            || sent(&self.parameter_openapi_schema).flatten().is_some_and(no_definitions);
        if by.version.is_none() && old { ClientLine::V2 } else { by.line }
    }

    /// Job variables under either name.
    pub(crate) fn job_variables(&self) -> Option<JsonObject> {
        sent(&self.job_variables).or_else(|| sent(&self.infra_overrides)).map(Option::unwrap_or_default)
    }

    /// Where its runs wait.
    ///
    /// # Errors
    /// 422 for a queue of a name that none can have.
    pub(crate) fn placement(&self) -> Result<Placement, ApiError> {
        let queue = sent(&self.work_queue_name).flatten().filter(|name| !name.is_empty());
        check_characters("work_queue_name", queue.as_deref().unwrap_or_default())?;
        Ok(Placement {
            pool: sent(&self.work_pool_name).flatten(),
            queue,
            job_variables: self.job_variables().map(|sent| Value::Object(sent.0)),
        })
    }

    /// What is said about parameters.
    pub(crate) fn parameters_edit(&self) -> ParametersEdit {
        let object = |member: &MaybeUndefined<JsonObject>| sent(member).flatten().map(|sent| Value::Object(sent.0));
        ParametersEdit {
            given: object(&self.parameters),
            enforce: sent(&self.enforce_parameter_schema).flatten(),
            schema: object(&self.parameter_openapi_schema),
        }
    }

    /// Whether it is paused, under either name.
    pub(crate) fn paused(&self) -> Option<bool> {
        let active = sent(&self.is_schedule_active).flatten();
        sent(&self.paused).flatten().or_else(|| active.map(|active| !active))
    }

    /// The columns that were sent, without the queue.
    pub(crate) fn change(&self) -> Change {
        let mut change = Change::default();
        for (column, member) in [
            (deployment::version, &self.version),
            (deployment::description, &self.description),
            (deployment::path, &self.path),
            (deployment::entrypoint, &self.entrypoint),
            (deployment::manifest_path, &self.manifest_path),
        ] {
            change = nullable(change, column, member);
        }
        change = nullable(change, deployment::parameter_openapi_schema, &json(&self.parameter_openapi_schema));
        change = nullable(change, deployment::concurrency_options, &json(&self.concurrency_options));
        for (column, member) in [
            (deployment::storage_document_id, &self.storage_document_id),
            (deployment::infrastructure_document_id, &self.infrastructure_document_id),
        ] {
            change = nullable(change, column, member);
        }
        if let Some(steps) = sent(&self.pull_steps) {
            change = change.set(deployment::pull_steps, steps.map(|steps| Json::of(&steps)));
        }
        let enforce = sent(&self.enforce_parameter_schema).flatten();
        change = solid(change, deployment::paused, self.paused());
        change = solid(change, deployment::tags, sent(&self.tags).flatten().map(Tags));
        change = solid(change, deployment::enforce_parameter_schema, enforce);
        change = solid(change, deployment::infra_overrides, self.job_variables().map(Json::from));
        solid(change, deployment::parameters, sent(&self.parameters).flatten().map(Json::from))
    }
}
