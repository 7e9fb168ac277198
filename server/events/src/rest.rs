//! `/events`: recording, reading and counting events by request.

use std::borrow::Cow;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use mintaka_core::records::Event;
use mintaka_http::{ApiError, Client, Ctx, Extra, Input, NoContent, Out, View};
use mintaka_orchestration::ops::events::{NewEvent, record};
use poem::Request;
use poem::http::{StatusCode, header};
use poem_openapi::param::{Path, Query};
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, Type};
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use serde_json::Value;

use crate::Tag;
use crate::counts::{Countable, EventCount, TimeUnit, count_by};
use crate::criteria::Criteria;
use crate::filter::EventFilter;
use crate::pages::{self, Page, PageError};

/// Events of a page, at most and by default (wire W12.5).
pub(crate) const MAX_PAGE: u64 = 50;
/// Events of one request that are recorded at a time; they share commits.
const AT_A_TIME: usize = 256;

/// Events.
#[derive(Clone)]
pub struct EventsApi {
    pub(crate) ctx: Ctx,
}

#[derive(Debug, Object)]
struct ReadEvents {
    /// Which events, and in which order.
    filter: Option<EventFilter>,
    /// Events of a page, 0 to 50.
    limit: Option<i64>,
}

#[derive(Debug, Object)]
struct CountEvents {
    /// Which events.
    filter: EventFilter,
    /// The unit of time that `time` counts by.
    #[oai(default)]
    time_unit: TimeUnit,
    /// How many of these units are one bucket.
    time_interval: Option<f64>,
}

#[OpenApi(prefix_path = "/events", tag = "Tag::Events")]
impl EventsApi {
    /// Records events. One that was recorded before is left alone.
    #[oai(path = "/", method = "post", operation_id = "create_events")]
    async fn create_events(&self, client: Client, body: Input<Vec<SentEvent>>) -> Result<NoContent, ApiError> {
        self.enabled(&client)?;
        let events = body.0.into_iter().map(|SentEvent(event)| event);
        let store = &self.ctx.ops;
        let recordings = stream::iter(events).map(|event| async move { record(store, &event).await.map(drop) });
        recordings.buffer_unordered(AT_A_TIME).try_collect::<()>().await?;
        Ok(NoContent)
    }

    /// The first page of the events that meet a filter.
    ///
    /// Labels of resources other than their ids and roles, and words, are searched on the events that the rest of the
    /// filter finds, 20,000 of them a page; `total` then counts those that were found there.
    #[oai(path = "/filter", method = "post", operation_id = "filter_events")]
    async fn filter_events(
        &self,
        request: &Request,
        client: Client,
        body: Input<ReadEvents>,
    ) -> Result<Out<EventPage>, ApiError> {
        self.enabled(&client)?;
        let size = match body.limit {
            None => MAX_PAGE,
            Some(n) if n < 0 => return Err(ApiError::member("limit", "Input should be greater than or equal to 0")),
            Some(n) if n as u64 > MAX_PAGE => {
                return Err(ApiError::member("limit", format!("Input should be less than or equal to {MAX_PAGE}")));
            }
            Some(n) => n as u64,
        };
        let filter = body.0.filter.unwrap_or_default();
        Ok(Out(EventPage::new(pages::first(&self.ctx.ops, &filter, size).await?, request)))
    }

    /// The page that an answer of the filter named.
    #[oai(path = "/filter/next", method = "get", operation_id = "next_events")]
    async fn next_events(
        &self,
        request: &Request,
        client: Client,
        #[oai(name = "page-token")] page_token: Query<String>,
    ) -> Result<Out<EventPage>, ApiError> {
        self.enabled(&client)?;
        Ok(Out(EventPage::new(pages::next(&self.ctx.ops, &page_token).await?, request)))
    }

    /// How many of the events that meet a filter have their time, name or resource in common.
    #[oai(path = "/count-by/:countable", method = "post", operation_id = "count_events_by")]
    async fn count_events_by(
        &self,
        client: Client,
        countable: Path<Countable>,
        body: Input<CountEvents>,
    ) -> Result<Out<Vec<EventCount>>, ApiError> {
        self.enabled(&client)?;
        let now = self.ctx.ops.now();
        let criteria = Criteria::new(&body.filter, now, now).map_err(|fault| ApiError::member("filter", fault))?;
        let criteria = Arc::new(criteria.narrowed(&self.ctx.ops).await?);
        let interval = body.time_interval.unwrap_or(1.0);
        Ok(Out(count_by(&self.ctx.ops, &criteria, countable.0, body.time_unit, interval).await?))
    }
}

