//! Queries as SELECT statements.

use mintaka_core::{Col, Direction, Kind, Query, Value};

use crate::filter::{self, is_all};
use crate::path::{Plan, required};
use crate::text::{Alias, Builder, list, quoted};
use crate::{Dialect, ROW_VERSION};

/// A SELECT that is ready to be run.
#[derive(Clone, Debug, PartialEq)]
pub struct Select {
    /// Its text.
    pub text: String,
    /// Its parameters in order. With [`Query::each`] the first is the group's value: run it once for each of them.
    pub params: Vec<Value>,
    /// What its output columns hold. That of [`select`] begins with the row's version, which is not counted here.
    pub kinds: Vec<Kind>,
}

/// The statement of a query: the row's version, then the columns.
pub fn select(dialect: &dyn Dialect, query: &Query, plan: &Plan) -> Select {
    let mut b = Builder::new(dialect);
    let row = b.alias();
    let columns: Vec<Col> = match &query.columns {
        Some(columns) => columns.clone(),
        None => (0..query.table.columns.len()).map(|ordinal| Col { table: query.table, ordinal }).collect(),
    };
    let order = query.full_order();

    let output = std::iter::once(row.named(ROW_VERSION)).chain(columns.iter().map(|c| row.column(*c)));
    b.push(&format!("SELECT {} FROM {} AS {row}", list(output), quoted(query.table.name)));
    let mut separator = " WHERE ";
    if let Some(each) = &query.each {
        b.push(separator).push(&row.column(each.column)).push(" = ").push_param(Value::Null);
        separator = " AND ";
    }
    if !is_all(&query.filter) {
        b.push(separator);
        filter::conditions(&mut b, &required(&query.filter), row, &plan.paths);
        separator = " AND ";
    }
    if let Some(position) = &query.after {
        b.push(separator);
        after(&mut b, &order, position, row);
    }
    b.push(" ORDER BY ");
    b.joined(&order, ", ", "1", |b, (column, direction)| {
        let column = row.column(*column);
        let column = if plan.sorts { b.dialect.unindexed(&column) } else { column };
        b.push(&column).push(spelled(*direction));
    });
    let limit = query.each.as_ref().map_or(query.limit, |each| each.k);
    b.push(" LIMIT ").push_param(count(limit));
    if query.offset > 0 && query.each.is_none() {
        b.push(" OFFSET ").push_param(count(query.offset));
    }
    Select { text: b.text, params: b.params, kinds: columns.iter().map(|c| c.def().kind).collect() }
}

pub(crate) fn spelled(direction: Direction) -> &'static str {
    match direction {
        Direction::Asc => " ASC",
        Direction::Desc => " DESC",
    }
}

pub(crate) fn count(n: u64) -> Value {
    Value::Int(i64::try_from(n).unwrap_or(i64::MAX))
}

/// The rows that come after a position.
///
/// Without nulls and with one direction it is a comparison of row values, which an index serves. Else the branches are
/// spelled out: equal up to the i-th column, and beyond the position there, null being the least.
fn after(b: &mut Builder<'_>, order: &[(Col, Direction)], position: &[Value], row: Alias) {
    let one_way = order.windows(2).all(|pair| pair[0].1 == pair[1].1);
    let no_nulls = order.iter().all(|(c, _)| !c.def().nullable);
    if one_way && no_nulls && !position.iter().any(Value::is_null) {
        let op = if order.first().is_some_and(|&(_, d)| d == Direction::Desc) { "<" } else { ">" };
        b.push("(").push(&list(order.iter().map(|(c, _)| row.column(*c)))).push(&format!(") {op} ("));
        b.joined(position, ", ", "NULL", |b, value| {
            b.push_param(value.clone());
        });
        b.push(")");
        return;
    }
    b.push("(");
    b.joined(0..order.len(), " OR ", "FALSE", |b, last| {
        b.push("(");
        b.joined(0..=last, " AND ", "TRUE", |b, i| {
            let (column, direction) = order[i];
            let name = row.column(column);
            match (i == last, &position[i], direction) {
                (false, Value::Null, _) => {
                    b.push(&name).push(" IS NULL");
                }
                (false, value, _) => {
                    b.push(&name).push(" = ").push_param(value.clone());
                }
                (true, Value::Null, Direction::Asc) => {
                    b.push(&name).push(" IS NOT NULL");
                }
                (true, Value::Null, Direction::Desc) => {
                    b.push("FALSE");
                }
                (true, value, Direction::Asc) => {
                    b.push(&name).push(" > ").push_param(value.clone());
                }
                (true, value, Direction::Desc) if column.def().nullable => {
                    b.push("(").push(&name).push(" < ").push_param(value.clone());
                    b.push(" OR ").push(&name).push(" IS NULL)");
                }
                (true, value, Direction::Desc) => {
                    b.push(&name).push(" < ").push_param(value.clone());
                }
            }
        });
        b.push(")");
    });
    b.push(")");
    // The first column alone, so that an index can begin at the position.
    if let (Some(&(column, direction)), Some(value)) = (order.first(), position.first())
        && !value.is_null()
        && (direction == Direction::Asc || !column.def().nullable)
    {
        let op = if direction == Direction::Asc { " >= " } else { " <= " };
        b.push(" AND ").push(&row.column(column)).push(op).push_param(value.clone());
    }
}
