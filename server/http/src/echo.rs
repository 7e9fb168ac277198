//! What an error repeats of a request: its beginning, and nothing that may be a secret.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::Value;

/// Bytes of a text, such as a message.
pub(crate) const TEXT: usize = 4000;
/// Bytes of a value at a place of a body.
pub(crate) const VALUE: usize = 500;
/// Bytes of a whole body.
pub(crate) const BODY: usize = 4000;
/// Bytes of the name of a member, and of a value within a sentence.
pub(crate) const NAME: usize = 100;

/// What stands for a secret, whatever its type and length.
const HIDDEN: &str = "********";
/// What stands for the rest of what is cut.
const REST: &str = "…";

/// Parts of the names of members whose values may be secret.
const SECRET_PARTS: [&str; 11] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "auth",
    "apikey",
    "accesskey",
    "privatekey",
    "connectionstring",
];
/// Names of members that hold data of users, texts that are secrets among it: of blocks, states, variables, environments.
const DATA_NAMES: [&str; 4] = ["data", "value", "env", "dsn"];

/// Whether a value under this name is kept out of answers.
pub(crate) fn is_secret(name: &str, value: &Value) -> bool {
    // The beginning decides: a name may be as long as a body.
    let plain: String =
        name.chars().take(1000).filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    match value {
        Value::Null => false,
        _ if SECRET_PARTS.iter().any(|part| plain.contains(part)) => true,
        Value::Bool(_) | Value::Number(_) => false,
        _ => DATA_NAMES.contains(&plain.as_str()),
    }
}

/// A text up to so many bytes, and whether that is not all.
pub(crate) fn cut(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max + REST.len() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{}{REST}", &text[..text.floor_char_boundary(max)]))
}

/// A value as an error repeats it: as it is if it is short, else the beginning of its text.
pub(crate) fn shown(value: &Value, max: usize) -> Value {
    if let Value::String(text) = value {
        return cut(text, max).into();
    }
    match text_of(value, max) {
        (text, true) => serde_json::from_str(&text).unwrap_or(Value::Null),
        (text, false) => format!("{text}{REST}").into(),
    }
}

/// A value within a sentence.
pub fn shown_text(value: &Value) -> String {
    match text_of(value, NAME) {
        (text, true) => text,
        (text, false) => format!("{text}{REST}"),
    }
}

/// What stands for a value at a place whose name says that it may be secret.
pub(crate) fn hidden() -> Value {
    HIDDEN.into()
}

/// Cuts every text of a value.
pub(crate) fn cut_texts(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(short) = cut(text, TEXT) {
                *text = short;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(cut_texts),
        Value::Object(members) => members.values_mut().for_each(cut_texts),
        _ => {}
    }
}

/// The beginning of a value's JSON, and whether that is all. No more is written than is kept.
fn text_of(value: &Value, max: usize) -> (String, bool) {
    let mut beginning = Beginning { bytes: Vec::new(), max };
    let whole = serde_json::to_writer(&mut beginning, &Public(value)).is_ok();
    let bytes = beginning.bytes;
    let end = std::str::from_utf8(&bytes).map_or_else(|error| error.valid_up_to(), str::len);
    (String::from_utf8_lossy(&bytes[..end]).into_owned(), whole)
}

/// A value without its secrets.
struct Public<'a>(&'a Value);

impl Serialize for Public<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(members) => {
                let mut object = s.serialize_map(None)?;
                for (name, value) in members {
                    if is_secret(name, value) {
                        object.serialize_entry(name, HIDDEN)?;
                    } else {
                        object.serialize_entry(name, &Public(value))?;
                    }
                }
                object.end()
            }
            Value::Array(items) => {
                let mut list = s.serialize_seq(None)?;
                for item in items {
                    list.serialize_element(&Public(item))?;
                }
                list.end()
            }
            plain => plain.serialize(s),
        }
    }
}

/// Takes so many bytes and fails on the next.
struct Beginning {
    bytes: Vec<u8>,
    max: usize,
}

impl Write for Beginning {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.max - self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..taken]);
        if taken < bytes.len() { Err(io::ErrorKind::WriteZero.into()) } else { Ok(taken) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_short_value_is_shown_as_it_is_and_a_long_one_by_its_beginning() {
        for (value, shown_as) in [
            (json!({"a": [1, 2.50, "b"]}), json!({"a": [1, 2.50, "b"]})),
            (json!(null), json!(null)),
            (json!("é".repeat(30)), json!(format!("{}…", "é".repeat(25)))),
            (json!(["é".repeat(30)]), json!(format!("[\"{}…", "é".repeat(24)))),
            (json!([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21]), {
                json!("[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20…")
            }),
        ] {
            assert_eq!(shown(&value, 51), shown_as);
            assert_eq!(shown(&shown_as, 51), shown_as, "what is cut is not cut again");
        }
    }

    #[test]
    fn secrets_are_hidden_whatever_the_spelling_of_their_name() {
        for name in ["password", "API-Key", "apiKey", "db_password", "Authorization", "PREFECT_API_AUTH_STRING", "data"]
        {
            let value = json!({"a": [{name: {"b": "hush"}}]});
            assert_eq!(shown(&value, 1000), json!({"a": [{name: "********"}]}), "{name}");
        }
        for value in [
            json!({"name": "a", "metadata": "b", "values": ["c"], "key": "d", "environment": {"e": "f"}}),
            json!({"value": 1, "data": null, "password": null}),
        ] {
            assert_eq!(shown(&value, 1000), value);
        }
        assert_eq!(shown(&json!({"password": 1, "value": "a"}), 1000), json!({"password": HIDDEN, "value": HIDDEN}));
    }
}
