//! What a filter of events means: what the store can judge by columns, and what is judged on the events themselves.
//!
//! Ids and roles of resources are columns. Other labels and the words of a text search are inside JSON, which no index
//! serves: the store narrows by all that is a column, and the rest is judged on the rows that it answers. A filter that
//! has such a rest is *not exact*, and whoever reads with it reads a bounded number of rows.

use mintaka_api_filters::text_search::TextQuery;
use mintaka_core::records::{Event, EventResource, event, event_resources};
use mintaka_core::{Cmp, Direction, Error, Filter, Query, Record, Time};
use mintaka_orchestration::Operations;
use mintaka_orchestration::ops::event_index;

use crate::filter::{EventFilter, EventNameFilter, EventOrder};
use crate::filter_limits;
use crate::resource_criteria::{ResourceCriteria, Resources};

/// How far back a filter without `since` looks, in microseconds, from the start of the day (wire W12.3).
const LOOK_BACK: i64 = 180 * DAY;
const DAY: i64 = 86_400_000_000;

/// A filter of events, ready to be used.
#[derive(Clone, Debug)]
pub(crate) struct Criteria {
    /// What the store judges.
    pub(crate) filter: Filter,
    /// Bounds of the time of occurrence, inclusive.
    pub(crate) since: Time,
    /// See `since`.
    pub(crate) until: Time,
    /// In which order.
    pub(crate) direction: Direction,
    /// Whether only the first event of each resource is wanted.
    pub(crate) distinct: bool,
    resources: Vec<ResourceCriteria>,
    text: Option<TextQuery>,
    /// What the rows of resources must meet of which the events must have one.
    narrowing: Vec<Filter>,
}

/// An event is looked up by its id if its resources are at most so many.
const FEW: u64 = 500;
/// Steps that it costs to read a character of an event.
const READING: usize = 4;

impl Criteria {
    /// What `filter` means at `now`; without an `until` it ends at `until`.
    ///
    /// # Errors
    /// What is wrong with the filter.
    pub(crate) fn new(filter: &EventFilter, now: Time, until: Time) -> Result<Criteria, String> {
        let bound = |when: Option<mintaka_http::When>| when.map(|when| when.0);
        let occurred = filter.occurred.clone().unwrap_or_default();
        let start_of_day = now.micros().div_euclid(DAY) * DAY;
        let since = bound(occurred.since).unwrap_or(Time::from_micros(start_of_day - LOOK_BACK));
        Criteria::within(filter, since, bound(occurred.until).unwrap_or(until))
    }

    /// As [`new`](Criteria::new), between these times whatever the filter says of them.
    ///
    /// # Errors
    /// What is wrong with the filter.
    pub(crate) fn within(filter: &EventFilter, since: Time, until: Time) -> Result<Criteria, String> {
        filter_limits::check(filter)?;
        let mut filters =
            vec![Filter::cmp(event::occurred, Cmp::Ge, since), Filter::cmp(event::occurred, Cmp::Le, until)];
        filters.extend(filter.event.iter().flat_map(names));
        if let Some(ids) = filter.id.as_ref().and_then(|f| f.id.as_ref()).filter(|ids| !ids.is_empty()) {
            filters.push(Filter::any(event::id, ids.iter().copied()));
        }
        let mut resources = Vec::new();
        resources.extend(filter.resource.iter().map(ResourceCriteria::of_main));
        for related in filter.related.iter().flat_map(|several| &several.0) {
            resources.push(ResourceCriteria::of_related(related)?);
        }
        resources.extend(filter.any_resource.iter().flat_map(|several| &several.0).map(ResourceCriteria::of_any));
        let mut narrowing = Vec::new();
        // What the store judges in full is not judged again.
        resources.retain(|criteria| {
            let (said, rows) = criteria.on_events();
            filters.push(said.filter);
            narrowing.extend(rows);
            !said.exact
        });
        for rows in &mut narrowing {
            let since = Filter::cmp(event_resources::occurred, Cmp::Ge, since);
            let until = Filter::cmp(event_resources::occurred, Cmp::Le, until);
            *rows = Filter::And(vec![std::mem::replace(rows, Filter::all()), since, until]);
        }
        // Letters are folded once, not for each event.
        let text = filter.text.as_ref().map(|text| TextQuery::parse(&text.query.to_lowercase()));
        Ok(Criteria {
            filter: Filter::And(filters),
            since,
            until,
            direction: match filter.order {
                EventOrder::Asc => Direction::Asc,
                EventOrder::Desc => Direction::Desc,
            },
            distinct: filter.resource.as_ref().is_some_and(|resource| resource.distinct),
            resources,
            text: text.filter(|text| *text != TextQuery::default()),
            narrowing,
        })
    }

