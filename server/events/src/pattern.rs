//! Patterns that labels of resources are matched with: `prefect.flow-run.*`, `?`, `!not-this`.

use mintaka_core::{Col, Filter};

/// A pattern: `*` is any text, `?` any character, a leading `!` the complement. A missing label matches none, not even
/// a complement. (wire: `ResourceSpecification`)
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pattern {
    negated: bool,
    glob: String,
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
        match text.strip_prefix('!') {
            Some(glob) => Pattern { negated: true, glob: glob.to_owned() },
            None => Pattern { negated: false, glob: text.to_owned() },
        }
    }

    /// Whether the text of a label matches.
    pub(crate) fn matches(&self, text: Option<&str>) -> bool {
        text.is_some_and(|text| glob_matches(self.glob.as_bytes(), text.as_bytes()) != self.negated)
    }

    /// What a filter over a column that is never null can say of it.
    pub(crate) fn on(&self, column: Col) -> Said {
        let wild = self.glob.find(['*', '?']);
        let positive = match wild {
            None => Said::exact(Filter::eq(column, self.glob.as_str())),
            Some(at) => Said {
                filter: Filter::StartsWith(column, self.glob[..at].to_owned()),
                exact: self.glob[at..].bytes().all(|c| c == b'*'),
            },
        };
        match (self.negated, positive.exact) {
            (false, _) => positive,
            (true, true) => Said::exact(positive.filter.negate()),
            (true, false) => Said::nothing(),
        }
    }
}

/// Whether a text matches a glob, in time proportional to the product of their lengths.
fn glob_matches(glob: &[u8], text: &[u8]) -> bool {
    let (mut g, mut t) = (0, 0);
    // Where to go on when what follows the last star does not fit: the star, and the text that it has not taken.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match glob.get(g) {
            Some(b'*') => {
                retry = Some((g, t));
                g += 1;
            }
            Some(b'?') => {
                g += 1;
                t += character(text, t);
            }
            Some(c) if *c == text[t] => {
                g += 1;
                t += 1;
            }
            _ => match retry {
                Some((star, taken)) => {
                    retry = Some((star, taken + 1));
                    (g, t) = (star + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    glob[g..].iter().all(|c| *c == b'*')
}

/// Bytes of the UTF-8 character at a position.
fn character(text: &[u8], at: usize) -> usize {
    1 + text[at + 1..].iter().take_while(|byte| **byte & 0xC0 == 0x80).count()
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
