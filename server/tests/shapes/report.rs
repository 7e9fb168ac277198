//! The report: unserved shapes, unused indexes, what the stock clients ask, and how many shapes are served.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write;

use mintaka_core::records::TABLES;

use crate::plan::{Costs, Planner};
use crate::recorder::Record;
use crate::shape::{Shape, asks_for_none};

const HEAD: &str = "\
# What queries cost on SQLite, as the test `shapes` finds it; `MINTAKA_REWRITE_GOLDEN=1` writes this file anew.
#
# A shape is a query without its values: `=` stands for one value, `in` for several, or for both where they cost the same.
# What it costs if no index serves it:
#   scan T                all rows of the table T are read, or all entries of one of its indexes
#   scan T for each row   so it is for each row of another table
#   walk                  rows are followed in the order that is asked for, and each is asked, until enough are found
#   walk though few       so it is even where a condition that has an index leaves few rows
#   sort                  more rows are sorted than those that have a value in common
#   index T first         an index of the table T is made, for this query alone
";

/// An index that serves so few shapes is listed with them: each write pays for it.
const SELDOM: usize = 2;

/// What is known of a shape.
#[derive(Default)]
struct Known {
    costs: Costs,
    by: BTreeSet<String>,
}

impl Known {
    fn is_served(&self) -> bool {
        self.costs.unserved.is_empty()
    }
}

/// The report of what was asked. Whose name begins with `clients` is listed by the rest of it.
pub fn of(record: &Record, planner: &Planner, clients: &str) -> String {
    let mut shapes: BTreeMap<Shape, Known> = BTreeMap::new();
    let mut of_clients: BTreeMap<&str, BTreeSet<Shape>> = BTreeMap::new();
    let mut explained = HashSet::new();
    for (who, asked) in record.iter().filter(|(_, asked)| !asks_for_none(asked.filter())) {
        let shape = Shape::new(asked);
        if let Some(name) = who.strip_prefix(clients) {
            of_clients.entry(name).or_default().insert(shape.clone());
        }
        let known = shapes.entry(shape).or_default();
        known.by.insert(who.split('/').next().unwrap_or_default().to_owned());
        if explained.insert(Planner::statement(asked)) {
            let costs = planner.costs(asked);
            known.costs.unserved.extend(costs.unserved);
            known.costs.indexes.extend(costs.indexes);
        }
    }
    let served = shapes.values().filter(|known| known.is_served()).count();
    [
        HEAD.to_owned(),
        format!("# Shapes that no index serves\n{}", unserved(&shapes)),
        format!("# Indexes that serve at most {SELDOM} shapes\n\n{}", seldom_used(&shapes)),
        format!("# What the stock clients ask\n\n{}", asked_by_clients(&shapes, &of_clients)),
        format!("# {served} of {} shapes are served\n", shapes.len()),
    ]
    .join("\n")
}

fn unserved(shapes: &BTreeMap<Shape, Known>) -> String {
    // What costs the same for one value and for several is listed once.
    let as_for_several = |shape: &Shape, known: &Known| {
        let several = Shape { filter: shape.filter.replace(" =", " in"), ..shape.clone() };
        several != *shape && shapes.get(&several).is_some_and(|other| other.costs.unserved == known.costs.unserved)
    };
    let mut text = String::new();
    let mut of = "";
    for (shape, known) in shapes.iter().filter(|(shape, known)| !known.is_served() && !as_for_several(shape, known)) {
        if shape.of != of {
            of = &shape.of;
            let by = shapes.iter().filter(|(shape, known)| shape.of == of && !known.is_served());
            let by: BTreeSet<String> = by.flat_map(|(_, known)| known.by.iter().cloned()).collect();
            writeln!(text, "\n{of}  ({})", list(&by)).unwrap();
        }
        writeln!(text, "    {:<24} {}", list(&known.costs.unserved), shape.filter).unwrap();
    }
    text
}

fn seldom_used(shapes: &BTreeMap<Shape, Known>) -> String {
    let mut text = String::new();
    for index in TABLES.iter().flat_map(|table| table.indexes) {
        let served = shapes.iter().filter(|(_, known)| known.costs.indexes.contains(index.name));
        let served: Vec<String> = served.map(|(shape, _)| format!("{}: {}", shape.of, shape.filter)).collect();
        if served.len() <= SELDOM {
            let served = if served.is_empty() { "NONE".into() } else { served.join("; ") };
            writeln!(text, "{:<44} {served}", index.name).unwrap();
        }
    }
    text
}

fn asked_by_clients(shapes: &BTreeMap<Shape, Known>, of_clients: &BTreeMap<&str, BTreeSet<Shape>>) -> String {
    let mut text = String::new();
    for (name, asked) in of_clients {
        let unserved = asked.iter().filter(|shape| !shapes[shape].is_served());
        let costs: Vec<String> =
            unserved.map(|shape| format!("{}: {}", shape.of, list(&shapes[shape].costs.unserved))).collect();
        let costs = if costs.is_empty() { "served".into() } else { costs.join("; ") };
        writeln!(text, "{name:<44} {costs}").unwrap();
    }
    text
}

fn list(parts: &BTreeSet<String>) -> String {
    parts.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
