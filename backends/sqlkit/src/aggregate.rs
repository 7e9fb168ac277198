//! Aggregates as SELECT … GROUP BY statements.

use mintaka_core::{Aggregate, Col, Direction, Group, Kind, Measure};

use crate::Dialect;
use crate::filter::{self, is_all};
use crate::path::required;
use crate::select::{Select, count, spelled};
use crate::text::{Alias, Builder, list, quoted};

/// The statement of an aggregate: the groups' values, then the measures'.
pub fn aggregate(dialect: &dyn Dialect, aggregate: &Aggregate) -> Select {
    let mut b = Builder::new(dialect);
    let row = b.alias();
    let groups = aggregate.by.iter().map(|g| group(dialect, g, row));
    let measures = aggregate.measures.iter().map(|m| measure(dialect, m, row));
    let (output, kinds): (Vec<String>, Vec<Kind>) = groups.chain(measures).unzip();

    // One group, of which nothing is asked: a statement must have an output all the same.
    let output = if output.is_empty() { "count(*)".to_string() } else { list(output) };
    b.push(&format!("SELECT {output} FROM {} AS {row}", quoted(aggregate.table.name)));
    if !is_all(&aggregate.filter) {
        b.push(" WHERE ");
        filter::conditions(&mut b, &required(&aggregate.filter), row, &[]);
    }
    let positions = 1..=aggregate.by.len();
    if !aggregate.by.is_empty() {
        b.push(" GROUP BY ").push(&list(positions.clone().map(|n| n.to_string())));
        let asked = aggregate.order.iter().map(|&(i, direction)| (i + 1, direction));
        let order: Vec<_> = asked.chain(positions.map(|n| (n, Direction::Asc))).collect();
        b.push(" ORDER BY ").push(&list(order.into_iter().map(|(n, d)| format!("{n}{}", spelled(d)))));
    }
    b.push(" LIMIT ").push_param(count(aggregate.limit));
    Select { text: b.text, params: b.params, kinds }
}

/// The statement that reads, of each row that an aggregate is of, the columns of its groups and then those of its measures;
/// a count has none.
pub fn inputs(dialect: &dyn Dialect, aggregate: &Aggregate) -> Select {
    let mut b = Builder::new(dialect);
    let row = b.alias();
    let grouped = aggregate.by.iter().map(|group| match group {
        Group::Column(column) | Group::Bucket { column, .. } => *column,
    });
    let measured = aggregate.measures.iter().filter_map(|measure| match measure {
        Measure::Count => None,
        Measure::CountDistinct(c) | Measure::Sum(c) | Measure::SumSince(c, _) | Measure::Min(c) | Measure::Max(c) => {
            Some(*c)
        }
    });
    let columns: Vec<Col> = grouped.chain(measured).collect();
    let output = list(columns.iter().map(|column| row.column(*column)));
    b.push(&format!("SELECT {output} FROM {} AS {row}", quoted(aggregate.table.name)));
    if !is_all(&aggregate.filter) {
        b.push(" WHERE ");
        filter::conditions(&mut b, &required(&aggregate.filter), row, &[]);
    }
    Select { text: b.text, params: b.params, kinds: columns.iter().map(|column| column.def().kind).collect() }
}

fn group(dialect: &dyn Dialect, group: &Group, row: Alias) -> (String, Kind) {
    match group {
        Group::Column(column) => (row.column(*column), column.def().kind),
        Group::Bucket { column, origin, width } => (dialect.bucket(&row.column(*column), *origin, *width), Kind::Int),
    }
}

fn measure(dialect: &dyn Dialect, measure: &Measure, row: Alias) -> (String, Kind) {
    match measure {
        Measure::Count => ("count(*)".into(), Kind::Int),
        Measure::CountDistinct(c) => (format!("count(DISTINCT {})", row.column(*c)), Kind::Int),
        Measure::Sum(c) => (format!("sum({})", row.column(*c)), c.def().kind),
        Measure::SumSince(c, origin) => {
            (format!("sum({})", dialect.micros_since(&row.column(*c), *origin)), Kind::Float)
        }
        Measure::Min(c) => (format!("min({})", row.column(*c)), c.def().kind),
        Measure::Max(c) => (format!("max({})", row.column(*c)), c.def().kind),
    }
}
