//! Automations and notification policies: none can be made yet, so lists are empty and ids are unknown. Templates of
//! actions are checked.

use mintaka_http::{ApiError, Client, Ctx, Input, NoContent, Out, Page, Raw};
use poem::http::StatusCode;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Tag;

#[derive(Clone)]
pub(crate) struct AutomationsApi {
    pub ctx: Ctx,
}

/// Refuses clients of the 2.x line when events are switched off for them, as their own server would.
fn enabled(ctx: &Ctx, client: &Client) -> Result<(), ApiError> {
    if ctx.settings.events || !client.is_v2() {
        return Ok(());
    }
    Err(ApiError::detail(
        StatusCode::NOT_FOUND,
        "Automations are not enabled. Please enable the PREFECT_EXPERIMENTAL_EVENTS and \
         PREFECT_API_SERVICES_TRIGGERS_ENABLED settings.",
    ))
}

#[OpenApi(prefix_path = "/automations", tag = "Tag::Automations")]
impl AutomationsApi {
    /// All automations.
    #[oai(path = "/filter", method = "post", operation_id = "filter_automations")]
    async fn filter(&self, page: Input<Page>, client: Client) -> Result<Out<Vec<Value>>, ApiError> {
        enabled(&self.ctx, &client)?;
        page.checked(&self.ctx)?;
        Ok(Out(Vec::new()))
    }

    /// The number of automations.
    #[oai(path = "/count", method = "post", operation_id = "count_automations")]
    async fn count(&self, client: Client) -> Result<Out<i64>, ApiError> {
        enabled(&self.ctx, &client)?;
        Ok(Out(0))
    }

    /// Automations that are about a resource.
    #[oai(path = "/related-to/:resource_id", method = "get", operation_id = "read_related_automations")]
    async fn related(&self, resource_id: Path<String>, client: Client) -> Result<Out<Vec<Value>>, ApiError> {
        let _ = resource_id;
        enabled(&self.ctx, &client)?;
        Ok(Out(Vec::new()))
    }

    /// Deletes the automations that belong to a resource.
    #[oai(path = "/owned-by/:resource_id", method = "delete", operation_id = "delete_owned_automations")]
    async fn delete_owned(&self, resource_id: Path<String>, client: Client) -> Result<Raw, ApiError> {
        let _ = resource_id;
        enabled(&self.ctx, &client)?;
        Ok(Raw { status: StatusCode::ACCEPTED, value: Value::Null })
    }

    /// One automation.
    #[oai(path = "/:id", method = "get", operation_id = "read_automation")]
    async fn read(&self, id: Path<Uuid>, client: Client) -> Result<Raw, ApiError> {
        self.unknown(id.0, &client)
    }

    /// Replaces an automation.
    #[oai(path = "/:id", method = "put", operation_id = "replace_automation")]
    async fn replace(&self, id: Path<Uuid>, client: Client) -> Result<NoContent, ApiError> {
        self.unknown(id.0, &client)
    }

    /// Switches an automation on or off.
    #[oai(path = "/:id", method = "patch", operation_id = "update_automation")]
    async fn update(&self, id: Path<Uuid>, client: Client) -> Result<NoContent, ApiError> {
        self.unknown(id.0, &client)
    }

    /// Deletes an automation.
    #[oai(path = "/:id", method = "delete", operation_id = "delete_automation")]
    async fn delete(&self, id: Path<Uuid>, client: Client) -> Result<NoContent, ApiError> {
        self.unknown(id.0, &client)
    }

    /// Checks a template, on the path that older web pages use.
    #[oai(path = "/templates/validate", method = "post", operation_id = "validate_automation_template")]
    async fn validate(&self, template: Input<Value>) -> Result<NoContent, ApiError> {
        check_template(&template)
    }
}

