//! Random batches: all guards, ops and conditions, on few rows.

use mintaka_core::{Batch, Change, Col, Condition, Guard, Key, Kind, OnExists, Op, Sum, Table, Value};
use proptest::option;
use proptest::prelude::*;

use super::values::{cmp, column, is_ordered, of_column, of_kind, row, table};

/// A batch that is well formed.
pub(super) fn batch() -> impl Strategy<Value = Batch> {
    let once =
        option::weighted(0.15, table().prop_flat_map(|table| row(table).prop_map(move |values| (table, values))));
    let guards = prop::collection::vec(guard(), 0..2);
    (once, guards, prop::collection::vec(op(), 0..5), any::<prop::sample::Index>())
        .prop_map(|(once, guards, ops, index)| refer(Batch { once, guards, ops }, index))
        .prop_map(|batch| match batch.check() {
            Ok(()) => batch,
            Err(error) => panic!("{error}: {batch:?}"),
        })
}

/// Makes an inserted row refer to the row of an op before it, where there is one.
fn refer(mut batch: Batch, index: prop::sample::Index) -> Batch {
    let ops = batch.ops.len();
    if ops > 2
        && let Op::Insert { table, values, .. } = &mut batch.ops[ops - 1]
    {
        let plain = |&ordinal: &usize| table.columns[ordinal].kind == Kind::Uuid && !table.key.contains(&ordinal);
        if let Some(ordinal) = (0..values.len()).find(plain) {
            values[ordinal] = Value::IdOf(index.index(ops - 1));
        }
    }
    batch
}

/// A key of a table.
pub(super) fn key(table: &'static Table) -> BoxedStrategy<Key> {
    let parts = |ordinals: &[usize]| ordinals.iter().map(|&i| of_kind(table.columns[i].kind)).collect::<Vec<_>>();
    let primary = parts(table.key).prop_map(Key::Primary);
    match table.unique {
        Some(unique) => prop_oneof![2 => primary, 1 => parts(unique).prop_map(Key::Unique)].boxed(),
        None => primary.boxed(),
    }
}

fn guard() -> impl Strategy<Value = Guard> {
    table().prop_flat_map(|table| {
        (key(table), 1i64..4, 0..3).prop_map(move |(key, version, which)| match which {
            0 => Guard::Present(table, key),
            _ => Guard::Version(table, key, version),
        })
    })
}

fn insert(table: &'static Table) -> BoxedStrategy<Op> {
    let on_exists = prop_oneof![1 => Just(OnExists::Conflict), 2 => Just(OnExists::Skip)];
    (row(table), on_exists).prop_map(move |(values, on_exists)| Op::Insert { table, values, on_exists }).boxed()
}

/// An insert that skips where it collides.
pub(super) fn lenient_insert() -> impl Strategy<Value = Op> {
    table().prop_flat_map(|table| {
        row(table).prop_map(move |values| Op::Insert { table, values, on_exists: OnExists::Skip })
    })
}

fn op() -> impl Strategy<Value = Op> {
    table().prop_flat_map(|table| {
        let upsert = (any::<bool>(), row(table), change(table), conditions(table)).prop_map(
            move |(by_unique, values, update, when)| Op::Upsert {
                table,
                by_unique: by_unique && table.unique.is_some(),
                values,
                update,
                when,
            },
        );
        let update = (key(table), conditions(table), conditions(table), change(table))
            .prop_map(move |(key, require, when, change)| Op::Update { table, key, require, when, change });
        let delete = key(table).prop_map(move |key| Op::Delete { table, key });
        prop_oneof![4 => insert(table), 2 => upsert, 4 => update, 1 => delete]
    })
}

fn change(table: &'static Table) -> BoxedStrategy<Change> {
    let free = |c: Col| !table.key.contains(&c.ordinal);
    let named = |column: Col| of_column(column.def()).prop_map(move |value| (column, value));
    let some = |columns: Option<BoxedStrategy<Col>>, most: usize| match columns {
        Some(columns) => prop::collection::vec(columns.prop_flat_map(named), 0..most).boxed(),
        None => Just(Vec::new()).boxed(),
    };
    let set = some(column(table, |c| free(c) && !c.def().soft), 4);
    let is_number = |c: Col| matches!(c.def().kind, Kind::Int | Kind::Float);
    let add = some(column(table, |c| free(c) && !c.def().soft && !c.def().nullable && is_number(c)), 2);
    let max = some(column(table, |c| free(c) && is_ordered(c)), 2);
    let mixed = (set, add, max).prop_map(|(set, add, max)| Change { set, add, max });
    match column(table, |c| c.def().soft) {
        Some(soft) => {
            let soft = soft.prop_flat_map(named).prop_map(|one| Change { max: vec![one], ..Change::default() });
            prop_oneof![3 => mixed, 2 => soft].boxed()
        }
        None => mixed.boxed(),
    }
}

fn conditions(table: &'static Table) -> BoxedStrategy<Vec<Condition>> {
    let Some(ordered) = column(table, is_ordered) else { return Just(Vec::new()).boxed() };
    let plain = ordered.prop_flat_map(|column| {
        (cmp(), of_column(column.def())).prop_map(move |(cmp, value)| Condition::new(column, cmp, value))
    });
    let one = match column(table, |c| c.def().kind == Kind::Int) {
        Some(numbers) => {
            let sum = (prop::collection::vec(numbers, 1..3), -2i64..3).prop_map(|(columns, n)| Sum::of(columns, n));
            let sums = (sum.clone(), cmp(), sum).prop_map(|(a, cmp, b)| Condition::new(a, cmp, b));
            prop_oneof![2 => plain, 1 => sums].boxed()
        }
        None => plain.boxed(),
    };
    let maybe_not = (one, any::<bool>()).prop_map(|(one, not)| if not { one.negate() } else { one });
    prop_oneof![3 => Just(Vec::new()), 2 => prop::collection::vec(maybe_not, 1..3)].boxed()
}
