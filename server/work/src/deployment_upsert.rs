//! `/deployments/`: making a deployment, or changing the one of its flow and name.

use mintaka_core::Json;
use mintaka_core::records::deployment;
use mintaka_http::{ApiError, Client, Created, Ctx, Input, check_characters};
use mintaka_orchestration::ops::deployments::{Upsert, upsert_deployment};
use mintaka_orchestration::parameters::{Nulls, Required, check};
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi};
use serde_json::Value;
use uuid::Uuid;

use crate::deployment_body::DeploymentMembers;
use crate::deployment_view::{DeploymentView, deployment_view};
use crate::named_schedules::made_schedules;
use crate::names::sent;

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
        let schedules = made_schedules(&members, ctx.reader.now())?;
        let line = members.line(client.by);
        let change = members.change();
        // wire W9.1: absent parameters count as sent and empty.
        let change =
            if members.parameters.is_undefined() { change.set(deployment::parameters, Json::object()) } else { change };
        let wanted = Upsert {
            flow_id: body.flow_id,
            name: body.name,
            sent: change,
            placement: members.placement()?,
            labels: sent(&members.labels).flatten().unwrap_or_default().0,
            schedules,
            line,
        };
        let (record, new) = upsert_deployment(&ctx.ops, &wanted).await?;
        Ok(Created { new, value: deployment_view(ctx, &client, record).await? })
    }
}

/// Checks parameters against the schema of the same body, if its enforcement is sent too. (wire W9.4: a default of true
/// is not checked when a deployment is made)
fn check_own_parameters(members: &DeploymentMembers) -> Result<(), ApiError> {
    let enforced = sent(&members.enforce_parameter_schema).flatten() == Some(true);
    let (true, MaybeUndefined::Value(schema)) = (enforced, &members.parameter_openapi_schema) else { return Ok(()) };
    let parameters = sent(&members.parameters).flatten().unwrap_or_default();
    let schema = Value::Object(schema.0.clone());
    check(&Value::Object(parameters.0), &schema, Required::Ignored, Nulls::AsWritten)
        .map_err(|invalid| ApiError::member("parameters", invalid.to_string()))
}