impl AutomationsApi {
    fn unknown<T>(&self, _id: Uuid, client: &Client) -> Result<T, ApiError> {
        enabled(&self.ctx, client)?;
        Err(ApiError::message(StatusCode::NOT_FOUND, "Automation not found"))
    }
}

#[derive(Clone)]
pub(crate) struct AutomationsRootApi {
    pub ctx: Ctx,
}

#[OpenApi(prefix_path = "/automations/", tag = "Tag::Automations")]
impl AutomationsRootApi {
    /// Makes an automation.
    #[oai(path = "/", method = "post", operation_id = "create_automation")]
    async fn create(&self, client: Client) -> Result<Raw, ApiError> {
        enabled(&self.ctx, &client)?;
        Err(ApiError::not_yet("Making automations"))
    }
}

#[derive(Clone)]
pub(crate) struct TemplatesApi;

#[OpenApi(prefix_path = "/templates", tag = "Tag::Automations")]
impl TemplatesApi {
    /// Checks a template of an action.
    #[oai(path = "/validate", method = "post", operation_id = "validate_template")]
    async fn validate(&self, template: Input<Value>) -> Result<NoContent, ApiError> {
        check_template(&template)
    }
}

/// Checks the syntax of a template; an absent body is an empty template.
fn check_template(body: &Value) -> Result<NoContent, ApiError> {
    let source = match body {
        Value::String(source) => source.as_str(),
        Value::Object(none) if none.is_empty() => "",
        _ => return Err(ApiError::member("template", "Input should be a valid string")),
    };
    match minijinja::Environment::new().template_from_str(source) {
        Ok(_) => Ok(NoContent),
        Err(error) => {
            let message = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
            let body = json!({"error": {"line": error.line().unwrap_or(1), "message": message, "source": source}});
            Err(ApiError::body(StatusCode::UNPROCESSABLE_ENTITY, body))
        }
    }
}

/// Notification policies of the 2.x line.
#[derive(Clone)]
pub(crate) struct PoliciesApi {
    pub ctx: Ctx,
}

fn no_policy<T>() -> Result<T, ApiError> {
    Err(ApiError::detail(StatusCode::NOT_FOUND, "flow run notification policy not found"))
}

#[OpenApi(prefix_path = "/flow_run_notification_policies", tag = "Tag::NotificationPolicies")]
impl PoliciesApi {
    /// All policies.
    #[oai(path = "/filter", method = "post", operation_id = "filter_notification_policies")]
    async fn filter(&self, page: Input<Page>) -> Result<Out<Vec<Value>>, ApiError> {
        page.checked(&self.ctx)?;
        Ok(Out(Vec::new()))
    }

    /// One policy.
    #[oai(path = "/:id", method = "get", operation_id = "read_notification_policy")]
    async fn read(&self, id: Path<Uuid>) -> Result<Raw, ApiError> {
        let _ = id;
        no_policy()
    }

    /// Changes a policy.
    #[oai(path = "/:id", method = "patch", operation_id = "update_notification_policy")]
    async fn update(&self, id: Path<Uuid>) -> Result<NoContent, ApiError> {
        Err(ApiError::detail(StatusCode::NOT_FOUND, format!("Flow run notification policy {} not found", id.0)))
    }

    /// Deletes a policy.
    #[oai(path = "/:id", method = "delete", operation_id = "delete_notification_policy")]
    async fn delete(&self, id: Path<Uuid>) -> Result<NoContent, ApiError> {
        let _ = id;
        no_policy()
    }
}

#[derive(Clone)]
pub(crate) struct PoliciesRootApi;

#[OpenApi(prefix_path = "/flow_run_notification_policies/", tag = "Tag::NotificationPolicies")]
impl PoliciesRootApi {
    /// Makes a policy.
    #[oai(path = "/", method = "post", operation_id = "create_notification_policy")]
    async fn create(&self) -> Result<Raw, ApiError> {
        Err(ApiError::not_yet("Making notification policies"))
    }
}
