//! `/ui/schemas/validate`: what the web UI asks while somebody fills in a form.

use mintaka_api_filters::wire::JsonObject;
use mintaka_http::{ApiError, Ctx, Input, Raw};
use mintaka_orchestration::ops::deployments::variables_for;
use mintaka_orchestration::parameters::{preview, report};
use poem_openapi::{Object, OpenApi};
use serde_json::Value;

/// Values and the schema that they must fit.
#[derive(Debug, Object)]
pub struct ValuesToValidate {
    /// A JSON Schema.
    pub schema: JsonObject,
    /// The values, with stand-ins.
    pub values: JsonObject,
}

/// `/ui/schemas`
#[derive(Clone)]
pub struct SchemasApi {
    pub(crate) ctx: Ctx,
}

#[OpenApi(prefix_path = "/ui/schemas")]
impl SchemasApi {
    /// Checks values against a schema, and says what is wrong where.
    #[oai(path = "/validate", method = "post", operation_id = "validate_values")]
    async fn validate(&self, body: Input<ValuesToValidate>) -> Result<Raw, ApiError> {
        let Input(body) = body;
        let values = Value::Object(body.values.0);
        let variables = variables_for(&self.ctx.reader, &values).await?;
        let told = report(&preview(&values, &variables), &Value::Object(body.schema.0));
        told.map(Raw::ok).map_err(|invalid| ApiError::unprocessable(invalid.to_string()))
    }
}