    /// The same, over resources that are up to date, with the ids of the events where a resource is rare: else the store
    /// would walk all events, in their order, in search of it.
    ///
    /// # Errors
    /// What the store answers.
    pub(crate) async fn narrowed(mut self, store: &Operations) -> Result<Criteria, Error> {
        let narrowing = std::mem::take(&mut self.narrowing);
        if !narrowing.is_empty() {
            event_index::catch_up(store).await?;
        }
        for rows in narrowing {
            let mut query = Query::of(EventResource::TABLE).filter(rows).limit(FEW + 1);
            // The order of the index that finds them.
            query = query.order(event_resources::occurred, Direction::Asc);
            query.columns = Some(vec![event_resources::event_id]);
            query.check()?;
            let found = store.rows(query).await?;
            if found.len() as u64 <= FEW {
                let ids = found.into_iter().filter_map(|row| row.values.into_iter().next());
                self.filter = self.filter.and(Filter::any(event::id, ids));
            }
        }
        Ok(self)
    }

    /// In this order instead.
    pub(crate) fn in_order(self, direction: Direction) -> Criteria {
        Criteria { direction, ..self }
    }

    /// Whether the store judges all of it.
    pub(crate) fn is_exact(&self) -> bool {
        self.resources.is_empty() && self.text.is_none()
    }

    /// How many steps a character of an event may cost when the rest is judged.
    pub(crate) fn weight(&self) -> usize {
        let terms = self.text.as_ref().map_or(0, |t| t.include.len() + t.exclude.len() + t.require.len());
        READING + terms + self.resources.iter().map(ResourceCriteria::weight).sum::<usize>()
    }

    /// Judges the rest on an event that the store found.
    pub(crate) fn admits(&self, event: &Event) -> bool {
        if self.text.as_ref().is_some_and(|query| !found(query, event)) {
            return false;
        }
        if self.resources.is_empty() {
            return true;
        }
        let main = event.resource.to().unwrap_or_default();
        let related = event.related.to().unwrap_or_default();
        let resources = Resources { main, related };
        self.resources.iter().all(|criteria| criteria.admit(&resources))
    }
}

fn names(filter: &EventNameFilter) -> Vec<Filter> {
    let prefixes = |list: &Option<Vec<String>>| {
        let list = list.as_ref().filter(|list| !list.is_empty())?;
        Some(Filter::Or(list.iter().map(|p| Filter::StartsWith(event::event, p.clone())).collect()))
    };
    let exactly = |list: &Option<Vec<String>>| {
        let list = list.as_ref().filter(|list| !list.is_empty())?;
        Some(Filter::any(event::event, list.iter().map(String::as_str)))
    };
    let none = |filter: Option<Filter>| filter.map(Filter::negate);
    [
        prefixes(&filter.prefix),
        none(prefixes(&filter.exclude_prefix)),
        exactly(&filter.name),
        none(exactly(&filter.exclude_name)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn found(query: &TextQuery, event: &Event) -> bool {
    let (resource, related, payload) = (event.resource.text(), event.related.text(), event.payload.text());
    let text = format!("{} {resource} {related} {payload}", event.event).to_lowercase();
    let has = |term: &String| text.contains(term.as_str());
    (query.include.is_empty() || query.include.iter().any(has))
        && !query.exclude.iter().any(has)
        && query.require.iter().all(has)
}
