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

/// The parts of a filter that every row must meet. A condition on the key of a parent says the same of the column that
/// names the parent; that is a part of its own, before it, since it needs no other table.
pub(crate) fn required(filter: &Filter) -> Vec<Cow<'_, Filter>> {
    match filter {
        Filter::And(all) => all.iter().flat_map(required).collect(),
        part => names_of_parents(part).into_iter().map(Cow::Owned).chain([Cow::Borrowed(part)]).collect(),
    }
}

/// What a condition on the key of a parent says of the column that names the parent.
pub(crate) fn names_of_parents(part: &Filter) -> Vec<Filter> {
    let Filter::Has { from, to, filter } = part else { return Vec::new() };
    if to.table.key != [to.ordinal] {
        return Vec::new();
    }
    let of_key = required(filter).into_iter().filter_map(|part| match part.into_owned() {
        Filter::Compare(column, Cmp::Eq, value) if column == *to => Some(Filter::Compare(*from, Cmp::Eq, value)),
        Filter::In(column, values) if column == *to => Some(Filter::In(*from, values)),
        _ => None,
    });
    of_key.collect()
}

/// Whether an index, other than one of tags, begins with the column.
pub(crate) fn begins_an_index(column: Col) -> bool {
    let begins = |columns: &[usize]| columns.first() == Some(&column.ordinal);
    column.table.unique.is_some_and(begins) || column.table.indexes.iter().any(|index| begins(index.columns))
}

/// Whether the children of listed parents can be looked up: the parent is named by its key, and an index begins with the
/// child's column.
pub(crate) fn is_narrow(from: Col, to: Col) -> bool {
    to.table.key == [to.ordinal] && begins_an_index(from)
}
