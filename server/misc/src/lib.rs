//! The small routes of the API: variables, collections, administration, and what is empty for now.

mod admin;
mod automations;
mod collections;
mod concurrency;
mod observed;
mod root;
mod variables;

use mintaka_http::Ctx;
use poem_openapi::{OpenApi, Tags};

#[derive(Tags)]
enum Tag {
    /// Health, readiness, versions.
    Root,
    /// Settings and defaults of the installation.
    Admin,
    /// Named values of the workspace.
    Variables,
    /// Descriptions of worker types.
    Collections,
    /// Actions that follow events.
    Automations,
    /// Limits on task runs by tag.
    #[oai(rename = "Concurrency Limits")]
    ConcurrencyLimits,
    /// Limits by name.
    #[oai(rename = "Concurrency Limits V2")]
    ConcurrencyLimitsV2,
    /// Notifications about flow runs, of the 2.x line.
    #[oai(rename = "Flow Run Notification Policies")]
    NotificationPolicies,
    /// States that runs have been in.
    #[oai(rename = "Observed States")]
    ObservedStates,
}

/// The operations of this crate.
pub fn apis(ctx: &Ctx) -> impl OpenApi + Clone + use<> {
    (
        root::RootApi { ctx: ctx.clone() },
        admin::AdminApi { ctx: ctx.clone() },
        variables::VariablesApi { ctx: ctx.clone() },
        variables::VariablesRootApi { ctx: ctx.clone() },
        collections::CollectionsApi { ctx: ctx.clone() },
        observed::ObservedApi { ctx: ctx.clone() },
        (
            concurrency::TagLimitsApi { ctx: ctx.clone() },
            concurrency::TagLimitsRootApi,
            concurrency::LimitsApi { ctx: ctx.clone() },
            concurrency::LimitsRootApi,
        ),
        (
            automations::AutomationsApi { ctx: ctx.clone() },
            automations::AutomationsRootApi { ctx: ctx.clone() },
            automations::TemplatesApi,
            automations::PoliciesApi { ctx: ctx.clone() },
            automations::PoliciesRootApi,
        ),
    )
}
