//! Runs of deployments: what they take from the deployment, what from the request, and what is checked first.

use std::borrow::Cow;

use mintaka_core::records::{BlockDocument, Deployment, FlowRun, StateType, WorkPool, WorkQueue};
use mintaka_core::{Batch, Error, Json, Reader, Tags, Versioned};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::create_run::decide_flow_run;
use super::deployments::variables_for;
use super::optimistic::{Lost, optimistic};
use super::work_queues::find_or_create_queue;
use super::{Created, NewFlowRun};
use crate::caller::{Caller, ClientLine};
use crate::each_once::each_once;
use crate::error::OpError;
use crate::operations::Operations;
use crate::parameters::{Invalid, JobVariables, Nulls, Required, Variables, check, hydrate};
use crate::run_policy::FlowRunPolicy;
use crate::state::Proposed;

/// What a request says about a run of a deployment.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Name.
    pub name: Option<String>,
    /// Parameters over those of the deployment.
    pub parameters: Map<String, Value>,
    /// Whether they must fit the schema; as the deployment says when `None`.
    pub enforce_parameter_schema: Option<bool>,
    /// Tags besides those of the deployment.
    pub tags: Vec<String>,
    /// Job variables over those of the deployment.
    pub job_variables: Map<String, Value>,
    /// Labels.
    pub labels: Map<String, Value>,
    /// Infrastructure block, of the 2.x line.
    pub infrastructure_document_id: Option<Uuid>,
    /// Another queue of the deployment's pool, made if it is missing.
    pub work_queue_name: Option<String>,
    /// First state; SCHEDULED for now if absent.
    pub state: Option<Proposed>,
    /// Context.
    pub context: Json,
    /// Retries and pauses.
    pub empirical_policy: FlowRunPolicy,
    /// With it, the run is created once per flow.
    pub idempotency_key: Option<String>,
    /// The task run that stands for it in its parent.
    pub parent_task_run_id: Option<Uuid>,
    /// Who asked, as sent to clients.
    pub created_by: Option<Json>,
}

/// Why a deployment gives no run. The texts are those that clients know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The request makes no sense (400).
    #[error("{0}")]
    Nonsense(String),
    /// Parameters do not fit the deployment's schema (409).
    #[error("{0}")]
    Parameters(String),
    /// Job variables do not fit the pool's template, or a schema cannot be used (422).
    #[error("{0}")]
    Unfit(String),
    /// Something else.
    #[error(transparent)]
    Op(#[from] OpError),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        Refused::Op(error.into())
    }
}

/// The text when a schema is enforced that is not there.
pub const NO_SCHEMA: &str = "Error updating deployment: Cannot update parameters because parameter schema enforcement \
                             is enabled and the deployment does not have a valid parameter schema.";

/// A deployment with the queue and the pool that its runs wait in, as they were read.
#[derive(Clone, Debug)]
pub struct Source {
    deployment: Versioned<Deployment>,
    /// Its queue, if it is still there.
    queue: Option<WorkQueue>,
    /// The queue's pool.
    pool: Option<Versioned<WorkPool>>,
}

/// Makes a run of a deployment, or answers the one that has the same flow and idempotency key. What was read of the
/// deployment is read again if it has changed.
///
/// # Errors
/// [`Refused`]
pub async fn create_run_of(
    ops: &Operations,
    source: &Source,
    wanted: Wanted,
    by: &Caller,
) -> Result<Created<FlowRun>, Refused> {
    let id = Uuid::new_v4();
    let wanted = &wanted;
    optimistic(ops, "the deployment", |lost| async move {
        let gone = || OpError::NotFound("Deployment not found".into());
        let source = match &lost {
            Some(Lost::Conflict { .. }) => Cow::Owned(Source::read(ops, source.deployment.id).await?.ok_or_else(gone)?),
            _ => Cow::Borrowed(source),
        };
        let new = source.run(ops, wanted.clone(), by.line).await?;
        decide_flow_run(ops, id, lost, new, source.guards(), by).await.map_err(Refused::from)
    })
    .await
}

