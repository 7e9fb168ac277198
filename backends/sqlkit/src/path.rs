//! The parts of a filter, the two ways to rows that meet one, and where the first of them is open.

use std::borrow::Cow;

use mintaka_core::{Cmp, Col, Filter};

/// How rows are reached that meet one part of a filter. Both mean the same; only the cost differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// What meets the condition is listed first, and the rows that belong to it are looked up: right if those are few,
    /// or if everything is read anyway.
    Narrow,
    /// Each row is asked: right if many meet the condition and the order of the query, or another part of the filter,
    /// finds the first of them soon.
    Walk,
}

/// How a query is answered. The default asks nothing of the engine: right if everything is read anyway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The path of each part of the filter that every row must meet, in their order; the missing are [`Path::Narrow`].
    pub paths: Vec<Path>,
    /// Whether few rows are found first and then sorted, so that no index is to be followed for the order.
    pub sorts: bool,
}

/// The parts of a filter that every row must meet. A condition on the key of a parent says the same of the column that
/// names the parent; that is a part of its own, before it, since it needs no other table.
pub fn required(filter: &Filter) -> Vec<Cow<'_, Filter>> {
    match filter {
        Filter::And(all) => all.iter().flat_map(required).collect(),
        part => name_of_parent(part).map(Cow::Owned).into_iter().chain([Cow::Borrowed(part)]).collect(),
    }
}

/// What a condition on the key of a parent says of the column that names the parent.
fn name_of_parent(part: &Filter) -> Option<Filter> {
    let Filter::Has { from, .. } = part else { return None };
    match key_of_parent(part)? {
        Filter::Compare(_, op, value) => Some(Filter::Compare(*from, *op, value.clone())),
        Filter::In(_, values) => Some(Filter::In(*from, values.clone())),
        _ => None,
    }
}

/// The part of a condition on a parent that names it by its key.
pub fn key_of_parent(part: &Filter) -> Option<&Filter> {
    let Filter::Has { to, filter, .. } = part else { return None };
    if to.table.key == [to.ordinal] { naming(filter, *to) } else { None }
}

fn naming(filter: &Filter, key: Col) -> Option<&Filter> {
    match filter {
        Filter::And(all) => all.iter().find_map(|part| naming(part, key)),
        Filter::Compare(column, Cmp::Eq, _) | Filter::In(column, _) if *column == key => Some(filter),
        _ => None,
    }
}

/// Whether an index, other than one of tags, begins with the column.
pub fn begins_an_index(column: Col) -> bool {
    let begins = |columns: &[usize]| columns.first() == Some(&column.ordinal);
    column.table.unique.is_some_and(begins) || column.table.indexes.iter().any(|index| begins(index.columns))
}

/// Whether the children of listed parents can be looked up: the parent is named by its key, and an index begins with the
/// child's column.
pub(crate) fn is_narrow(from: Col, to: Col) -> bool {
    to.table.key == [to.ordinal] && begins_an_index(from)
}
