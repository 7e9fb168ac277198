//! Text search of logs and events: `error "connection lost" -debug +urgent`.
//!
//! wire W3.9: bare terms are alternatives, `-` or `!` excludes, `+` requires, quotes make a phrase, `\"` and `\\` stand
//! for themselves within one; letters are folded, and nothing is a wildcard.

use mintaka_core::{Col, Filter};

/// What a search text asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextQuery {
    /// One of these is there, if there are any.
    pub include: Vec<String>,
    /// None of these is there.
    pub exclude: Vec<String>,
    /// All of these are there.
    pub require: Vec<String>,
}

impl TextQuery {
    /// Reads a search text. Every text means something; an unclosed quote ends with the text.
    pub fn parse(text: &str) -> TextQuery {
        let mut query = TextQuery::default();
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let mark = matches!(first, '-' | '!' | '+').then_some(first);
            let after = if mark.is_some() { &rest[1..] } else { rest };
            if after.is_empty() || after.starts_with(char::is_whitespace) {
                rest = after.trim_start();
                continue;
            }
            let (term, remaining) = match after.strip_prefix('"') {
                Some(quoted) => phrase(quoted),
                None => {
                    let end = after.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(after.len());
                    (after[..end].to_owned(), &after[end..])
                }
            };
            if !term.trim().is_empty() {
                match mark {
                    Some('+') => query.require.push(term),
                    Some(_) => query.exclude.push(term),
                    None => query.include.push(term),
                }
            }
            rest = remaining.trim_start();
        }
        query
    }

    /// The search in the text of these columns, joined by a space.
    pub fn on(&self, columns: &[Col]) -> Filter {
        let contains = |term: &String| Filter::Contains(columns.to_vec(), term.clone());
        let mut criteria: Vec<Filter> = Vec::new();
        if !self.include.is_empty() {
            criteria.push(Filter::Or(self.include.iter().map(contains).collect()));
        }
        criteria.extend(self.exclude.iter().map(|term| contains(term).negate()));
        criteria.extend(self.require.iter().map(contains));
        Filter::And(criteria)
    }
}

/// The phrase up to the closing quote, and what follows it.
fn phrase(quoted: &str) -> (String, &str) {
    let mut text = String::new();
    let mut chars = quoted.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (text, &quoted[at + 1..]),
            '\\' => match chars.next_if(|&(_, next)| matches!(next, '"' | '\\')) {
                Some((_, escaped)) => text.push(escaped),
                None => text.push('\\'),
            },
            c => text.push(c),
        }
    }
    (text, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_quotes_sort_the_terms() {
        type Terms = &'static [&'static str];
        let table: &[(&str, Terms, Terms, Terms)] = &[
            ("", &[], &[], &[]),
            ("error warning", &["error", "warning"], &[], &[]),
            ("error -debug !trace +urgent", &["error"], &["debug", "trace"], &["urgent"]),
            ("- a + ! b", &["a", "b"], &[], &[]),
            (r#""connection lost" -"not me" x"#, &["connection lost", "x"], &["not me"], &[]),
            (r#""say \"hi\" \\ \n" "open"#, &["say \"hi\" \\ \\n", "open"], &[], &[]),
            (r#"ab"cd" """#, &["ab", "cd"], &[], &[]),
            ("a-b", &["a-b"], &[], &[]),
        ];
        for (text, include, exclude, require) in table {
            let query = TextQuery::parse(text);
            let found = [&query.include, &query.exclude, &query.require];
            assert_eq!(
                found.map(|terms| terms.iter().map(String::as_str).collect::<Vec<_>>()),
                [include, exclude, require].map(|terms| terms.to_vec()),
                "{text}"
            );
        }
    }
}
