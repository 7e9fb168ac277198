//! `/deployments/`: making a deployment, or changing the one of its flow and name.

use mintaka_core::records::{BlockDocument, deployment};
use mintaka_core::{Change, Json};
use mintaka_http::{ApiError, Client, Created, Ctx, Input, check_characters};
use mintaka_orchestration::caller::ClientLine;
use mintaka_orchestration::ops::deployment_run::known_blocks;
use mintaka_orchestration::ops::deployments::{Upsert, resolve_queue, upsert_deployment};
use mintaka_orchestration::ops::work_pools::{DEFAULT_AGENT_POOL, pool_named};
use mintaka_orchestration::parameters::{Invalid, JobVariables, Nulls, Required, check};
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi};
use serde_json::Value;
use uuid::Uuid;

use crate::deployment_body::DeploymentMembers;
use crate::deployment_view::{DeploymentView, deployment_view};
use crate::named_schedules::made_schedules;
use crate::names::{no_pool, sent};

/// A deployment to make, or to change if its flow has one of that name.
#[derive(Debug, Object)]
pub struct DeploymentCreate {
    /// Name.
    pub name: String,
    /// The flow.
    pub flow_id: Uuid,
    /// What else is said.
    #[oai(flatten)]
    pub members: DeploymentMembers,
}

/// `/deployments/`
#[derive(Clone)]
pub struct DeploymentsRoot {
    pub(crate) ctx: Ctx,
}

#[OpenApi(prefix_path = "/deployments/")]
impl DeploymentsRoot {
    /// Makes a deployment, or changes the one of that flow and name: the 2.x line replaces it, the 3.x line changes
    /// what is sent. Its schedules are replaced by both.
    #[oai(path = "/", method = "post", operation_id = "create_deployment")]
    async fn create(&self, client: Client, body: Input<DeploymentCreate>) -> Result<Created<DeploymentView>, ApiError> {
        let ctx = &self.ctx;
        let Input(body) = body;
        let members = body.members;
        check_characters("name", &body.name)?;
        members.checked(ctx, &client)?;
        check_own_parameters(&members)?;
        let schedules = made_schedules(&members, ctx.store.now())?;
        self.check_job_variables(&members).await?;
        let line = members.line(client.by);
        let change = with_queue(ctx, members.change(), &members, line).await?;
        self.check_blocks(&members).await?;
        // wire: absent parameters count as sent and empty.
        let change =
            if members.parameters.is_undefined() { change.set(deployment::parameters, Json::object()) } else { change };
        let wanted = Upsert {
            flow_id: body.flow_id,
            name: body.name,
            sent: change,
            labels: sent(&members.labels).flatten().unwrap_or_default().0,
            schedules,
            line,
        };
        let (record, new) = upsert_deployment(&ctx.store, &wanted).await?;
        Ok(Created { new, value: deployment_view(ctx, &client, record).await? })
    }
}

impl DeploymentsRoot {
    async fn check_job_variables(&self, members: &DeploymentMembers) -> Result<(), ApiError> {
        let store = &self.ctx.store;
        let Some(name) = sent(&members.work_pool_name).flatten().filter(|name| name != DEFAULT_AGENT_POOL) else {
            return Ok(());
        };
        let pool = pool_named(store, &name).await?.ok_or_else(|| no_pool(&name))?;
        let Some(sent) = members.job_variables().filter(|sent| !sent.0.is_empty()) else { return Ok(()) };
        let Some(variables) = JobVariables::of(&pool.base_job_template.value()) else { return Ok(()) };
        known_blocks(store, &variables).await?;
        variables.check(&[&Value::Object(sent.0)], Required::Ignored).map_err(|invalid| match invalid {
            Invalid::Values(why) => ApiError::unprocessable(format!("Error creating deployment: {why}")),
            other => ApiError::unprocessable(other.to_string()),
        })
    }

    async fn check_blocks(&self, members: &DeploymentMembers) -> Result<(), ApiError> {
        for (kind, id) in
            [("infrastructure", &members.infrastructure_document_id), ("storage", &members.storage_document_id)]
        {
            let Some(id) = sent(id).flatten() else { continue };
            if self.ctx.store.get::<BlockDocument>(id).await?.is_none() {
                return Err(ApiError::conflict(format!(
                    "Error creating deployment. Could not find {kind} block with id: {id}. This usually occurs when \
                     applying a deployment specification that was built against a different Prefect database / \
                     workspace."
                )));
            }
        }
        Ok(())
    }
}

/// Checks parameters against the schema of the same body, if its enforcement is sent too. (wire: a default of true is
/// not checked when a deployment is made)
fn check_own_parameters(members: &DeploymentMembers) -> Result<(), ApiError> {
    let enforced = sent(&members.enforce_parameter_schema).flatten() == Some(true);
    let (true, MaybeUndefined::Value(schema)) = (enforced, &members.parameter_openapi_schema) else { return Ok(()) };
    let parameters = sent(&members.parameters).flatten().unwrap_or_default();
    let schema = Value::Object(schema.0.clone());
    check(&Value::Object(parameters.0), &schema, Required::Ignored, Nulls::AsWritten)
        .map_err(|invalid| ApiError::member("parameters", invalid.to_string()))
}

/// A change with the queue that the body names, which is made if it is missing.
pub(crate) async fn with_queue(
    ctx: &Ctx,
    change: Change,
    members: &DeploymentMembers,
    line: ClientLine,
) -> Result<Change, ApiError> {
    let (pool, queue) = (sent(&members.work_pool_name).flatten(), sent(&members.work_queue_name).flatten());
    let queue = queue.filter(|name| !name.is_empty());
    check_characters("work_queue_name", queue.as_deref().unwrap_or_default())?;
    let found = resolve_queue(&ctx.store, pool.as_deref(), queue.as_deref(), line).await?;
    Ok(match found {
        Some(found) => change
            .set(deployment::work_queue_id, found.id)
            .set(deployment::work_queue_name, queue.unwrap_or(found.name)),
        None => change,
    })
}
