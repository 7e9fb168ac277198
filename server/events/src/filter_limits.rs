//! How much a filter of events may ask: it is judged on many events, by threads that serve others too.

use crate::filter::{EventFilter, ResourceSpecification};

/// The most texts or ids of one list.
pub(crate) const MAX_ITEMS: usize = 1_000;
/// The most texts and ids of all lists: each is a parameter of the statement that the store runs, and engines limit those.
const MAX_TEXTS: usize = 4_000;
/// The most beginnings of texts, pairs and patterns in all: each is an alternative of the statement that the store runs.
const MAX_ALTERNATIVES: usize = 1_000;
/// The longest text, in characters.
const MAX_TEXT: usize = 2_048;
/// The most filters of one member, of which each needs a resource.
const MAX_FILTERS: usize = 20;
/// The most labels in all.
const MAX_LABELS: usize = 100;
/// The most patterns of labels in all.
const MAX_PATTERNS: usize = 200;
/// The most characters of the patterns of labels in all.
const MAX_PATTERN_CHARACTERS: usize = 10_000;

/// Checks a filter.
///
/// # Errors
/// Which member is too large, and how large it may be.
pub(crate) fn check(filter: &EventFilter) -> Result<(), String> {
    let mut asked = Asked::default();
    if let Some(event) = &filter.event {
        asked.alternatives("event.prefix", &event.prefix)?;
        asked.alternatives("event.exclude_prefix", &event.exclude_prefix)?;
        asked.texts("event.name", &event.name)?;
        asked.texts("event.exclude_name", &event.exclude_name)?;
    }
    if let Some(ids) = filter.id.as_ref().and_then(|filter| filter.id.as_ref()) {
        at_most("id.id", ids.len(), MAX_ITEMS, "ids")?;
        asked.texts += ids.len();
    }
    if let Some(resource) = &filter.resource {
        asked.texts("resource.id", &resource.id)?;
        asked.alternatives("resource.id_prefix", &resource.id_prefix)?;
        asked.labels("resource.labels", &resource.labels)?;
    }
    if let Some(related) = &filter.related {
        at_most("related", related.0.len(), MAX_FILTERS, "filters")?;
        for one in &related.0 {
            asked.texts("related.id", &one.id)?;
            asked.texts("related.role", &one.role)?;
            for pair in one.resources_in_roles.iter().flatten() {
                asked.alternatives += 1;
                pair.iter().try_for_each(|text| length("related.resources_in_roles", text))?;
            }
            asked.labels("related.labels", &one.labels)?;
        }
    }
    if let Some(any) = &filter.any_resource {
        at_most("any_resource", any.0.len(), MAX_FILTERS, "filters")?;
        for one in &any.0 {
            asked.texts("any_resource.id", &one.id)?;
            asked.alternatives("any_resource.id_prefix", &one.id_prefix)?;
            asked.labels("any_resource.labels", &one.labels)?;
        }
    }
    let what = "prefixes, pairs of resources_in_roles and patterns of labels in all";
    at_most("filter", asked.alternatives + asked.patterns, MAX_ALTERNATIVES, what)?;
    at_most("filter", asked.texts, MAX_TEXTS, "texts and ids of lists in all")?;
    at_most("labels", asked.labels, MAX_LABELS, "labels in all")?;
    at_most("labels", asked.patterns, MAX_PATTERNS, "patterns in all")?;
    at_most("labels", asked.pattern_characters, MAX_PATTERN_CHARACTERS, "characters of patterns in all")
}

/// How much of what is bounded in all was asked so far.
#[derive(Default)]
struct Asked {
    texts: usize,
    alternatives: usize,
    labels: usize,
    patterns: usize,
    pattern_characters: usize,
}

impl Asked {
    fn alternatives(&mut self, member: &str, list: &Option<Vec<String>>) -> Result<(), String> {
        self.alternatives += list.as_ref().map_or(0, Vec::len);
        self.texts(member, list)
    }

    fn texts(&mut self, member: &str, list: &Option<Vec<String>>) -> Result<(), String> {
        let list = list.as_deref().unwrap_or_default();
        self.texts += list.len();
        at_most(member, list.len(), MAX_ITEMS, "texts")?;
        list.iter().try_for_each(|text| length(member, text))
    }

    fn labels(&mut self, member: &str, labels: &Option<ResourceSpecification>) -> Result<(), String> {
        for (label, patterns) in labels.iter().flat_map(|labels| &labels.0) {
            self.labels += 1;
            self.patterns += patterns.len();
            self.pattern_characters += patterns.iter().map(|pattern| pattern.chars().count()).sum::<usize>();
            length(member, label)?;
            patterns.iter().try_for_each(|pattern| length(member, pattern))?;
        }
        Ok(())
    }
}

fn length(member: &str, text: &str) -> Result<(), String> {
    // A text has no more characters than bytes.
    if text.len() <= MAX_TEXT {
        return Ok(());
    }
    at_most(member, text.chars().count(), MAX_TEXT, "characters in a text")
}

fn at_most(member: &str, number: usize, most: usize, what: &str) -> Result<(), String> {
    match number <= most {
        true => Ok(()),
        false => Err(format!("{member} takes at most {most} {what}, not {number}")),
    }
}
