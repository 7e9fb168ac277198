//! What a change of a deployment says about its parameters, checked against the deployment as it is.

use mintaka_core::records::{Deployment, deployment};
use mintaka_core::{Change, Error, Json, Reader};
use serde_json::Value;

use super::deployment_run::NO_SCHEMA;
use super::deployments::variables_for;
use crate::error::OpError;
use crate::parameters::{Invalid, Nulls, Required, Variables, check, hydrate};

/// What a request says about the parameters of a deployment; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct ParametersEdit {
    /// New parameters, with stand-ins.
    pub given: Option<Value>,
    /// Whether parameters must fit the schema.
    pub enforce: Option<bool>,
    /// New schema.
    pub schema: Option<Value>,
}

impl ParametersEdit {
    /// The variables that the stand-ins of the new parameters need.
    ///
    /// # Errors
    /// What the store answers.
    pub(super) async fn variables(&self, reader: &Reader) -> Result<Variables, Error> {
        match &self.given {
            Some(given) => variables_for(reader, given).await,
            None => Ok(Variables::new()),
        }
    }

    /// A change with the new parameters, their stand-ins replaced. If the schema is enforced, the parameters are checked,
    /// also those that the deployment has already.
    ///
    /// # Errors
    /// [`OpError::Refused`] for stand-ins that cannot be replaced; [`OpError::Conflict`] for parameters that do not fit;
    /// [`OpError::Invalid`] for a schema that is none.
    pub(super) fn checked(
        &self,
        seen: &Deployment,
        variables: &Variables,
        mut change: Change,
    ) -> Result<Change, OpError> {
        let parameters = match &self.given {
            Some(given) => {
                let refused = |fault| OpError::Refused(format!("Error hydrating deployment parameters: {fault}"));
                let parameters = hydrate(given, variables).map_err(refused)?;
                change.set.retain(|(column, _)| *column != deployment::parameters);
                change = change.set(deployment::parameters, Json::from(parameters.clone()));
                parameters
            }
            None => seen.parameters.value(),
        };
        if !self.enforce.unwrap_or(seen.enforce_parameter_schema) {
            return Ok(change);
        }
        let own = || seen.parameter_openapi_schema.as_ref().map(Json::value);
        let sent = self.schema.clone().filter(|schema| schema.as_object().is_some_and(|members| !members.is_empty()));
        let Some(schema) = sent.or_else(own).filter(Value::is_object) else {
            return Err(OpError::Conflict(NO_SCHEMA.into()));
        };
        check(&parameters, &schema, Required::Ignored, Nulls::WithoutDefault).map_err(|invalid| match invalid {
            Invalid::Values(why) => OpError::Conflict(format!("Error updating deployment: {why}")),
            other => OpError::Invalid(other.to_string()),
        })?;
        Ok(change)
    }
}
