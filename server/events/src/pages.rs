//! Pages of events, and the token that names the next one.

use std::sync::Arc;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use mintaka_core::records::{Event, event};
use mintaka_core::{Aggregate, Direction, Each, Error, Group, Measure, Record, Time, Value};
use mintaka_orchestration::Operations;
use poem_openapi::types::{ParseFromJSON, ToJSON};
use serde::{Deserialize, Serialize};

use crate::criteria::Criteria;
use crate::filter::EventFilter;
use crate::page_size::Measured;
use crate::scan::{Position, Scan, position, query};

/// A page with more bytes than this ends, whatever its size was to be.
const MAX_BYTES: usize = 8 << 20;
/// The longest token, in bytes: it is a part of a URL, which has at most 65,534.
const MAX_TOKEN: usize = 60_000;
/// The largest filter that fits into one: base64 takes four bytes for three.
const MAX_FILTER: usize = 44_000;

/// How a token is written. Clients give it back as they like: without its padding, in the alphabet of URLs, or with the
/// space that a bare `+` is in a query.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A page of events.
pub(crate) struct Page {
    pub(crate) events: Vec<Event>,
    /// How many events there are on all pages. Of a filter that is not exact: as many as were found on the rows that
    /// were read.
    pub(crate) total: i64,
    /// What the next page is asked with.
    pub(crate) next: Option<String>,
}

/// What goes on from one page to the next: the filter with fixed bounds of time, so that events that occur meanwhile
/// do not shift the pages.
#[derive(Deserialize, Serialize)]
struct Token {
    filter: serde_json::Value,
    since: Time,
    until: Time,
    total: i64,
    size: u64,
    after: Option<Position>,
    /// For one event of each resource: how many resources are past.
    past: u64,
}

impl Token {
    /// The token as text that needs no escapes in a query but for `+`.
    fn write(&self) -> Option<String> {
        serde_json::to_vec(self).map(|bytes| BASE64.encode(bytes)).ok()
    }

    fn read(text: &str) -> Option<Token> {
        let text = text.replace(['-', ' '], "+").replace('_', "/");
        serde_json::from_slice(&BASE64.decode(text).ok()?).ok()
    }
}

/// Why a page is not answered.
#[derive(Debug)]
pub(crate) enum PageError {
    /// The token is none of ours.
    Token,
    /// What is wrong with the filter.
    Filter(String),
    /// The store failed.
    Storage(Error),
}

impl From<Error> for PageError {
    fn from(error: Error) -> PageError {
        PageError::Storage(error)
    }
}

/// The first page of a filter.
///
/// # Errors
/// What is wrong with the filter, or what the store answers.
pub(crate) async fn first(store: &Operations, filter: &EventFilter, size: u64) -> Result<Page, PageError> {
    let now = store.now();
    let criteria = Arc::new(Criteria::new(filter, now, now).map_err(PageError::Filter)?.narrowed(store).await?);
    let total = total(store, &criteria).await?;
    let filter = filter.to_json().unwrap_or_default();
    let token = Token { filter, since: criteria.since, until: criteria.until, total, size, after: None, past: 0 };
    page(store, criteria, token).await
}

/// The page that a token names.
///
/// # Errors
/// [`PageError::Token`] for a token that is none, or what the store answers.
pub(crate) async fn next(store: &Operations, token: &str) -> Result<Page, PageError> {
    let token = Token::read(token).ok_or(PageError::Token)?;
    let filter = EventFilter::parse_from_json(Some(token.filter.clone())).map_err(|_| PageError::Token)?;
    let criteria = Criteria::within(&filter, token.since, token.until).map_err(|_| PageError::Token)?;
    let criteria = Arc::new(criteria.narrowed(store).await?);
    if token.size > crate::rest::MAX_PAGE {
        return Err(PageError::Token);
    }
    page(store, criteria, token).await
}

async fn page(store: &Operations, criteria: Arc<Criteria>, mut token: Token) -> Result<Page, PageError> {
    let size = token.size;
    let (events, more) = if size == 0 {
        (Vec::new(), false)
    } else if criteria.distinct {
        let events = distinct(store, &criteria, token.past, size).await?;
        token.past += events.len() as u64;
        let more = events.len() as u64 == size && (token.past as i64) < token.total;
        (events, more)
    } else {
        let (events, stopped) = judged(store, &criteria, token.after, size).await?;
        token.after = stopped;
        (events, stopped.is_some())
    };
    let total = token.total;
    let next = if more { token.write() } else { None };
    if next.as_ref().is_some_and(|text| text.len() > MAX_TOKEN) {
        return Err(PageError::Filter(format!(
            "filter is too large to be continued on a next page: as JSON it takes at most {MAX_FILTER} bytes"
        )));
    }
    Ok(Page { events, total, next })
}

