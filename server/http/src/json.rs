//! JSON as clients write it, and text as the store keeps it.

use serde_json::Value;

/// What stands for a NUL, which no text of the store holds.
const REPLACEMENT: &str = "\u{fffd}";

/// Reads JSON. `NaN`, `Infinity` and `-Infinity`, which Python writes, are null (wire W2.1: 3.x).
///
/// # Errors
/// The parser's, of the text as it was sent.
pub(crate) fn read(bytes: &[u8]) -> serde_json::Result<Value> {
    let mut value = serde_json::from_slice(bytes).or_else(|error| match without_odd_numbers(bytes) {
        Some(plain) => serde_json::from_slice(&plain).map_err(|_| error),
        None => Err(error),
    })?;
    const NUL: &[u8] = br"\u0000";
    if bytes.windows(NUL.len()).any(|part| part == NUL) {
        replace_nul(&mut value);
    }
    Ok(value)
}

/// Whether a JSON text has more values than `max`. Names of members do not count, an empty list or object counts twice.
pub(crate) fn has_more_values(bytes: &[u8], max: usize) -> bool {
    // A value takes at least itself and what parts it from the next.
    if bytes.len() / 2 < max {
        return false;
    }
    let (mut in_text, mut escaped, mut values) = (false, false, 1);
    for &byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b',' | b'[' | b'{' if !in_text => values += 1,
            _ => {}
        }
    }
    values > max
}

/// The same text without a NUL.
pub(crate) fn without_nul(text: &str) -> String {
    text.replace('\0', REPLACEMENT)
}

/// A path and query without a NUL, if there is one in it.
pub(crate) fn path_without_nul(path: &str) -> Option<String> {
    path.contains("%00").then(|| path.replace("%00", "%EF%BF%BD"))
}

fn replace_nul(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('\0') => *text = without_nul(text),
        Value::Array(items) => items.iter_mut().for_each(replace_nul),
        Value::Object(members) => {
            members.values_mut().for_each(replace_nul);
            if members.keys().any(|name| name.contains('\0')) {
                *members = std::mem::take(members).into_iter().map(|(name, v)| (without_nul(&name), v)).collect();
            }
        }
        _ => {}
    }
}

/// The same text with null for what is no number in JSON, if there is such a thing outside of strings.
fn without_odd_numbers(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(bytes.len());
    let (mut rest, mut in_text, mut found) = (bytes, false, false);
    while let Some(&byte) = rest.first() {
        let odd = [&b"NaN"[..], b"Infinity", b"-Infinity"].into_iter().find(|odd| !in_text && rest.starts_with(odd));
        let length = match (odd, byte) {
            (Some(odd), _) => odd.len(),
            (None, b'\\') if in_text && rest.len() > 1 => 2,
            (None, _) => 1,
        };
        let (part, after) = rest.split_at(length);
        plain.extend_from_slice(if odd.is_some() { b"null" } else { part });
        found |= odd.is_some();
        in_text ^= byte == b'"';
        rest = after;
    }
    found.then_some(plain)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_number_is_null_outside_of_strings_alone() {
        for (text, value) in [
            (
                r#"{"a": NaN, "b": [-Infinity, Infinity], "c": "NaN"}"#,
                Some(json!({"a": null, "b": [null, null], "c": "NaN"})),
            ),
            (r#"["\"NaN", "\\", NaN]"#, Some(json!(["\"NaN", "\\", null]))),
            ("NaN", Some(json!(null))),
            (r#"{"NaN": 1}"#, Some(json!({"NaN": 1}))),
            ("NaNa", None),
            ("-NaN", None),
            ("[1NaN]", None),
            ("{NaN: 1}", None),
            (r#"["NaN]"#, None),
            ("nan", None),
        ] {
            assert_eq!(read(text.as_bytes()).ok(), value, "{text}");
        }
    }

    #[test]
    fn values_are_counted_outside_of_texts() {
        // The list, two texts, a number, an object, and its two members.
        let text = r#"["[,{", "\"[,", 1, {"a": ",", "b": 2}]"#;
        assert_eq!([6, 7, 8].map(|max| has_more_values(text.as_bytes(), max)), [true, false, false]);
    }

    #[test]
    fn a_nul_is_replaced_in_strings_and_names_of_members() {
        for (text, value) in [
            (
                r#"{"a\u0000": ["\u0000b", {"c": "\u0000\u0000"}]}"#,
                json!({"a\u{fffd}": ["\u{fffd}b", {"c": "\u{fffd}\u{fffd}"}]}),
            ),
            (r#""\\u0000""#, json!(r"\u0000")),
        ] {
            assert_eq!(read(text.as_bytes()).unwrap(), value);
        }
        assert_eq!(path_without_nul("/a%00b?c=%00"), Some("/a%EF%BF%BDb?c=%EF%BF%BD".into()));
        assert_eq!(path_without_nul("/a%2500"), None);
    }
}
