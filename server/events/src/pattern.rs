//! Patterns that labels of resources are matched with: `prefect.flow-run.*`, `?`, `!not-this`.

use mintaka_core::{Col, Filter};

use crate::glob::Glob;

/// A pattern: `*` is any text, `?` any character, a leading `!` the complement. A missing label matches none, not even
/// a complement. (wire W12.4)
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pattern {
    negated: bool,
    shape: Shape,
}

#[derive(Clone, Debug, PartialEq)]
enum Shape {
    /// This text.
    Is(String),
    /// Begins with this text.
    Begins(String),
    /// A glob that begins with this text.
    Glob(String, Box<Glob>),
}

/// What a filter over a column can say of a condition.
pub(crate) struct Said {
    /// True of every row that meets the condition.
    pub(crate) filter: Filter,
    /// Whether it is true of no other row.
    pub(crate) exact: bool,
}

impl Said {
    /// The filter is the condition.
    pub(crate) fn exact(filter: Filter) -> Said {
        Said { filter, exact: true }
    }

    /// Nothing can be said.
    pub(crate) fn nothing() -> Said {
        Said { filter: Filter::all(), exact: false }
    }

    /// Any of several conditions.
    pub(crate) fn any(all: impl IntoIterator<Item = Said>) -> Said {
        let (mut filters, mut exact) = (Vec::new(), true);
        for said in all {
            exact &= said.exact;
            filters.push(said.filter);
        }
        Said { filter: Filter::Or(filters), exact }
    }

    /// All of several conditions.
    pub(crate) fn all(all: impl IntoIterator<Item = Said>) -> Said {
        let (mut filters, mut exact) = (Vec::new(), true);
        for said in all {
            exact &= said.exact;
            filters.push(said.filter);
        }
        Said { filter: Filter::And(filters), exact }
    }
}

impl Pattern {
    /// Reads a pattern. Every text is one.
    pub(crate) fn new(text: &str) -> Pattern {
        let (negated, glob) = match text.strip_prefix('!') {
            Some(glob) => (true, glob),
            None => (false, text),
        };
        let shape = match glob.find(['*', '?']) {
            None => Shape::Is(glob.to_owned()),
            Some(at) if glob[at..].bytes().all(|c| c == b'*') => Shape::Begins(glob[..at].to_owned()),
            Some(at) => Shape::Glob(glob[..at].to_owned(), Box::new(Glob::new(glob))),
        };
        Pattern { negated, shape }
    }

    /// Whether the text of a label matches.
    pub(crate) fn matches(&self, text: Option<&str>) -> bool {
        text.is_some_and(|text| {
            let fits = match &self.shape {
                Shape::Is(this) => text == this,
                Shape::Begins(this) => text.starts_with(this.as_str()),
                Shape::Glob(begins, glob) => text.starts_with(begins.as_str()) && glob.matches(text),
            };
            fits != self.negated
        })
    }

    /// How many steps a character of the text may cost.
    pub(crate) fn weight(&self) -> usize {
        match &self.shape {
            Shape::Is(_) | Shape::Begins(_) => 1,
            Shape::Glob(_, glob) => glob.weight(),
        }
    }

    /// What a filter over a column that is never null can say of it.
    pub(crate) fn on(&self, column: Col) -> Said {
        let positive = match &self.shape {
            Shape::Is(this) => Said::exact(Filter::eq(column, this.as_str())),
            Shape::Begins(this) => Said::exact(Filter::StartsWith(column, this.clone())),
            Shape::Glob(begins, _) => Said { filter: Filter::StartsWith(column, begins.clone()), exact: false },
        };
        match (self.negated, positive.exact) {
            (false, _) => positive,
            (true, true) => Said::exact(positive.filter.negate()),
            (true, false) => Said::nothing(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn stars_take_any_text_and_an_exclamation_mark_turns_the_sense() {
        let table = [
            ("prefect.flow-run.*", "prefect.flow-run.1", true),
            ("prefect.flow-run.*", "prefect.task-run.1", false),
            ("*", "", true),
            ("*run*1", "flow-run.21", true),
            ("*ab", "aab", true),
            ("a?c", "aéc", true),
            ("a?c", "ac", false),
            ("a_c%", "abcd", false),
            ("!a*", "b", true),
            ("!a*", "ab", false),
            ("", "", true),
        ];
        for (pattern, text, fits) in table {
            assert_eq!(Pattern::new(pattern).matches(Some(text)), fits, "{pattern} {text}");
            assert!(!Pattern::new(pattern).matches(None), "{pattern}");
        }
    }
}
