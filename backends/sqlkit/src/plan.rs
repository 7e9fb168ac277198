//! How the rows of a query are reached: by the order of the query, or by a part of its filter that leaves few rows.
//!
//! Engines that keep no statistics guess, and take the index of a frequent state or tag where the first rows in order
//! would have done. So each part of a filter that an index could answer is counted first, up to a bound.

use std::borrow::Cow;

use mintaka_core::{Cmp, Col, Direction, Filter, Kind, Query, Table, Value};

use crate::ddl::{holds_every_row, with_key};
use crate::filter;
use crate::path::{Path, begins_an_index, is_narrow, key_of_parent, required};
use crate::select::{Select, count};
use crate::text::{Builder, quoted};
use crate::{Dialect, TagTable};

/// How a query is answered. The default asks nothing of the engine: right if everything is read anyway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The path of each part of the filter that every row must meet, in their order; the missing are [`Path::Narrow`].
    pub paths: Vec<Path>,
    /// Whether few rows are found first and then sorted, so that no index is to be followed for the order.
    pub sorts: bool,
}

/// Chooses the plan of a query. `few` is the number of rows below which a part of the filter narrows; `counted` runs a
/// statement that counts.
///
/// A part that leaves few rows is listed, and its rows are asked for all other parts. If there is none, and an index
/// gives the order, that is followed.
///
/// # Errors
/// Those of `counted`.
pub fn plan<E>(
    dialect: &dyn Dialect,
    query: &Query,
    few: u64,
    mut counted: impl FnMut(&Select) -> Result<u64, E>,
) -> Result<Plan, E> {
    let parts = required(&query.filter);
    let order = Order::of(query, &parts);
    if order == Order::Sorted {
        return Ok(Plan::default());
    }
    let mut narrow = parts.iter().position(|part| is_key(query.table, part));
    let mut walks = narrow.is_some();
    for (i, part) in parts.iter().enumerate() {
        let probe = if narrow.is_none() { probe(dialect, query, order, part, few) } else { None };
        if let Some(probe) = probe {
            walks = true;
            narrow = (counted(&probe)? < few).then_some(i);
        }
    }
    let path = |(i, part): (usize, &Cow<'_, Filter>)| {
        let is_used = match narrow {
            Some(narrow) => i == narrow,
            None => column_of(part).is_some_and(|column| order.uses(query, column)),
        };
        // The parents of rows that are found by their names are there: to list them first would be another way.
        let is_asked = if walks { !is_used } else { key_of_parent(part).is_some() };
        if is_asked { Path::Walk } else { Path::Narrow }
    };
    Ok(Plan { paths: parts.iter().enumerate().map(path).collect(), sorts: narrow.is_some() })
}

/// What gives the order of a query.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// An index of all rows.
    OfAllRows,
    /// An index within the rows that have the values asked for in its first columns.
    OfEqualRows,
    /// No index: all rows that are met are read and sorted.
    Sorted,
}

impl Order {
    fn of(query: &Query, parts: &[Cow<'_, Filter>]) -> Order {
        let table = query.table;
        let order = query.full_order();
        if order.windows(2).any(|pair| pair[0].1 != pair[1].1) {
            return Order::Sorted;
        }
        let order: Vec<usize> = order.iter().map(|&(column, _): &(Col, Direction)| column.ordinal).collect();
        let is_fixed = |ordinal: usize| {
            query.each.as_ref().is_some_and(|each| each.column.ordinal == ordinal)
                || parts.iter().any(|part| equal_to(part).is_some_and(|column| column.ordinal == ordinal))
        };
        let indexes = || {
            let secondary = table.indexes.iter().filter(|i| !is_tags(table, i.columns));
            secondary.map(|i| with_key(table, i.columns)).chain(table.unique.map(<[usize]>::to_vec))
        };
        let within = |columns: Vec<usize>| {
            (1..columns.len()).any(|n| columns[..n].iter().all(|&c| is_fixed(c)) && columns[n..].starts_with(&order))
        };
        if indexes().any(within) {
            Order::OfEqualRows
        } else if table.key.starts_with(&order)
            || indexes().any(|columns| holds_every_row(table, &columns) && columns.starts_with(&order))
        {
            Order::OfAllRows
        } else {
            Order::Sorted
        }
    }

    /// Whether a condition on the column may be what finds the start in the index that gives the order.
    fn uses(self, query: &Query, column: Col) -> bool {
        self == Order::OfEqualRows || query.full_order().first().is_some_and(|&(first, _)| first == column)
    }
}

fn is_tags(table: &Table, columns: &[usize]) -> bool {
    columns.first().is_some_and(|&first| table.columns[first].kind == Kind::Tags)
}

/// The column of which a condition asks one value.
fn equal_to(part: &Filter) -> Option<Col> {
    match part {
        Filter::Compare(column, Cmp::Eq, _) => Some(*column),
        Filter::In(column, values) if values.len() == 1 => Some(*column),
        _ => None,
    }
}

/// The column that a condition compares with values.
fn column_of(part: &Filter) -> Option<Col> {
    match part {
        Filter::Compare(column, ..) | Filter::In(column, _) => Some(*column),
        _ => None,
    }
}

/// Whether a condition names rows by their primary key.
fn is_key(table: &Table, part: &Filter) -> bool {
    let names = matches!(part, Filter::Compare(_, Cmp::Eq, _) | Filter::In(..));
    names && column_of(part).is_some_and(|column| table.key == [column.ordinal])
}

/// A statement that counts, up to `limit`, the rows that one part of the filter leaves when it is narrowed first.
fn probe(dialect: &dyn Dialect, query: &Query, order: Order, part: &Filter, limit: u64) -> Option<Select> {
    let mut b = Builder::new(dialect);
    b.push("SELECT count(*) FROM (SELECT 1 FROM ");
    match part {
        Filter::Has { from, to, filter } if is_narrow(*from, *to) && key_of_parent(part).is_none() => {
            let row = b.alias();
            b.push(&format!("{} AS {row} WHERE ", quoted(query.table.name)));
            filter::parents(&mut b, *from, *to, filter, row, Some(limit));
        }
        Filter::TagsAny(column, tags) | Filter::TagsAll(column, tags) => {
            // Of several tags that all must be there, the first is a bound.
            let all = matches!(part, Filter::TagsAll(..));
            let tags = if all { tags.get(..1)? } else { tags };
            let side = TagTable::on(dialect, *column)?;
            b.push(&format!("{} WHERE {} IN ", quoted(&side.name), quoted("tag")));
            filter::value_list(&mut b, Kind::Text, tags.iter().map(Value::text).collect());
        }
        _ => {
            column_of(part).filter(|c| begins_an_index(*c) && !order.uses(query, *c))?;
            let row = b.alias();
            b.push(&format!("{} AS {row} WHERE ", quoted(query.table.name)));
            filter::conditions(&mut b, &[Cow::Borrowed(part)], row, &[]);
        }
    }
    b.push(" LIMIT ").push_param(count(limit)).push(") AS probe");
    Some(Select { text: b.text, params: b.params, kinds: vec![Kind::Int] })
}
