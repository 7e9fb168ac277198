//! Job variables: what a work pool's template declares, and whether values fit it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::effort::within_bounds;
use super::invalid::Invalid;
use super::preprocess::Nulls;
use super::validate::{Required, check, check_schema, fit};

/// Checks the shape of a base job template: empty, or with both parts, and every placeholder declared.
///
/// # Errors
/// What is wrong, in the words that clients know.
pub fn check_template(template: &Value) -> Result<(), String> {
    let Value::Object(members) = template else { return Err("Input should be a valid dictionary".into()) };
    if members.is_empty() {
        return Ok(());
    }
    let filled = |name: &str| match members.get(name) {
        Some(Value::Object(part)) if !part.is_empty() => Some(part),
        _ => None,
    };
    let (Some(configuration), Some(variables)) = (filled("job_configuration"), filled("variables")) else {
        return Err("The `base_job_template` must contain both a `job_configuration` key and a `variables` key.".into());
    };
    let declared = variables.get("properties").and_then(Value::as_object);
    let used: BTreeSet<String> = configuration.values().flat_map(|value| placeholders(&value.to_string())).collect();
    let missing: Vec<String> =
        used.into_iter().filter(|name| declared.is_none_or(|declared| !declared.contains_key(name))).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "The variables specified in the job configuration template must be present as properties in the variables \
         schema. Your job configuration uses the following undeclared variable(s): {}.",
        missing.join(" ,")
    ))
}

/// Names in double braces. (wire W9.13: also those that are filled in from elsewhere, `{{ $ENV }}` and
/// `{{ prefect.… }}`)
fn placeholders(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let inner = rest[start + 2..].trim_start();
        // Of three braces in a row the last two may begin a name.
        rest = &rest[start + 1..];
        let after = inner.trim_start_matches(|c: char| c.is_alphanumeric() || "_.-[]$".contains(c));
        let name = &inner[..inner.len() - after.len()];
        if let Some(behind) = after.trim_start().strip_prefix("}}").filter(|_| !name.is_empty()) {
            names.push(name.to_owned());
            rest = behind;
        }
    }
    names
}

/// The part of a base job template that says which job variables there are.
#[derive(Clone, Debug)]
pub struct JobVariables {
    schema: Value,
}

impl JobVariables {
    /// Of a template; `None` if it declares nothing, and so anything goes.
    pub fn of(template: &Value) -> Option<JobVariables> {
        let schema = template.get("variables")?;
        let empty = schema.as_object().is_none_or(Map::is_empty);
        (!empty).then(|| JobVariables { schema: schema.clone() })
    }

    /// Defaults that are references to blocks: variable and id. The text is given where it is no id.
    pub fn default_blocks(&self) -> Vec<(String, Result<Uuid, String>)> {
        let id_of = |default: &Value| {
            let id = default.get("$ref")?.get("block_document_id")?;
            let text = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
            Some(Uuid::parse_str(&text).map_err(|_| text))
        };
        self.defaults().filter_map(|(name, default)| Some((name.clone(), id_of(default)?))).collect()
    }

    fn defaults(&self) -> impl Iterator<Item = (&String, &Value)> {
        let properties = self.schema.get("properties").and_then(Value::as_object);
        properties.into_iter().flatten().filter_map(|(name, property)| Some((name, property.get("default")?)))
    }

    /// Defaults of the template that are known here: those that are blocks are checked by who has the blocks.
    fn known_defaults(&self) -> (Map<String, Value>, bool) {
        let is_reference = |default: &Value| default.get("$ref").is_some();
        let known = self.defaults().filter(|(_, default)| !is_reference(default));
        let references = self.defaults().any(|(_, default)| is_reference(default));
        (known.map(|(name, default)| (name.clone(), default.clone())).collect(), references)
    }

    fn check_schema(&self) -> Result<(), Invalid> {
        within_bounds(&self.schema, &[], |_| check_schema(&self.schema))
    }

