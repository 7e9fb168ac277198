//! What is left of a query when its values are taken out: the table, what is asked of which columns, and the order.

use std::collections::BTreeSet;

use mintaka_core::{Cmp, Col, Direction, Filter, Query};

use crate::recorder::Asked;

/// A shape. Its parts are texts, as they are shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shape {
    /// The table, and in which order its rows are read. What is computed of groups of rows changes no plan.
    pub of: String,
    /// What is asked of its rows.
    pub filter: String,
}

impl Shape {
    pub fn new(asked: &Asked) -> Shape {
        let of = match asked {
            Asked::Select(query) => rows_of(query),
            Asked::Aggregate(aggregate) => format!("{}, counted or in groups", aggregate.table.name),
        };
        let filter = asked.filter();
        Shape { of, filter: if asks_nothing(filter) { "all".into() } else { described(filter) } }
    }
}

/// Whether a filter is trivially true.
pub fn asks_nothing(filter: &Filter) -> bool {
    conjuncts(filter).is_empty()
}

/// Whether a filter is trivially false, as what follows from an empty answer is.
pub fn asks_for_none(filter: &Filter) -> bool {
    let is_false = |part: &Filter| match part {
        Filter::In(_, values) => values.is_empty(),
        Filter::Or(any) => any.iter().all(asks_for_none),
        _ => false,
    };
    conjuncts(filter).into_iter().any(is_false)
}

/// Whether a filter is made of negated conditions alone, so that nearly all rows meet it; or of none.
pub fn leaves_most(filter: &Filter) -> bool {
    conjuncts(filter).iter().all(|part| matches!(part, Filter::Not(_)))
}

fn rows_of(query: &Query) -> String {
    let entry = |&(column, direction): &(Col, Direction)| match direction {
        Direction::Asc => column.name().to_owned(),
        Direction::Desc => format!("{} desc", column.name()),
    };
    let order = if query.order.is_empty() { "key".to_owned() } else { list(query.order.iter().map(entry)) };
    let each = query.each.as_ref().map(|each| format!(", the first for each {}", each.column.name()));
    let after = if query.after.is_some() { ", after a position" } else { "" };
    format!("{} by {order}{}{after}", query.table.name, each.unwrap_or_default())
}

fn described(filter: &Filter) -> String {
    match filter {
        Filter::And(_) => joined(conjuncts(filter), " and "),
        Filter::Or(any) if any.is_empty() => "nothing".into(),
        Filter::Or(any) => joined(any.iter().collect(), " or "),
        Filter::Not(inner) => format!("not ({})", described(inner)),
        Filter::Compare(column, op, _) => format!("{} {}", column.name(), operator(*op)),
        Filter::CompareColumns(left, op, right) => format!("{} {} {}", left.name(), operator(*op), right.name()),
        Filter::In(column, values) if values.len() == 1 => format!("{} =", column.name()),
        Filter::In(column, _) => format!("{} in", column.name()),
        Filter::IsNull(column) => format!("{} is null", column.name()),
        Filter::Like(columns, _) => format!("{} like", list(columns.iter().map(|c| c.name().to_owned()))),
        Filter::Contains(columns, _) => format!("{} contains", list(columns.iter().map(|c| c.name().to_owned()))),
        Filter::StartsWith(column, _) => format!("{} begins", column.name()),
        Filter::TagsAny(column, _) => format!("{} any", column.name()),
        Filter::TagsAll(column, _) => format!("{} all", column.name()),
        Filter::TagsEmpty(column) => format!("{} empty", column.name()),
        Filter::Has { from, to, filter } => {
            let rest = if asks_nothing(filter) { String::new() } else { format!(": {}", described(filter)) };
            format!("some {} [{} is {}{rest}]", to.table.name, to.name(), from.name())
        }
    }
}

/// The conditions of a filter that must all hold.
fn conjuncts(filter: &Filter) -> Vec<&Filter> {
    match filter {
        Filter::And(all) => all.iter().flat_map(conjuncts).collect(),
        part => vec![part],
    }
}

/// Parts in the order of their texts. Those of the same form count once: a list of them has the shape of one.
fn joined(parts: Vec<&Filter>, separator: &str) -> String {
    let alone = parts.len() == 1;
    let text = |part: &Filter| match part {
        Filter::And(all) | Filter::Or(all) if all.len() > 1 && !alone => format!("({})", described(part)),
        part => described(part),
    };
    let texts: BTreeSet<String> = parts.into_iter().map(text).collect();
    list_by(texts, separator)
}

fn operator(op: Cmp) -> &'static str {
    match op {
        Cmp::Eq => "=",
        Cmp::Lt => "<",
        Cmp::Le => "<=",
        Cmp::Gt => ">",
        Cmp::Ge => ">=",
    }
}

fn list(parts: impl IntoIterator<Item = String>) -> String {
    list_by(parts, ", ")
}

fn list_by(parts: impl IntoIterator<Item = String>, separator: &str) -> String {
    parts.into_iter().collect::<Vec<_>>().join(separator)
}
