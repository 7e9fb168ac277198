//! Random values: few of each kind, so that they meet again and again.

use mintaka_core::records::{deployment, event_resources, flow, flow_run, log, task_run, work_queue};
use mintaka_core::{Col, ColumnDef, Field, Kind, Table, Tags, Value};
use proptest::prelude::*;
use proptest::sample::select;

use crate::sample::{at, id};

/// The tables that histories are about: plain, wide, soft, composite, streams; related to each other.
pub(super) static TABLES: &[&Table] = &[
    &flow::TABLE,
    &flow_run::TABLE,
    &task_run::TABLE,
    &deployment::TABLE,
    &work_queue::TABLE,
    &event_resources::TABLE,
    &log::TABLE,
];

/// One of the tables.
pub(super) fn table() -> impl Strategy<Value = &'static Table> {
    select(TABLES)
}

const TEXTS: &[&str] = &["", "a", "A", "b", "ab", "a b", "a%", "_", "é", "it's"];
const JSON: &[&str] = &["{}", "[1, 2]", "null", "{\"b\": 1, \"a\": \"\\u0000\"}"];

/// A value of a kind.
pub(super) fn of_kind(kind: Kind) -> BoxedStrategy<Value> {
    match kind {
        Kind::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Kind::Int => (-2i64..4).prop_map(Value::Int).boxed(),
        // Sums of these are exact in any order.
        Kind::Float => (-3i32..6).prop_map(|n| Value::float(f64::from(n) / 2.0)).boxed(),
        Kind::Text => select(TEXTS).prop_map(Value::text).boxed(),
        Kind::Uuid => (0u128..7).prop_map(|n| Value::Uuid(id(n))).boxed(),
        Kind::Time => (-2i64..4).prop_map(|n| Value::Time(at(n).plus_micros(n % 2))).boxed(),
        Kind::Json => select(JSON).prop_map(|text| Value::Json(text.into())).boxed(),
        Kind::Tags => {
            prop::collection::vec(tag(), 0..4).prop_map(|tags| tags.into_iter().collect::<Tags>().into_value()).boxed()
        }
    }
}

/// A tag.
pub(super) fn tag() -> impl Strategy<Value = String> {
    select(&["a", "b", "A", "", "a\"b"][..]).prop_map(str::to_owned)
}

/// A text, also a pattern or a part of one.
pub(super) fn text() -> impl Strategy<Value = String> {
    select(&["", "a", "A%", "%b", "_", "a_b", "a b", "%", "é", "'", "a%"][..]).prop_map(str::to_owned)
}

/// A value that a column may hold.
pub(super) fn of_column(column: &'static ColumnDef) -> BoxedStrategy<Value> {
    if column.nullable {
        prop_oneof![2 => Just(Value::Null), 5 => of_kind(column.kind)].boxed()
    } else {
        of_kind(column.kind)
    }
}

/// All values of a row.
pub(super) fn row(table: &'static Table) -> impl Strategy<Value = Vec<Value>> {
    table.columns.iter().map(of_column).collect::<Vec<_>>()
}

/// A column of a table that meets a test; none that the store stamps, as stores stamp what they like.
pub(super) fn column(table: &'static Table, test: impl Fn(Col) -> bool) -> Option<BoxedStrategy<Col>> {
    let stamped = |ordinal| table.stream.is_some_and(|(writer, seq)| ordinal == writer || ordinal == seq);
    let columns: Vec<Col> = (0..table.columns.len())
        .filter(|&ordinal| !stamped(ordinal))
        .map(|ordinal| Col { table, ordinal })
        .filter(|&column| test(column))
        .collect();
    if columns.is_empty() { None } else { Some(select(columns).boxed()) }
}

/// Whether values of a column have an order.
pub(super) fn is_ordered(column: Col) -> bool {
    !matches!(column.def().kind, Kind::Json | Kind::Tags)
}

/// A comparison.
pub(super) fn cmp() -> impl Strategy<Value = mintaka_core::Cmp> {
    use mintaka_core::Cmp::{Eq, Ge, Gt, Le, Lt};
    select(vec![Eq, Lt, Le, Gt, Ge])
}
