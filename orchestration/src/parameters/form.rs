//! What is wrong with the values of a form that somebody fills in, as a tree. (wire W9.14)

use std::collections::HashMap;

use jsonschema::error::ValidationErrorKind;
use jsonschema::paths::LocationSegment;
use serde_json::{Value, json};

use super::effort::within_bounds;
use super::hydrate::Preview;
use super::invalid::Invalid;
use super::messages::message;
use super::preprocess::{Nulls, repaired};
use super::validate::{TOO_MANY, check_schema, compile};

/// The most errors that are told of one form.
const MOST_TOLD: usize = 1000;

/// Tells what is wrong: `{"errors": […], "valid": false}`.
///
/// # Errors
/// What is wrong with the schema.
pub fn report(preview: &Preview, schema: &Value) -> Result<Value, Invalid> {
    let schema = repaired(schema, Nulls::WithoutDefault);
    let mut tree = Tree::default();
    within_bounds(&schema, &[&preview.values], |errors_can_be_collected| {
        check_schema(&schema)?;
        let validator = compile(&schema, true)?;
        if !errors_can_be_collected {
            if !validator.is_valid(&preview.values) {
                tree.add([], TOO_MANY.into());
            }
            return Ok(());
        }
        let errors = validator.iter_errors(&preview.values);
        for error in errors.filter(|error| !preview.marks.contains_key(error.instance_path().as_str())).take(MOST_TOLD)
        {
            let path = error.instance_path().into_iter().map(|segment| match segment {
                LocationSegment::Index(index) => Step::Index(index),
                LocationSegment::Property(name) => Step::Property(name.into_owned()),
            });
            let missing = match error.kind() {
                ValidationErrorKind::Required { property } => property.as_str().map(|name| Step::Property(name.into())),
                _ => None,
            };
            tree.add(path.chain(missing), message(&error));
        }
        Ok(())
    })?;
    for (pointer, fault) in &preview.marks {
        let Some(fault) = fault else { continue };
        tree.add(steps(&preview.values, pointer), fault.to_string());
    }
    Ok(json!({"valid": tree.root().is_empty(), "errors": tree.into_errors()}))
}

/// A step from a value into one of its parts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Step {
    Index(usize),
    Property(String),
}

/// The steps of a JSON pointer: numbers into arrays, names into objects.
fn steps(root: &Value, pointer: &str) -> Vec<Step> {
    let mut at = Some(root);
    pointer
        .split('/')
        .skip(1)
        .map(|step| {
            let name = step.replace("~1", "/").replace("~0", "~");
            let index = at.filter(|value| value.is_array()).and(name.parse::<usize>().ok());
            at = match index {
                Some(index) => at.and_then(|value| value.get(index)),
                None => at.and_then(|value| value.get(&name)),
            };
            index.map_or(Step::Property(name), Step::Index)
        })
        .collect()
}

/// What is told of one place, in the order in which it came: a text, or what is told of a part.
enum Told {
    Text(String),
    Part(Step, usize),
}

/// Errors by place. A part that other errors are in is one node; an error of the part itself is always a node of its
/// own. (wire W9.14)
struct Tree {
    /// The first is the root.
    nodes: Vec<Vec<Told>>,
    /// Parts by the node that they are in.
    parts: HashMap<(usize, Step), usize>,
}

impl Default for Tree {
    fn default() -> Tree {
        Tree { nodes: vec![Vec::new()], parts: HashMap::new() }
    }
}

impl Tree {
    fn add(&mut self, path: impl IntoIterator<Item = Step>, text: String) {
        let mut path = path.into_iter().peekable();
        let mut at = 0;
        while let Some(step) = path.next() {
            let known = self.parts.get(&(at, step.clone())).copied().filter(|_| path.peek().is_some());
            at = known.unwrap_or_else(|| {
                let new = self.nodes.len();
                self.nodes.push(Vec::new());
                self.nodes[at].push(Told::Part(step.clone(), new));
                self.parts.entry((at, step)).or_insert(new);
                new
            });
        }
        self.nodes[at].push(Told::Text(text));
    }

    fn root(&self) -> &[Told] {
        &self.nodes[0]
    }

    /// The errors of the root. Nodes stand behind those that they are in.
    fn into_errors(self) -> Value {
        let mut done: HashMap<usize, Value> = HashMap::new();
        for (place, told) in self.nodes.into_iter().enumerate().rev() {
            let errors: Vec<Value> = told
                .into_iter()
                .map(|told| match told {
                    Told::Text(text) => Value::String(text),
                    Told::Part(step, part) => {
                        let errors = done.remove(&part).unwrap_or_default();
                        match step {
                            Step::Index(index) => json!({"index": index, "errors": errors}),
                            Step::Property(name) => json!({"property": name, "errors": errors}),
                        }
                    }
                })
                .collect();
            done.insert(place, Value::Array(errors));
        }
        done.remove(&0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_gets_a_tree_of_errors() {
        let schema = json!({"type": "object", "required": ["n", "m"], "properties": {
            "n": {"type": "integer"}, "m": {"type": "string"}, "list": {"type": "array", "items": {"type": "integer"}},
            "later": {"type": "integer"}, "bad": {"type": "integer"},
        }});
        let values = json!({"n": "x", "list": [1, "two"], "later": {"__prefect_kind": "jinja", "template": "{{ a }}"},
            "bad": {"__prefect_kind": "workspace_variable", "variable_name": "none"}});
        let preview = super::super::hydrate::preview(&values, &Default::default());
        let told = report(&preview, &schema).unwrap();
        assert_eq!(told["valid"], json!(false));
        let errors = told["errors"].as_array().unwrap();
        for wanted in [
            json!({"property": "n", "errors": ["'x' is not of type 'integer'"]}),
            json!({"property": "m", "errors": ["'m' is a required property"]}),
            json!({"property": "list", "errors": [{"index": 1, "errors": ["'two' is not of type 'integer'"]}]}),
            json!({"property": "bad", "errors": ["Variable 'none' not found in workspace."]}),
        ] {
            assert!(errors.contains(&wanted), "{wanted} in {told}");
        }
        assert_eq!(errors.len(), 4, "{told}");
    }
}