impl Source {
    /// Reads a deployment with its queue and pool; `None` if there is no such deployment.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn read(reader: &Reader, id: Uuid) -> Result<Option<Source>, Error> {
        let Some(deployment) = reader.get::<Deployment>(id).await? else { return Ok(None) };
        let queue = match deployment.work_queue_id {
            Some(id) => reader.get::<WorkQueue>(id).await?.map(|seen| seen.record),
            None => None,
        };
        let pool = match &queue {
            Some(queue) => reader.get::<WorkPool>(queue.work_pool_id).await?,
            None => None,
        };
        Ok(Some(Source { deployment, queue, pool }))
    }

    /// The versions of what a run is made of.
    fn guards(&self) -> Batch {
        let guards = Batch::new().version(&self.deployment);
        self.pool.iter().fold(guards, Batch::version)
    }

    /// The parameters of a run before their stand-ins are replaced.
    fn parameters(&self, wanted: &Wanted) -> Value {
        let mut all = match self.deployment.parameters.value() {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        all.extend(wanted.parameters.clone());
        Value::Object(all)
    }

    /// The run that a request makes of this deployment, checked in the order that clients know.
    ///
    /// # Errors
    /// [`Refused`]
    async fn run(&self, ops: &Operations, wanted: Wanted, line: ClientLine) -> Result<NewFlowRun, Refused> {
        let given = self.parameters(&wanted);
        let variables = variables_for(ops, &given).await?;
        let parameters = self.checked(&given, &wanted, &variables)?;
        self.check_job_variables(ops, &wanted).await?;
        let queue = match &wanted.work_queue_name {
            Some(name) => self.other_queue(ops, name, line).await?,
            None => (self.queue.as_ref().map(|queue| queue.id), self.queue_name()),
        };
        let deployment = &self.deployment.record;
        Ok(NewFlowRun {
            name: wanted.name,
            deployment_id: Some(deployment.id),
            work_queue_id: queue.0,
            work_queue_name: queue.1,
            deployment_version: deployment.version.clone(),
            parameters: Json::from(parameters),
            idempotency_key: wanted.idempotency_key,
            context: wanted.context,
            empirical_policy: wanted.empirical_policy,
            tags: Tags(each_once(deployment.tags.0.iter().cloned().chain(wanted.tags))),
            labels: wanted.labels,
            parent_task_run_id: wanted.parent_task_run_id,
            infrastructure_document_id: wanted.infrastructure_document_id.or(deployment.infrastructure_document_id),
            created_by: wanted.created_by,
            job_variables: Json::from(Value::Object(wanted.job_variables)),
            state: Some(wanted.state.map_or_else(|| Proposed::scheduled(ops.now()), |state| dated(state, ops))),
            ..NewFlowRun::of(deployment.flow_id)
        })
    }

    fn queue_name(&self) -> Option<String> {
        self.queue.as_ref().map(|queue| queue.name.clone()).or_else(|| self.deployment.work_queue_name.clone())
    }

    fn checked(&self, given: &Value, wanted: &Wanted, variables: &Variables) -> Result<Value, Refused> {
        let parameters = hydrate(given, variables)
            .map_err(|fault| Refused::Nonsense(format!("Error hydrating flow run parameters: {fault}")))?;
        if wanted.enforce_parameter_schema.unwrap_or(self.deployment.enforce_parameter_schema) {
            let schema = self.deployment.parameter_openapi_schema.as_ref().map(Json::value);
            // A schema that was never given is an empty one to the 3.x line, and null to the 2.x line.
            let Some(schema) = schema.filter(Value::is_object) else {
                return Err(Refused::Parameters(NO_SCHEMA.into()));
            };
            check(&parameters, &schema, Required::Enforced, Nulls::WithoutDefault).map_err(
                |invalid| match invalid {
                    Invalid::Values(why) => Refused::Parameters(format!("Error creating flow run: {why}")),
                    other => Refused::Unfit(other.to_string()),
                },
            )?;
        }
        Ok(parameters)
    }

    async fn check_job_variables(&self, reader: &Reader, wanted: &Wanted) -> Result<(), Refused> {
        let Some(pool) = &self.pool else { return Ok(()) };
        let Some(variables) = JobVariables::of(&pool.base_job_template.value()) else { return Ok(()) };
        known_blocks(reader, &variables).await?;
        let (own, sent) = (self.deployment.infra_overrides.value(), Value::Object(wanted.job_variables.clone()));
        variables.check(&[&own, &sent], Required::Enforced).map_err(|invalid| match invalid {
            Invalid::Values(why) => Refused::Unfit(format!("Error creating flow run: {why}")),
            other => Refused::Unfit(other.to_string()),
        })
    }

    async fn other_queue(
        &self,
        ops: &Operations,
        name: &str,
        line: ClientLine,
    ) -> Result<(Option<Uuid>, Option<String>), Refused> {
        let Some(pool) = &self.pool else {
            return Err(Refused::Nonsense(format!(
                "Cannot create flow run in work queue {name} because deployment {} is not associated with a work \
                 pool. Please remove work_pool_name and try again.",
                self.deployment.id
            )));
        };
        let queue = find_or_create_queue(ops, pool, name, None, line).await?;
        Ok((Some(queue.id), Some(queue.name)))
    }
}

/// A SCHEDULED state without a time is for now.
fn dated(mut state: Proposed, reader: &Reader) -> Proposed {
    if state.r#type == StateType::Scheduled {
        state.details.scheduled_time.get_or_insert_with(|| reader.now());
    }
    state
}

/// Checks that blocks which a template names as defaults exist.
///
/// # Errors
/// [`OpError::NotFound`]
pub async fn known_blocks(reader: &Reader, variables: &JobVariables) -> Result<(), OpError> {
    let named: Result<Vec<Uuid>, String> = variables.default_blocks().into_iter().map(|(_, id)| id).collect();
    let found = match named {
        Ok(ids) => reader.get_all::<BlockDocument>(&ids).await?.iter().all(Option::is_some),
        Err(_) => false,
    };
    if found { Ok(()) } else { Err(OpError::NotFound("Block not found.".into())) }
}
