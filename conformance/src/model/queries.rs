//! Random filters, queries and aggregates.

use mintaka_core::{Aggregate, Col, Direction, Each, Filter, Group, Kind, Measure, Query, Table, Value};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::values::{TABLES, cmp, column, is_ordered, of_kind, table, tag, text};
use crate::sample::at;

fn direction() -> impl Strategy<Value = Direction> {
    select(&[Direction::Asc, Direction::Desc][..])
}

fn of_kind_or_null(kind: Kind) -> BoxedStrategy<Value> {
    prop_oneof![1 => Just(Value::Null), 8 => of_kind(kind)].boxed()
}

/// A filter of a table, with up to so many relations one in the other.
fn filter(table: &'static Table, relations: u32) -> BoxedStrategy<Filter> {
    leaf(table, relations)
        .prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Filter::And),
                prop::collection::vec(inner.clone(), 0..4).prop_map(Filter::Or),
                inner.prop_map(Filter::negate),
            ]
        })
        .boxed()
}

fn leaf(table: &'static Table, relations: u32) -> BoxedStrategy<Filter> {
    let mut leaves: Vec<BoxedStrategy<Filter>> = vec![Just(Filter::all()).boxed()];
    if let Some(ordered) = column(table, is_ordered) {
        leaves.push(
            (ordered.clone(), cmp())
                .prop_flat_map(|(c, cmp)| of_kind_or_null(c.def().kind).prop_map(move |v| Filter::Compare(c, cmp, v)))
                .boxed(),
        );
        let list = |c: Col| prop::collection::vec(of_kind_or_null(c.def().kind), 0..4);
        leaves.push(ordered.clone().prop_flat_map(move |c| list(c).prop_map(move |v| Filter::In(c, v))).boxed());
        leaves.push(
            (ordered.clone(), ordered, cmp())
                .prop_filter_map("columns of one kind", |(a, b, cmp)| {
                    (a.def().kind == b.def().kind).then_some(Filter::CompareColumns(a, cmp, b))
                })
                .boxed(),
        );
    }
    if let Some(any) = column(table, |_| true) {
        leaves.push(any.prop_map(Filter::IsNull).boxed());
    }
    if let Some(texts) = column(table, |c| c.def().kind == Kind::Text) {
        let some = || prop::collection::vec(texts.clone(), 1..3);
        leaves.push((some(), text()).prop_map(|(columns, text)| Filter::Like(columns, text)).boxed());
        leaves.push((some(), text()).prop_map(|(columns, text)| Filter::Contains(columns, text)).boxed());
        leaves.push((texts.clone(), text()).prop_map(|(column, text)| Filter::StartsWith(column, text)).boxed());
    }
    if let Some(lists) = column(table, |c| c.def().kind == Kind::Tags) {
        let tags = || prop::collection::vec(tag(), 0..3);
        leaves.push((lists.clone(), tags()).prop_map(|(column, tags)| Filter::TagsAny(column, tags)).boxed());
        leaves.push((lists.clone(), tags()).prop_map(|(column, tags)| Filter::TagsAll(column, tags)).boxed());
        leaves.push(lists.prop_map(Filter::TagsEmpty).boxed());
    }
    if relations > 0
        && let Some(from) = column(table, |c| c.def().kind == Kind::Uuid)
    {
        let has = (from, related()).prop_flat_map(move |(from, to)| {
            filter(to.table, relations - 1).prop_map(move |filter| Filter::has(from, to, filter))
        });
        leaves.push(has.boxed());
    }
    proptest::strategy::Union::new(leaves).boxed()
}

/// A column that a relation may lead to.
fn related() -> BoxedStrategy<Col> {
    let ids = TABLES.iter().filter_map(|&table| column(table, |c| c.def().kind == Kind::Uuid));
    proptest::strategy::Union::new(ids.collect::<Vec<_>>()).boxed()
}