    /// Checks the template's own defaults.
    ///
    /// # Errors
    /// [`Invalid`]
    pub fn check_defaults(&self) -> Result<(), Invalid> {
        self.check_schema()?;
        let (defaults, _) = self.known_defaults();
        check(&Value::Object(defaults), &self.schema, Required::Ignored, Nulls::Optional)
    }

    /// Checks layers of job variables over the template's defaults; later layers win.
    ///
    /// Defaults that do not fit are left out, and then nothing is required: templates of old pools have such defaults.
    /// A default that is a block counts like one of those.
    ///
    /// # Errors
    /// [`Invalid`]
    pub fn check(&self, layers: &[&Value], required: Required) -> Result<(), Invalid> {
        self.check_schema()?;
        let (defaults, mut left_out) = self.known_defaults();
        let alone: Vec<Value> =
            defaults.into_iter().map(|(name, default)| Value::Object(Map::from_iter([(name, default)]))).collect();
        let mut all = Map::new();
        for (one, fits) in alone.iter().zip(fit(&alone, &self.schema)?) {
            match one {
                Value::Object(one) if fits => all.extend(one.clone()),
                _ => left_out = true,
            }
        }
        for layer in layers.iter().filter_map(|layer| layer.as_object()) {
            all.extend(layer.clone());
        }
        let required = if left_out { Required::Ignored } else { required };
        check(&Value::Object(all), &self.schema, required, Nulls::Optional)
    }

    /// Checks one layer by itself, without the defaults.
    ///
    /// # Errors
    /// [`Invalid`]
    pub fn check_alone(&self, layer: &Value) -> Result<(), Invalid> {
        check(layer, &self.schema, Required::Ignored, Nulls::WithoutDefault)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_template_declares_what_it_uses() {
        let variables =
            json!({"type": "object", "properties": {"image": {"type": "string"}, "env": {"type": "object"}}});
        for (template, fault) in [
            (json!({}), None),
            (json!({"job_configuration": {"a": "{{ image }}-{{env}}"}, "variables": variables}), None),
            (json!({"job_configuration": {"a": 1}}), Some("must contain both")),
            (
                json!({"job_configuration": {"a": {"b": ["{{ cpu }}"]}}, "variables": variables}),
                Some("variable(s): cpu."),
            ),
            (
                json!({"job_configuration": {"a": "{{{ cpu }}} {{ $HOME}}"}, "variables": variables}),
                Some("variable(s): $HOME ,cpu."),
            ),
            (json!({"job_configuration": {"a": "{{ two words }} {{}} {{ }} {{ cpu"}, "variables": variables}), None),
            // Looked through once, and not once for each brace.
            (
                json!({"job_configuration": {"a": format!("{}}}}}", "{{".repeat(1_000_000))}, "variables": variables}),
                None,
            ),
        ] {
            match (check_template(&template), fault) {
                (Ok(()), None) => {}
                (Err(text), Some(part)) => assert!(text.contains(part), "{text}"),
                (other, _) => panic!("{template}: {other:?}"),
            }
        }
    }

    #[test]
    fn layers_are_checked_over_the_defaults() {
        let template = json!({"job_configuration": {}, "variables": {"type": "object", "required": ["image", "cpu"], "properties": {
            "image": {"type": "string", "default": "base"}, "cpu": {"type": "integer"}, "env": {"type": "object", "default": null},
        }}});
        let variables = JobVariables::of(&template).unwrap();
        assert_eq!(variables.check(&[&json!({"cpu": 2})], Required::Enforced), Ok(()));
        assert_eq!(
            variables.check(&[&json!({"cpu": 2}), &json!({"cpu": "x"})], Required::Enforced).unwrap_err().to_string(),
            "Validation failed for field 'cpu'. Failure reason: 'x' is not of type 'integer'"
        );
        assert_eq!(variables.check(&[], Required::Ignored), Ok(()));
        let good =
            json!({"variables": {"type": "object", "required": ["cpu"], "properties": {"cpu": {"type": "integer"}}}});
        assert!(JobVariables::of(&good).unwrap().check(&[], Required::Enforced).is_err());
        assert!(JobVariables::of(&json!({})).is_none());
    }
}