/// Up to `size` events that meet the criteria, and where to go on if there may be more.
async fn judged(
    store: &Operations,
    criteria: &Arc<Criteria>,
    after: Option<Position>,
    size: u64,
) -> Result<(Vec<Event>, Option<Position>), Error> {
    let mut events: Vec<Event> = Vec::new();
    let mut bytes = 0;
    let mut scan = Scan::new(store, criteria).after(after).expecting(size + 1);
    while let Some(page) = scan.next().await? {
        for event in page.rows {
            if events.len() as u64 == size || bytes > MAX_BYTES {
                // There is one more: the next page begins after the last of this one.
                let last = events.last().map(position);
                return Ok((events, last));
            }
            bytes += event.bytes();
            events.push(event);
        }
    }
    let stopped = scan.stopped_at();
    Ok((events, stopped))
}

/// How many events, or resources if only one event of each is wanted.
async fn total(store: &Operations, criteria: &Arc<Criteria>) -> Result<i64, Error> {
    if !criteria.is_exact() {
        let mut resources = std::collections::HashSet::new();
        let mut events = 0;
        let mut scan = Scan::new(store, criteria);
        while let Some(page) = scan.next().await? {
            for event in page.rows {
                events += 1;
                resources.insert(event.resource_id);
            }
        }
        return Ok(if criteria.distinct { resources.len() as i64 } else { events });
    }
    if !criteria.distinct {
        return store.count::<Event>(criteria.filter.clone()).await;
    }
    let measures = vec![Measure::CountDistinct(event::resource_id)];
    let count = Aggregate { measures, ..Aggregate::count(Event::TABLE, criteria.filter.clone()) };
    match store.aggregate(count).await?.first().and_then(|row| row.first()) {
        Some(Value::Int(n)) => Ok(*n),
        other => Err(Error::Corrupt(format!("a count answered {other:?}"))),
    }
}

/// The first event of each resource in the order, past the first `past` resources.
async fn distinct(store: &Operations, criteria: &Arc<Criteria>, past: u64, size: u64) -> Result<Vec<Event>, Error> {
    if !criteria.is_exact() {
        let mut seen = std::collections::HashSet::new();
        let mut events = Vec::new();
        let mut scan = Scan::new(store, criteria);
        while let Some(page) = scan.next().await? {
            for event in page.rows {
                if seen.insert(event.resource_id.clone()) && seen.len() as u64 > past {
                    events.push(event);
                }
                if events.len() as u64 == size {
                    return Ok(events);
                }
            }
        }
        return Ok(events);
    }
    let first = match criteria.direction {
        Direction::Asc => Measure::Min(event::occurred),
        Direction::Desc => Measure::Max(event::occurred),
    };
    let resources = Aggregate {
        table: Event::TABLE,
        filter: criteria.filter.clone(),
        by: vec![Group::Column(event::resource_id)],
        measures: vec![first],
        order: vec![(1, criteria.direction)],
        limit: past.saturating_add(size),
    };
    let rows = store.aggregate(resources).await?;
    let values = rows.into_iter().skip(past as usize).filter_map(|row| row.into_iter().next()).collect();
    first_of_each(store, criteria, values).await
}

/// The first event in the order of the criteria for each of these ids of main resources.
pub(crate) async fn first_of_each(
    store: &Operations,
    criteria: &Arc<Criteria>,
    resources: Vec<Value>,
) -> Result<Vec<Event>, Error> {
    if resources.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = query(criteria, None);
    query.each = Some(Each { column: event::resource_id, values: resources, k: 1 });
    Ok(store.select::<Event>(query).await?.into_iter().map(|row| row.record).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_is_read_in_every_spelling_that_clients_give_back() {
        // The filter's text has all characters of the alphabet.
        let filter = json!({"event": {"name": ["~~~???>>>", "\u{ff}\u{fe}"]}});
        let (since, until) = (Time::MIN, Time::MAX);
        let token = Token { filter, since, until, total: 7, size: 2, after: None, past: 0 };
        let text = token.write().unwrap();
        let of_urls = text.replace('+', "-").replace('/', "_");
        for spelling in [text.as_str(), &text.replace('+', " "), &of_urls, text.trim_end_matches('=')] {
            let read = Token::read(spelling).unwrap_or_else(|| panic!("{spelling}"));
            assert_eq!((read.total, read.size, &read.filter), (7, 2, &token.filter), "{spelling}");
        }
        assert!(Token::read("*").is_none());
    }
}
