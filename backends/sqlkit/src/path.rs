//! The two ways to rows that meet a part of a filter, and where the first of them is open.

use mintaka_core::{Col, Filter};

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

/// The parts of a filter that every row must meet.
pub(crate) fn required(filter: &Filter) -> Vec<&Filter> {
    match filter {
        Filter::And(all) => all.iter().flat_map(required).collect(),
        part => vec![part],
    }
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
