//! Concurrency limits: none can be made yet, so every list is empty and every request for slots passes.
//!
//! Names without a limit are no limit (wire W16.1).

use mintaka_http::{ApiError, Ctx, Input, NoContent, Out, Page, Raw};
use poem::http::StatusCode;
use poem_openapi::param::Path;
use poem_openapi::{Enum, Object, OpenApi};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::Tag;

const WHAT: &str = "Making concurrency limits";
/// Shortest and longest duration of a lease, in seconds.
const LEASE_SECONDS: std::ops::RangeInclusive<f64> = 60.0..=86_400.0;
const DEFAULT_LEASE_SECONDS: f64 = 300.0;

/// How slots come back.
#[derive(Clone, Copy, Default, Enum)]
#[oai(rename_all = "snake_case")]
enum SlotMode {
    /// When they are given back.
    #[default]
    Concurrency,
    /// With time.
    RateLimit,
}

#[derive(Object)]
struct IncrementSlots {
    /// How many of each limit.
    slots: i64,
    /// Names of limits; one that does not exist is no limit.
    names: Vec<String>,
    #[oai(default)]
    #[allow(dead_code)] // it says which limits fit, and there are none
    mode: SlotMode,
}

impl IncrementSlots {
    fn check(&self) -> Result<(), ApiError> {
        check_slots(self.slots, &self.names)
    }
}

fn check_slots(slots: i64, names: &[String]) -> Result<(), ApiError> {
    if slots <= 0 {
        return Err(ApiError::member("slots", "Input should be greater than 0"));
    }
    if names.is_empty() {
        return Err(ApiError::member("names", "List should have at least 1 item"));
    }
    Ok(())
}

#[derive(Object)]
struct DecrementSlots {
    slots: i64,
    names: Vec<String>,
    /// How long the slots were held.
    occupancy_seconds: Option<f64>,
}

#[derive(Object)]
struct LeaseSlots {
    #[oai(flatten)]
    want: IncrementSlots,
    /// How long the lease holds unless it is renewed, in seconds.
    lease_duration: Option<f64>,
}

#[derive(Object)]
struct RenewLease {
    /// How long the lease holds from now on, in seconds.
    lease_duration: Option<f64>,
}

fn check_duration(seconds: Option<f64>) -> Result<(), ApiError> {
    if LEASE_SECONDS.contains(&seconds.unwrap_or(DEFAULT_LEASE_SECONDS)) {
        return Ok(());
    }
    let (least, most) = (LEASE_SECONDS.start(), LEASE_SECONDS.end());
    Err(ApiError::member("lease_duration", format!("Input should be between {least} and {most}")))
}

/// Slots held until the lease ends.
#[derive(Object, Serialize)]
struct ConcurrencyLimitWithLeaseResponse {
    lease_id: Uuid,
    /// The limits of which slots are held.
    limits: Vec<MinimalConcurrencyLimitResponse>,
}

/// A limit, briefly.
#[derive(Object, Serialize)]
struct MinimalConcurrencyLimitResponse {
    id: Uuid,
    name: String,
    limit: i64,
}

#[derive(Object)]
struct EndLease {
    #[allow(dead_code)] // every lease is over already
    lease_id: Uuid,
}

#[derive(Object)]
struct TagSlots {
    #[allow(dead_code)] // no tag has a limit
    names: Vec<String>,
    #[allow(dead_code)]
    task_run_id: Uuid,
}

/// Limits by name.
#[derive(Clone)]
pub(crate) struct LimitsApi {
    pub ctx: Ctx,
}

/// Answers for a limit that is asked for by id or name.
fn no_limit<T>() -> Result<T, ApiError> {
    Err(ApiError::not_found("Concurrency Limit"))
}

#[OpenApi(prefix_path = "/v2/concurrency_limits", tag = "Tag::ConcurrencyLimitsV2")]
impl LimitsApi {
    /// All limits.
    #[oai(path = "/filter", method = "post", operation_id = "filter_limits")]
    async fn filter(&self, page: Input<Page>) -> Result<Out<Vec<Value>>, ApiError> {
        page.checked(&self.ctx)?;
        Ok(Out(Vec::new()))
    }

    /// Takes slots, of all named limits or of none.
    #[oai(path = "/increment", method = "post", operation_id = "take_slots")]
    async fn increment(
        &self,
        body: Input<IncrementSlots>,
    ) -> Result<Out<Vec<MinimalConcurrencyLimitResponse>>, ApiError> {
        body.check()?;
        Ok(Out(Vec::new()))
    }

    /// Gives slots back.
    #[oai(path = "/decrement", method = "post", operation_id = "return_slots")]
    async fn decrement(
        &self,
        body: Input<DecrementSlots>,
    ) -> Result<Out<Vec<MinimalConcurrencyLimitResponse>>, ApiError> {
        check_slots(body.slots, &body.names)?;
        if body.occupancy_seconds.is_some_and(|seconds| seconds <= 0.0) {
            return Err(ApiError::member("occupancy_seconds", "Input should be greater than 0"));
        }
        Ok(Out(Vec::new()))
    }

    /// Takes slots until the lease ends.
    #[oai(path = "/increment-with-lease", method = "post", operation_id = "lease_slots")]
    async fn lease(&self, body: Input<LeaseSlots>) -> Result<Out<ConcurrencyLimitWithLeaseResponse>, ApiError> {
        body.want.check()?;
        check_duration(body.lease_duration)?;
        Ok(Out(ConcurrencyLimitWithLeaseResponse { lease_id: self.ctx.reader.new_id(), limits: Vec::new() }))
    }

