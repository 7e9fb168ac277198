//! What a filter of events means: what the store can judge by columns, and what is judged on the events themselves.
//!
//! Ids and roles of resources are columns. Other labels and the words of a text search are inside JSON, which no index
//! serves: the store narrows by all that is a column, and the rest is judged on the rows that it answers. A filter that
//! has such a rest is *not exact*, and whoever reads with it reads a bounded number of rows.

use mintaka_api_filters::text_search::TextQuery;
use mintaka_core::records::{Event, EventResource, event, event_resources};
use mintaka_core::{Cmp, Col, Direction, Error, Filter, Query, Record, Time};
use mintaka_orchestration::Operations;
use mintaka_orchestration::ops::event_index;
use mintaka_orchestration::ops::events::{Labels, RESOURCE_ID, RESOURCE_ROLE};

use crate::filter::{
    EventAnyResourceFilter, EventFilter, EventNameFilter, EventOrder, EventRelatedFilter, EventResourceFilter,
    ResourceSpecification,
};
use crate::pattern::{Pattern, Said};

/// How far back a filter without `since` looks, in microseconds, from the start of the day (wire: 180 days).
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
        let text = filter.text.as_ref().map(|text| TextQuery::parse(&text.query));
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

    /// The same, over resources that are up to date, with the ids of the events where a resource is rare: else the store would walk all events, in their
    /// order, in search of it.
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

    /// Judges the rest on an event that the store found.
    pub(crate) fn admits(&self, event: &Event) -> bool {
        self.resources.iter().all(|criteria| criteria.admit(event))
            && self.text.as_ref().is_none_or(|t| found(t, event))
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
    let has = |term: &String| text.contains(&term.to_lowercase());
    (query.include.is_empty() || query.include.iter().any(has))
        && !query.exclude.iter().any(has)
        && query.require.iter().all(has)
}

/// Which of an event's resources a condition is about.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scope {
    Main,
    Related,
    Any,
}

/// A condition that one resource of an event must meet as a whole.
#[derive(Clone, Debug)]
struct ResourceCriteria {
    scope: Scope,
    ids: Vec<String>,
    id_prefixes: Vec<String>,
    roles: Vec<String>,
    in_roles: Vec<(String, String)>,
    labels: Vec<(String, Vec<Pattern>)>,
}

impl ResourceCriteria {
    fn of_main(filter: &EventResourceFilter) -> ResourceCriteria {
        ResourceCriteria::new(Scope::Main, &filter.id, &filter.id_prefix, &filter.labels)
    }

    fn of_any(filter: &EventAnyResourceFilter) -> ResourceCriteria {
        ResourceCriteria::new(Scope::Any, &filter.id, &filter.id_prefix, &filter.labels)
    }

    fn of_related(filter: &EventRelatedFilter) -> Result<ResourceCriteria, String> {
        let pairs = filter.resources_in_roles.iter().flatten().map(|pair| match pair.as_slice() {
            [id, role] => Ok((id.clone(), role.clone())),
            _ => Err("resources_in_roles takes pairs of id and role".to_owned()),
        });
        Ok(ResourceCriteria {
            roles: filter.role.clone().unwrap_or_default(),
            in_roles: pairs.collect::<Result<_, _>>()?,
            ..ResourceCriteria::new(Scope::Related, &filter.id, &None, &filter.labels)
        })
    }

    fn new(
        scope: Scope,
        ids: &Option<Vec<String>>,
        id_prefixes: &Option<Vec<String>>,
        labels: &Option<ResourceSpecification>,
    ) -> ResourceCriteria {
        let labels = labels.iter().flat_map(|labels| &labels.0);
        ResourceCriteria {
            scope,
            ids: ids.clone().unwrap_or_default(),
            id_prefixes: id_prefixes.clone().unwrap_or_default(),
            roles: Vec::new(),
            in_roles: Vec::new(),
            labels: labels
                .map(|(l, patterns)| (l.clone(), patterns.iter().map(|p| Pattern::new(p)).collect()))
                .collect(),
        }
    }

