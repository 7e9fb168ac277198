//! Filters as an engine with three-valued logic understands them, if nobody takes care.

use mintaka_core::{Col, Filter};

/// The filter that is true where `filter` is true in three-valued logic.
pub(super) fn is_true(filter: Filter) -> Filter {
    match filter {
        Filter::And(all) => Filter::And(all.into_iter().map(is_true).collect()),
        Filter::Or(any) => Filter::Or(any.into_iter().map(is_true).collect()),
        Filter::Not(filter) => is_false(*filter),
        leaf => leaf,
    }
}

fn is_false(filter: Filter) -> Filter {
    match filter {
        Filter::And(all) => Filter::Or(all.into_iter().map(is_false).collect()),
        Filter::Or(any) => Filter::And(any.into_iter().map(is_false).collect()),
        Filter::Not(filter) => is_true(*filter),
        leaf => {
            let known = columns(&leaf).into_iter().map(Filter::some);
            Filter::And(known.chain([leaf.clone().negate()]).collect())
        }
    }
}

/// The columns that make a leaf unknown where they are null.
fn columns(leaf: &Filter) -> Vec<Col> {
    match leaf {
        Filter::Compare(column, ..) | Filter::In(column, _) | Filter::StartsWith(column, _) => vec![*column],
        Filter::CompareColumns(a, _, b) => vec![*a, *b],
        _ => Vec::new(),
    }
}
