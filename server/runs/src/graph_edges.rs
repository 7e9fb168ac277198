//! Who takes whose result: the edges between the nodes of a flow run's graph.
//!
//! wire W8.6: every task run stands in the table of edges once per entry of its inputs, or once if it has none; an edge
//! is listed once for each pair of an entry of the child that names the parent and a line of the parent. So a few large
//! inputs make millions of edges: where there were more than [`MOST_REPEATED`], each entry is listed once.

use std::collections::HashMap;

use serde_json::Value;
use uuid::Uuid;

/// The input name under which a task run lists those that it runs within.
const WITHIN: &str = "__parents__";

/// More edges than these are not repeated per line of the parent.
const MOST_REPEATED: usize = 100_000;

/// A node, as far as its edges are concerned.
pub(crate) struct Ends {
    /// Its id: that of the task run, or of the flow run that it stands for.
    pub(crate) id: Uuid,
    /// `task_inputs` of the task run.
    pub(crate) inputs: Value,
}

/// The edges of one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Edges {
    /// Whose results it takes.
    pub(crate) parents: Vec<Uuid>,
    /// Who takes its result.
    pub(crate) children: Vec<Uuid>,
    /// What it runs within; each once.
    pub(crate) within: Vec<Uuid>,
}

/// The ids that an input names, in order.
fn named(arguments: &Value) -> impl Iterator<Item = Uuid> {
    let list = arguments.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|argument| Uuid::parse_str(argument.get("id")?.as_str()?).ok())
}

/// All ids that the inputs of a task run name.
pub(crate) fn sources(inputs: &Value) -> Vec<Uuid> {
    inputs.as_object().into_iter().flatten().flat_map(|(_, arguments)| named(arguments)).collect()
}

/// How many lines a node has in the table of edges.
fn lines(inputs: &Value) -> usize {
    let of_input = |arguments: &Value| arguments.as_array().map_or(1, |list| list.len().max(1));
    inputs.as_object().map_or(1, |inputs| inputs.values().map(of_input).sum::<usize>().max(1))
}

/// The edges of all nodes by id. `within_apart` keeps what a node runs within apart from its parents.
pub(crate) fn edges(nodes: &[Ends], within_apart: bool) -> HashMap<Uuid, Edges> {
    let lines_of: HashMap<Uuid, usize> = nodes.iter().map(|node| (node.id, lines(&node.inputs))).collect();
    let repetitions = nodes.iter().flat_map(|node| sources(&node.inputs)).filter_map(|id| lines_of.get(&id));
    let repeated = repetitions.sum::<usize>() <= MOST_REPEATED;
    let mut edges: HashMap<Uuid, Edges> = nodes.iter().map(|node| (node.id, Edges::default())).collect();
    for node in nodes {
        for (input, arguments) in node.inputs.as_object().into_iter().flatten() {
            for parent in named(arguments) {
                let Some(&lines) = lines_of.get(&parent) else { continue };
                let times = if repeated { lines } else { 1 };
                if within_apart && input == WITHIN {
                    if let Some(own) = edges.get_mut(&node.id)
                        && !own.within.contains(&parent)
                    {
                        own.within.push(parent);
                    }
                    continue;
                }
                if let Some(own) = edges.get_mut(&node.id) {
                    own.parents.extend(std::iter::repeat_n(parent, times));
                }
                if let Some(theirs) = edges.get_mut(&parent) {
                    theirs.children.extend(std::iter::repeat_n(node.id, times));
                }
            }
        }
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn edges_repeat_per_entry_of_child_and_line_of_parent() {
        let [a, b, c, stranger] = [1, 2, 3, 4].map(Uuid::from_u128);
        let result = |id: Uuid| json!({"input_type": "task_run", "id": id});
        let nodes = [
            Ends { id: a, inputs: json!({"x": [{"input_type": "constant"}], "y": []}) },
            Ends { id: b, inputs: json!({"x": [result(a), result(stranger)], "z": [result(a)]}) },
            Ends { id: c, inputs: json!({"__parents__": [result(b), result(b)]}) },
        ];
        let apart = edges(&nodes, true);
        assert_eq!(apart[&b].parents, [a, a, a, a]);
        assert_eq!(apart[&a].children, [b, b, b, b]);
        assert_eq!(apart[&c], Edges { within: vec![b], ..Edges::default() });
        let together = edges(&nodes, false);
        assert_eq!(together[&c].parents, [b; 6]);
        assert_eq!(sources(&nodes[1].inputs), [a, stranger, a]);
    }

    #[test]
    fn edges_of_large_inputs_do_not_multiply() {
        let [a, b] = [1, 2].map(Uuid::from_u128);
        let result = json!({"input_type": "task_run", "id": a});
        let nodes = [
            Ends { id: a, inputs: json!({"x": vec![json!({"input_type": "constant"}); 2_000]}) },
            Ends { id: b, inputs: json!({"x": vec![result; 2_000]}) },
        ];
        let edges = edges(&nodes, true);
        assert_eq!((edges[&b].parents.len(), edges[&a].children.len()), (2_000, 2_000));
    }
}
