//! A condition that one resource of an event must meet as a whole.

use std::collections::{BTreeMap, BTreeSet};

use mintaka_core::records::{event, event_resources};
use mintaka_core::{Col, Filter};
use mintaka_orchestration::ops::events::{Labels, RESOURCE_ID, RESOURCE_ROLE};

use crate::filter::{EventAnyResourceFilter, EventRelatedFilter, EventResourceFilter, ResourceSpecification};
use crate::pattern::{Pattern, Said};

/// Which of an event's resources a condition is about.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scope {
    Main,
    Related,
    Any,
}

/// The resources of an event, read once for all conditions.
pub(crate) struct Resources {
    /// What the event happened to.
    pub(crate) main: Labels,
    /// What else was involved.
    pub(crate) related: Vec<Labels>,
}

/// Beginnings of texts, of which none begins with another one: the last one up to a text is the one that it may have.
#[derive(Clone, Debug, Default)]
struct Prefixes(Vec<String>);

impl Prefixes {
    fn new(mut prefixes: Vec<String>) -> Prefixes {
        prefixes.sort_unstable();
        prefixes.dedup_by(|next, one| next.starts_with(one.as_str()));
        Prefixes(prefixes)
    }

    fn has(&self, text: &str) -> bool {
        let after = self.0.partition_point(|prefix| prefix.as_str() <= text);
        self.0[..after].last().is_some_and(|prefix| text.starts_with(prefix.as_str()))
    }
}

/// A condition that one resource of an event must meet as a whole. What is empty says nothing.
#[derive(Clone, Debug)]
pub(crate) struct ResourceCriteria {
    scope: Scope,
    ids: BTreeSet<String>,
    id_prefixes: Prefixes,
    roles: BTreeSet<String>,
    /// For each id its roles.
    in_roles: BTreeMap<String, BTreeSet<String>>,
    labels: Vec<(String, Vec<Pattern>)>,
}

impl ResourceCriteria {
    pub(crate) fn of_main(filter: &EventResourceFilter) -> ResourceCriteria {
        ResourceCriteria::new(Scope::Main, &filter.id, &filter.id_prefix, &filter.labels)
    }

    pub(crate) fn of_any(filter: &EventAnyResourceFilter) -> ResourceCriteria {
        ResourceCriteria::new(Scope::Any, &filter.id, &filter.id_prefix, &filter.labels)
    }

    /// # Errors
    /// What is wrong with the filter.
    pub(crate) fn of_related(filter: &EventRelatedFilter) -> Result<ResourceCriteria, String> {
        let mut in_roles: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for pair in filter.resources_in_roles.iter().flatten() {
            let [id, role] = pair.as_slice() else {
                return Err("resources_in_roles takes pairs of id and role".to_owned());
            };
            in_roles.entry(id.clone()).or_default().insert(role.clone());
        }
        let roles = filter.role.iter().flatten().cloned().collect();
        Ok(ResourceCriteria {
            roles,
            in_roles,
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
            ids: ids.iter().flatten().cloned().collect(),
            id_prefixes: Prefixes::new(id_prefixes.clone().unwrap_or_default()),
            roles: BTreeSet::new(),
            in_roles: BTreeMap::new(),
            labels: labels
                .map(|(l, patterns)| (l.clone(), patterns.iter().map(|p| Pattern::new(p)).collect()))
                .collect(),
        }
    }

    /// An empty condition is met by every event, also by one without related resources.
    fn is_empty(&self) -> bool {
        self.ids.is_empty()
            && self.id_prefixes.0.is_empty()
            && self.roles.is_empty()
            && self.in_roles.is_empty()
            && self.labels.is_empty()
    }

    /// How many steps a character of a label may cost.
    pub(crate) fn weight(&self) -> usize {
        self.labels.iter().flat_map(|(_, patterns)| patterns).map(Pattern::weight).sum()
    }

    /// What a filter over events can say of it, and, if it is about rows of resources, what a filter over those can.
    pub(crate) fn on_events(&self) -> (Said, Option<Filter>) {
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
        let among = |column: Col, texts: &BTreeSet<String>| Filter::any(column, texts.iter().map(String::as_str));
        let mut all = Vec::new();
        if !self.ids.is_empty() {
            all.push(Said::exact(among(id, &self.ids)));
        }
        if !self.id_prefixes.0.is_empty() {
            let prefixes = self.id_prefixes.0.iter().map(|prefix| Filter::StartsWith(id, prefix.clone()));
            all.push(Said::exact(Filter::Or(prefixes.collect())));
        }
        if let Some(role) = role {
            if !self.roles.is_empty() {
                all.push(Said::exact(among(role, &self.roles)));
            }
            if !self.in_roles.is_empty() {
                let pair = |(i, roles): (&String, _)| Filter::eq(id, i.as_str()).and(among(role, roles));
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
    pub(crate) fn admit(&self, event: &Resources) -> bool {
        let main = || self.met_by(&event.main, None);
        let related = || event.related.iter().any(|labels| self.met_by(labels, Some(labels.role())));
        match self.scope {
            Scope::Main => main(),
            Scope::Related => related(),
            Scope::Any => main() || related(),
        }
    }

    fn met_by(&self, labels: &Labels, role: Option<&str>) -> bool {
        let listed = |list: &BTreeSet<String>, text: &str| list.is_empty() || list.contains(text);
        let id = labels.id();
        listed(&self.ids, id)
            && (self.id_prefixes.0.is_empty() || self.id_prefixes.has(id))
            && role.is_none_or(|role| {
                listed(&self.roles, role)
                    && (self.in_roles.is_empty() || self.in_roles.get(id).is_some_and(|roles| roles.contains(role)))
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

#[cfg(test)]
mod tests {
    use super::Prefixes;

    #[test]
    fn a_text_has_a_prefix_if_any_of_them_begins_it() {
        let prefixes = ["b", "ab", "abc", "az", "", "aé"];
        for without in 0..prefixes.len() {
            let some: Vec<String> =
                prefixes.iter().enumerate().filter(|(n, _)| *n != without).map(|(_, p)| p.to_string()).collect();
            for some in [&some[..], &some[..2], &some[2..4]] {
                for text in ["", "a", "ab", "abcd", "abd", "ay", "az", "aéx", "b", "c"] {
                    let expected = some.iter().any(|prefix| text.starts_with(prefix.as_str()));
                    assert_eq!(Prefixes::new(some.to_vec()).has(text), expected, "{some:?} {text}");
                }
            }
        }
    }
}