    /// Gives the slots of a lease back. A lease that is over already is no fault.
    #[oai(path = "/decrement-with-lease", method = "post", operation_id = "end_lease")]
    async fn end_lease(&self, _body: Input<EndLease>) -> NoContent {
        NoContent
    }

    /// Holds a lease for longer.
    #[oai(path = "/leases/:lease_id/renew", method = "post", operation_id = "renew_lease")]
    async fn renew(&self, lease_id: Path<Uuid>, body: Input<RenewLease>) -> Result<NoContent, ApiError> {
        let _ = lease_id;
        check_duration(body.lease_duration)?;
        Ok(NoContent)
    }

    /// One limit, by id or name.
    #[oai(path = "/:id_or_name", method = "get", operation_id = "read_limit")]
    async fn read(&self, id_or_name: Path<String>) -> Result<Raw, ApiError> {
        let _ = id_or_name;
        no_limit()
    }

    /// Changes a limit.
    #[oai(path = "/:id_or_name", method = "patch", operation_id = "update_limit")]
    async fn update(&self, id_or_name: Path<String>) -> Result<NoContent, ApiError> {
        let _ = id_or_name;
        no_limit()
    }

    /// Deletes a limit.
    #[oai(path = "/:id_or_name", method = "delete", operation_id = "delete_limit")]
    async fn delete(&self, id_or_name: Path<String>) -> Result<NoContent, ApiError> {
        let _ = id_or_name;
        no_limit()
    }
}

#[derive(Clone)]
pub(crate) struct LimitsRootApi;

#[OpenApi(prefix_path = "/v2/concurrency_limits/", tag = "Tag::ConcurrencyLimitsV2")]
impl LimitsRootApi {
    /// Makes a limit.
    #[oai(path = "/", method = "post", operation_id = "create_limit")]
    async fn create(&self) -> Result<Raw, ApiError> {
        Err(ApiError::not_yet(WHAT))
    }
}

/// Limits on task runs by tag.
#[derive(Clone)]
pub(crate) struct TagLimitsApi {
    pub ctx: Ctx,
}

fn no_tag_limit<T>() -> Result<T, ApiError> {
    Err(ApiError::detail(StatusCode::NOT_FOUND, "Concurrency limit not found"))
}

#[OpenApi(prefix_path = "/concurrency_limits", tag = "Tag::ConcurrencyLimits")]
impl TagLimitsApi {
    /// All limits on tags.
    #[oai(path = "/filter", method = "post", operation_id = "filter_tag_limits")]
    async fn filter(&self, page: Input<Page>) -> Result<Out<Vec<Value>>, ApiError> {
        page.checked(&self.ctx)?;
        Ok(Out(Vec::new()))
    }

    /// Takes a slot of each tag for a task run.
    #[oai(path = "/increment", method = "post", operation_id = "take_tag_slots")]
    async fn increment(&self, _body: Input<TagSlots>) -> Out<Vec<MinimalConcurrencyLimitResponse>> {
        Out(Vec::new())
    }

    /// Gives the slots of a task run back.
    #[oai(path = "/decrement", method = "post", operation_id = "return_tag_slots")]
    async fn decrement(&self, _body: Input<TagSlots>) -> Out<Vec<MinimalConcurrencyLimitResponse>> {
        Out(Vec::new())
    }

    /// The limit of a tag.
    #[oai(path = "/tag/:tag", method = "get", operation_id = "read_tag_limit")]
    async fn read_tag(&self, tag: Path<String>) -> Result<Raw, ApiError> {
        let _ = tag;
        no_tag_limit()
    }

    /// Deletes the limit of a tag.
    #[oai(path = "/tag/:tag", method = "delete", operation_id = "delete_tag_limit")]
    async fn delete_tag(&self, tag: Path<String>) -> Result<Raw, ApiError> {
        let _ = tag;
        no_tag_limit()
    }

    /// Frees the slots of a tag's limit.
    #[oai(path = "/tag/:tag/reset", method = "post", operation_id = "reset_tag_limit")]
    async fn reset_tag(&self, tag: Path<String>) -> Result<Raw, ApiError> {
        let _ = tag;
        no_tag_limit()
    }

    /// A limit on a tag, by id.
    #[oai(path = "/:id", method = "get", operation_id = "read_tag_limit_by_id")]
    async fn read(&self, id: Path<Uuid>) -> Result<Raw, ApiError> {
        let _ = id;
        no_tag_limit()
    }

    /// Deletes a limit on a tag, by id.
    #[oai(path = "/:id", method = "delete", operation_id = "delete_tag_limit_by_id")]
    async fn delete(&self, id: Path<Uuid>) -> Result<Raw, ApiError> {
        let _ = id;
        no_tag_limit()
    }
}

#[derive(Clone)]
pub(crate) struct TagLimitsRootApi;

#[OpenApi(prefix_path = "/concurrency_limits/", tag = "Tag::ConcurrencyLimits")]
impl TagLimitsRootApi {
    /// Limits the task runs of a tag.
    #[oai(path = "/", method = "post", operation_id = "create_tag_limit")]
    async fn create(&self) -> Result<Raw, ApiError> {
        Err(ApiError::not_yet(WHAT))
    }
}