    /// An empty condition is met by every event, also by one without related resources.
    fn is_empty(&self) -> bool {
        self.ids.is_empty()
            && self.id_prefixes.is_empty()
            && self.roles.is_empty()
            && self.in_roles.is_empty()
            && self.labels.is_empty()
    }

    /// What a filter over events can say of it, and, if it is about rows of resources, what a filter over those can.
    fn on_events(&self) -> (Said, Option<Filter>) {
        if self.is_empty() {
            return (Said::exact(Filter::all()), None);
        }
        if self.scope == Scope::Main {
            return (self.on(event::resource_id, None), None);
        }
        let said = self.on(event_resources::resource_id, Some(event_resources::resource_role));
        let mut rows = said.filter;
        if self.scope == Scope::Related {
            rows = rows.and(Filter::eq(event_resources::resource_role, "").negate());
        }
        let filter = Filter::has(event::id, event_resources::event_id, rows.clone());
        (Said { filter, exact: said.exact }, Some(rows))
    }

    fn on(&self, id: Col, role: Option<Col>) -> Said {
        let mut all = Vec::new();
        if !self.ids.is_empty() {
            all.push(Said::exact(Filter::any(id, self.ids.iter().map(String::as_str))));
        }
        if !self.id_prefixes.is_empty() {
            let prefixes = self.id_prefixes.iter().map(|prefix| Filter::StartsWith(id, prefix.clone()));
            all.push(Said::exact(Filter::Or(prefixes.collect())));
        }
        if let Some(role) = role {
            if !self.roles.is_empty() {
                all.push(Said::exact(Filter::any(role, self.roles.iter().map(String::as_str))));
            }
            if !self.in_roles.is_empty() {
                let pair = |(i, r): &(String, String)| Filter::eq(id, i.as_str()).and(Filter::eq(role, r.as_str()));
                all.push(Said::exact(Filter::Or(self.in_roles.iter().map(pair).collect())));
            }
        }
        for (label, patterns) in &self.labels {
            let column = match label.as_str() {
                RESOURCE_ID => Some(id),
                RESOURCE_ROLE => role,
                _ => None,
            };
            all.push(match column {
                _ if patterns.is_empty() => Said::exact(Filter::none()),
                Some(column) => Said::any(patterns.iter().map(|pattern| pattern.on(column))),
                None => Said::nothing(),
            });
        }
        Said::all(all)
    }

    /// Judges it on an event.
    fn admit(&self, event: &Event) -> bool {
        let main = || event.resource.to::<Labels>().is_ok_and(|labels| self.met_by(&labels, None));
        let related = || {
            let related = event.related.to::<Vec<Labels>>().unwrap_or_default();
            related.iter().any(|labels| self.met_by(labels, Some(labels.role())))
        };
        match self.scope {
            Scope::Main => main(),
            Scope::Related => related(),
            Scope::Any => main() || related(),
        }
    }

    fn met_by(&self, labels: &Labels, role: Option<&str>) -> bool {
        let listed = |list: &[String], text: &str| list.is_empty() || list.iter().any(|one| one == text);
        let id = labels.id();
        listed(&self.ids, id)
            && (self.id_prefixes.is_empty() || self.id_prefixes.iter().any(|prefix| id.starts_with(prefix)))
            && role.is_none_or(|role| {
                listed(&self.roles, role)
                    && (self.in_roles.is_empty() || self.in_roles.iter().any(|(i, r)| i == id && r == role))
            })
            && self.labels.iter().all(|(label, patterns)| {
                let text = if label == RESOURCE_ROLE && self.scope != Scope::Main {
                    Some(role.unwrap_or_default())
                } else {
                    labels.get(label)
                };
                patterns.iter().any(|pattern| pattern.matches(text))
            })
    }
}
