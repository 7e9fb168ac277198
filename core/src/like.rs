//! Text patterns: what `%` and `_` mean.

/// Whether a text is what a pattern says: `%` is any text, `_` is any character, ASCII letters are folded, all else is
/// itself. The rule of [`Filter::Like`](crate::Filter::Like), for texts that no store looks into.
pub fn is_like(text: &str, pattern: &str) -> bool {
    matches(&folded(text), &folded(pattern))
}

/// The characters of a text, with ASCII letters in lower case.
pub(crate) fn folded(text: &str) -> Vec<char> {
    text.chars().map(|c| c.to_ascii_lowercase()).collect()
}

/// Only the last `%` seen is ever tried again, so the time is bounded by the product of the lengths.
fn matches(text: &[char], pattern: &[char]) -> bool {
    let (mut t, mut p) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('%') => {
                retry = Some((t, p));
                p += 1;
            }
            Some(&c) if c == '_' || c == text[t] => {
                t += 1;
                p += 1;
            }
            _ => match retry {
                Some((start, percent)) => {
                    retry = Some((start + 1, percent));
                    t = start + 1;
                    p = percent + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '%')
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn a_pattern_is_matched_as_a_whole() {
        for (text, pattern, expected) in [
            ("", "", true),
            ("", "%", true),
            ("", "_", false),
            ("abc", "abc", true),
            ("abc", "ab", false),
            ("abc", "A_c", true),
            ("abc", "%c", true),
            ("abcabd", "%ab_", true),
            ("abcabd", "%abc", false),
            ("aXbXc", "a%x%c", true),
            ("é", "_", true),
            ("É", "é", false),
            ("100%", "100%", true),
            ("1000", "100%", true),
            ("a\\b", "a\\b", true),
        ] {
            assert_eq!(is_like(text, pattern), expected, "{text:?} like {pattern:?}");
        }
    }
}
