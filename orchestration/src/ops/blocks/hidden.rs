//! Secret values of a document's data: which they are, hiding them, and keeping those that come back hidden.
//!
//! A path is names of members; a `*` stands for everything below. (wire W14.5: `secret_fields` of the schema, dotted)

use serde_json::{Map, Value};

/// What stands for a secret, whatever its type and length.
pub const HIDDEN: &str = "********";

/// The secret paths of a schema's fields.
pub fn secret_paths(fields: &Value) -> Vec<Vec<String>> {
    let paths = fields["secret_fields"].as_array().into_iter().flatten().filter_map(Value::as_str);
    paths.map(|path| path.split('.').map(str::to_owned).collect()).collect()
}

/// Hides the values at secret paths. A plain null is no secret; below a wildcard everything is.
pub fn hide(data: &mut Map<String, Value>, paths: &[Vec<String>]) {
    for path in paths {
        match before_wildcard(path) {
            None => {
                if let Some(value) = at_mut(data, path).filter(|value| !value.is_null()) {
                    *value = HIDDEN.into();
                }
            }
            Some([]) => data.values_mut().for_each(hide_leaves),
            Some(prefix) => {
                if let Some(value) = at_mut(data, prefix) {
                    hide_leaves(value);
                }
            }
        }
    }
}

/// Puts the current value wherever a secret path of an update holds a hidden one: somebody sends back what was shown.
pub fn keep(update: &mut Map<String, Value>, current: &Map<String, Value>, paths: &[Vec<String>]) {
    for path in paths {
        match before_wildcard(path) {
            None => {
                let kept = at(current, path).filter(|value| !value.is_null());
                if let (Some(value), Some(kept)) = (at_mut(update, path), kept)
                    && value == HIDDEN
                {
                    *value = kept.clone();
                }
            }
            Some([]) => {
                for (key, value) in update.iter_mut() {
                    keep_leaves(value, current.get(key));
                }
            }
            Some(prefix) => {
                if let Some(value) = at_mut(update, prefix) {
                    keep_leaves(value, at(current, prefix));
                }
            }
        }
    }
}

fn before_wildcard(path: &[String]) -> Option<&[String]> {
    let wildcard = path.iter().position(|name| name == "*")?;
    path.get(..wildcard)
}

fn at<'a>(data: &'a Map<String, Value>, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(data.get(first)?, |value, name| value.as_object()?.get(name))
}

fn at_mut<'a>(data: &'a mut Map<String, Value>, path: &[String]) -> Option<&'a mut Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(data.get_mut(first)?, |value, name| value.as_object_mut()?.get_mut(name))
}

fn hide_leaves(value: &mut Value) {
    match value {
        Value::Object(object) if !object.is_empty() => object.values_mut().for_each(hide_leaves),
        leaf => *leaf = HIDDEN.into(),
    }
}

fn keep_leaves(value: &mut Value, current: Option<&Value>) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            for (key, value) in object.iter_mut() {
                keep_leaves(value, current.and_then(|current| current.get(key)));
            }
        }
        leaf => {
            if let Some(current) = current
                && leaf == HIDDEN
            {
                *leaf = current.clone();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn paths(list: &[&str]) -> Vec<Vec<String>> {
        secret_paths(&json!({ "secret_fields": list }))
    }

    #[test]
    fn secrets_are_hidden_at_their_paths_and_below_wildcards() {
        let table = [
            (json!({"a": "x", "b": "y"}), vec!["a"], json!({"a": HIDDEN, "b": "y"})),
            (json!({"a": 1, "b": ""}), vec!["a", "b"], json!({"a": HIDDEN, "b": HIDDEN})),
            (json!({"a": null}), vec!["a", "missing"], json!({"a": null})),
            (json!({"n": {"k": "x", "l": 1}}), vec!["n.k"], json!({"n": {"k": HIDDEN, "l": 1}})),
            (json!({"a": {"user": "u"}}), vec!["a"], json!({"a": HIDDEN})),
            (json!({"h": {"x": "1", "y": {"z": null}}}), vec!["h.*"], json!({"h": {"x": HIDDEN, "y": {"z": HIDDEN}}})),
            (json!({"h": {}}), vec!["h.*"], json!({"h": HIDDEN})),
            (json!({"a": 1, "b": {"c": 2}}), vec!["*"], json!({"a": HIDDEN, "b": {"c": HIDDEN}})),
        ];
        for (data, secret, shown) in table {
            let mut data = object(data);
            hide(&mut data, &paths(&secret));
            assert_eq!(Value::Object(data), shown, "{secret:?}");
        }
    }

    #[test]
    fn hidden_values_that_are_sent_back_keep_what_is_stored() {
        let current = object(json!({"a": "secret", "n": {"k": "deep"}, "h": {"x": "1", "y": "2"}, "plain": "p"}));
        let table = [
            (json!({"a": HIDDEN, "n": {"k": HIDDEN}}), json!({"a": "secret", "n": {"k": "deep"}})),
            (json!({"a": "new"}), json!({"a": "new"})),
            (json!({"h": {"x": HIDDEN, "new": HIDDEN, "y": "3"}}), json!({"h": {"x": "1", "new": HIDDEN, "y": "3"}})),
            (json!({"plain": HIDDEN}), json!({"plain": HIDDEN})),
        ];
        for (update, kept) in table {
            let mut update = object(update);
            keep(&mut update, &current, &paths(&["a", "n.k", "h.*"]));
            assert_eq!(Value::Object(update), kept);
        }
    }
}