/// A well-formed query.
pub(super) fn query() -> impl Strategy<Value = Query> {
    table().prop_flat_map(|table| {
        let order = match column(table, is_ordered) {
            Some(ordered) => prop::collection::vec((ordered, direction()), 0..3).boxed(),
            None => Just(Vec::new()).boxed(),
        };
        let columns = match column(table, |_| true) {
            Some(any) => option::weighted(0.3, prop::collection::vec(any, 1..4)).boxed(),
            None => Just(None).boxed(),
        };
        let limit = prop_oneof![1 => 0u64..5, 1 => Just(200)];
        let offset = prop_oneof![2 => Just(0u64), 1 => 0u64..4];
        (filter(table, 3), order, limit, offset, columns, 0..4).prop_flat_map(
            move |(filter, order, limit, offset, columns, shape)| {
                let plain = Query { table, filter, order, limit, offset, after: None, columns, each: None };
                match (shape, column(table, is_ordered)) {
                    (0, _) => at_position(plain),
                    (1, Some(split)) => in_groups(plain, split),
                    _ => Just(plain).boxed(),
                }
            },
        )
    })
}

fn at_position(query: Query) -> BoxedStrategy<Query> {
    let position: Vec<_> = query.full_order().iter().map(|(c, _)| of_kind_or_null(c.def().kind)).collect();
    position.prop_map(move |position| query.clone().after(position)).boxed()
}

fn in_groups(query: Query, split: BoxedStrategy<Col>) -> BoxedStrategy<Query> {
    let query = query.offset(0);
    split
        .prop_flat_map(move |column| {
            let query = query.clone();
            // Each value once: asking twice for a group has no meaning.
            let values = prop::collection::vec(of_kind_or_null(column.def().kind), 0..4).prop_map(distinct);
            (values, 0u64..3)
                .prop_map(move |(values, k)| Query { each: Some(Each { column, values, k }), ..query.clone() })
        })
        .boxed()
}

fn distinct(values: Vec<Value>) -> Vec<Value> {
    let mut once: Vec<Value> = Vec::new();
    for value in values {
        if !once.contains(&value) {
            once.push(value);
        }
    }
    once
}

/// A well-formed aggregate.
pub(super) fn aggregate() -> impl Strategy<Value = Aggregate> {
    table().prop_flat_map(|table| {
        let by = prop::collection::vec(group(table), 0..3);
        let measures = prop::collection::vec(measure(table), 1..4);
        (filter(table, 2), by, measures, 0u64..6).prop_flat_map(move |(filter, by, measures, limit)| {
            let outputs: Vec<usize> = (0..by.len() + measures.len()).collect();
            let most = outputs.len().min(2);
            let limit = if by.is_empty() { 1 } else { limit * 20 };
            (subsequence(outputs, 0..=most).prop_shuffle(), direction()).prop_map(move |(positions, direction)| {
                let (filter, by, measures) = (filter.clone(), by.clone(), measures.clone());
                let order = positions.into_iter().map(|position| (position, direction)).collect();
                Aggregate { table, filter, by, measures, order, limit }
            })
        })
    })
}

fn group(table: &'static Table) -> BoxedStrategy<Group> {
    let mut groups: Vec<BoxedStrategy<Group>> = Vec::new();
    if let Some(ordered) = column(table, is_ordered) {
        groups.push(ordered.prop_map(Group::Column).boxed());
    }
    if let Some(times) = column(table, |c| c.def().kind == Kind::Time) {
        let bucket = (times, -2i64..2, select(&[1i64, 1_000_000, 1_700_000][..]));
        groups.push(bucket.prop_map(|(column, n, width)| Group::Bucket { column, origin: at(n), width }).boxed());
    }
    proptest::strategy::Union::new(groups).boxed()
}

fn measure(table: &'static Table) -> BoxedStrategy<Measure> {
    let mut measures: Vec<BoxedStrategy<Measure>> = vec![Just(Measure::Count).boxed()];
    if let Some(ordered) = column(table, is_ordered) {
        measures.push(ordered.clone().prop_map(Measure::CountDistinct).boxed());
        measures.push(ordered.clone().prop_map(Measure::Min).boxed());
        measures.push(ordered.prop_map(Measure::Max).boxed());
    }
    if let Some(numbers) = column(table, |c| matches!(c.def().kind, Kind::Int | Kind::Float)) {
        measures.push(numbers.prop_map(Measure::Sum).boxed());
    }
    if let Some(times) = column(table, |c| c.def().kind == Kind::Time) {
        measures.push((times, -3i64..3).prop_map(|(column, n)| Measure::SumSince(column, at(n))).boxed());
    }
    proptest::strategy::Union::new(measures).boxed()
}