impl EventsApi {
    /// wire W12.7: for clients of the 2.x line events are a setting.
    fn enabled(&self, client: &Client) -> Result<(), ApiError> {
        if client.is_v2() && !self.ctx.settings.events {
            let detail = "Events are not enabled. Please enable the PREFECT_EXPERIMENTAL_EVENTS setting.";
            return Err(ApiError::detail(StatusCode::NOT_FOUND, detail));
        }
        Ok(())
    }
}

impl From<PageError> for ApiError {
    fn from(error: PageError) -> ApiError {
        match error {
            PageError::Token => ApiError::detail(StatusCode::FORBIDDEN, "Forbidden"),
            PageError::Filter(fault) => ApiError::member("filter", fault),
            PageError::Storage(error) => error.into(),
        }
    }
}

/// The name of an event's schema in answers.
#[derive(Serialize)]
struct Received {}

impl Extra for Received {
    fn schema_name() -> Option<Cow<'static, str>> {
        Some("ReceivedEvent".into())
    }
    fn properties(_: &mut Registry) -> Vec<(&'static str, MetaSchemaRef)> {
        Vec::new()
    }
}

/// A page of events.
#[derive(Serialize)]
struct EventPage {
    events: Vec<View<Event, Received>>,
    total: i64,
    next_page: Option<String>,
}

impl EventPage {
    fn new(page: Page, request: &Request) -> EventPage {
        EventPage {
            events: page.events.into_iter().map(|record| View { record, extra: Received {} }).collect(),
            total: page.total,
            next_page: page.next.map(|token| format!("{}?page-token={}", next_url(request), token.replace('+', "%2B"))),
        }
    }
}

/// The absolute URL of the next page, as the client reaches this server.
fn next_url(request: &Request) -> String {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let scheme = header("x-forwarded-proto").unwrap_or(request.scheme().as_str());
    let host = header(header::HOST.as_str())
        .map_or_else(|| request.original_uri().authority().map(ToString::to_string).unwrap_or_default(), str::to_owned);
    let path = request.original_uri().path().trim_end_matches("/next");
    format!("{scheme}://{host}{path}/next")
}

macro_rules! object_type {
    ($type:ty, $name:literal, $properties:expr, $required:expr) => {
        impl Type for $type {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;
            fn name() -> Cow<'static, str> {
                $name.into()
            }
            fn schema_ref() -> MetaSchemaRef {
                MetaSchemaRef::Reference($name.into())
            }
            fn register(registry: &mut Registry) {
                registry.create_schema::<Self, _>($name.into(), |registry| {
                    let properties: Vec<(&'static str, MetaSchemaRef)> = $properties(registry);
                    MetaSchema { properties, required: $required, ..MetaSchema::new("object") }
                });
            }
            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }
            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::empty())
            }
        }
    };
}

object_type!(
    EventPage,
    "EventPage",
    |registry: &mut Registry| {
        View::<Event, Received>::register(registry);
        vec![
            ("events", <Vec<View<Event, Received>>>::schema_ref()),
            ("total", i64::schema_ref()),
            ("next_page", inline(MetaSchema { nullable: true, ..MetaSchema::new_with_format("string", "uri") })),
        ]
    },
    vec!["events", "total", "next_page"]
);

/// An event as it is sent.
struct SentEvent(NewEvent);

object_type!(
    SentEvent,
    "Event",
    |_: &mut Registry| {
        let labels =
            || MetaSchema { additional_properties: Some(Box::new(String::schema_ref())), ..MetaSchema::new("object") };
        let id = || MetaSchema::new_with_format("string", "uuid");
        let related = MetaSchema { items: Some(Box::new(inline(labels()))), ..MetaSchema::new("array") };
        vec![
            ("occurred", inline(MetaSchema::new_with_format("string", "date-time"))),
            ("event", String::schema_ref()),
            ("resource", inline(labels())),
            ("related", inline(related)),
            ("payload", inline(MetaSchema::new("object"))),
            ("id", inline(id())),
            ("follows", inline(MetaSchema { nullable: true, ..id() })),
        ]
    },
    vec!["occurred", "event", "resource", "id"]
);

fn inline(schema: MetaSchema) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(schema))
}

impl ParseFromJSON for SentEvent {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let text = value.unwrap_or_default().to_string();
        NewEvent::parse(&text).map(SentEvent).map_err(|refused| ParseError::custom(refused.0))
    }
}
