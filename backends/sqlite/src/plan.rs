//! How the rows of a query are reached: by the order of the query, or by a part of its filter that leaves few rows.
//!
//! SQLite keeps no statistics here: it guesses, and takes the index of a frequent state or tag where the first rows in
//! order would have done. So each part of a filter that an index could answer is counted first, up to a bound.

use std::borrow::Cow;

use mintaka_core::{Cmp, Col, Direction, Filter, Kind, Query, Table};
use mintaka_sqlkit::ddl::{holds_every_row, with_key};
use mintaka_sqlkit::{Path, Plan, Select, Sqlite, column_of, count_part, equal_to, key_of_parent, required};

/// Chooses the plan of a query. `few` is the number of rows below which a part of the filter narrows; `counted` runs a
/// statement that counts.
///
/// A part that leaves few rows is listed, and its rows are asked for all other parts. If there is none, and an index
/// gives the order, that is followed.
///
/// # Errors
/// Those of `counted`.
pub fn plan<E>(query: &Query, few: u64, mut counted: impl FnMut(&Select) -> Result<u64, E>) -> Result<Plan, E> {
    let parts = required(&query.filter);
    let order = Order::of(query, &parts);
    if order == Order::Sorted {
        return Ok(Plan::default());
    }
    let mut narrow = parts.iter().position(|part| is_key(query.table, part));
    let mut walks = narrow.is_some();
    for (i, part) in parts.iter().enumerate() {
        if narrow.is_some() || column_of(part).is_some_and(|column| order.uses(query, column)) {
            continue;
        }
        if let Some(counting) = count_part(&Sqlite, query.table, part, few) {
            walks = true;
            narrow = (counted(&counting)? < few).then_some(i);
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

/// Whether a condition names rows by their primary key.
fn is_key(table: &Table, part: &Filter) -> bool {
    let names = matches!(part, Filter::Compare(_, Cmp::Eq, _) | Filter::In(..));
    names && column_of(part).is_some_and(|column| table.key == [column.ordinal])
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use mintaka_core::records::{FlowRun, StateType, deployment, flow, flow_run};
    use mintaka_core::{Record, Time};
    use mintaka_sqlkit::Path::{Narrow, Walk};
    use mintaka_sqlkit::select;
    use uuid::Uuid;

    use super::*;

    /// A part of a filter, and the number of rows that meet it.
    fn state(rows: u64) -> (Filter, u64) {
        (Filter::any(flow_run::state_type, [StateType::Completed, StateType::Failed]), rows)
    }
    fn tag(rows: u64) -> (Filter, u64) {
        (Filter::TagsAll(flow_run::tags, vec!["a".into()]), rows)
    }
    fn of_flow_named(rows: u64) -> (Filter, u64) {
        (Filter::has(flow_run::flow_id, flow::id, Filter::eq(flow::name, "f")), rows)
    }
    fn flow_by_id() -> (Filter, u64) {
        (Filter::has(flow_run::flow_id, flow::id, Filter::eq(flow::id, Uuid::from_u128(1))), u64::MAX)
    }
    fn deployment_by_id(rows: u64) -> (Filter, u64) {
        (Filter::has(flow_run::deployment_id, deployment::id, Filter::eq(deployment::id, Uuid::from_u128(1))), rows)
    }
    fn named() -> (Filter, u64) {
        (Filter::eq(flow_run::flow_version, "n"), u64::MAX)
    }
    fn of_flow() -> (Filter, u64) {
        (Filter::eq(flow_run::flow_id, Uuid::from_u128(1)), u64::MAX)
    }
    fn one() -> (Filter, u64) {
        (Filter::any(flow_run::id, [Uuid::from_u128(1)]), u64::MAX)
    }
    fn since() -> (Filter, u64) {
        (Filter::cmp(flow_run::sort_time, Cmp::Ge, Time::from_micros(1)), u64::MAX)
    }

    #[test]
    fn the_first_part_that_leaves_few_rows_leads_and_else_the_order_of_the_query() {
        let newest = |query: Query| query.order(flow_run::sort_time, Direction::Desc);
        let by_version = |query: Query| query.order(flow_run::flow_version, Direction::Asc);
        let mixed =
            |query: Query| query.order(flow_run::sort_time, Direction::Asc).order(flow_run::created, Direction::Desc);
        type Case<'a> = (&'a str, &'a dyn Fn(Query) -> Query, Vec<(Filter, u64)>, Vec<Path>, usize);
        let cases: [Case<'_>; 16] = [
            ("nothing is asked", &newest, vec![], vec![], 0),
            ("a frequent state", &newest, vec![state(5000)], vec![Walk], 1),
            ("a rare state", &newest, vec![state(5)], vec![Narrow], 1),
            ("a frequent state and tag", &newest, vec![state(5000), tag(9000)], vec![Walk, Walk], 2),
            ("a rare tag", &newest, vec![state(5000), tag(3)], vec![Walk, Narrow], 2),
            ("a rare state leads, the tag is not counted", &newest, vec![state(3), tag(3)], vec![Narrow, Walk], 1),
            ("a parent of few", &newest, vec![of_flow_named(3), tag(3)], vec![Narrow, Walk], 1),
            (
                "a parent by its key is a value of the row",
                &newest,
                vec![flow_by_id(), state(5000)],
                vec![Narrow, Walk, Narrow],
                0,
            ),
            ("and one that no order is within", &newest, vec![deployment_by_id(7)], vec![Narrow, Walk], 1),
            ("no index knows the column", &newest, vec![named()], vec![Narrow], 0),
            (
                "a key leads, and nothing is counted",
                &newest,
                vec![state(5000), one(), tag(5)],
                vec![Walk, Narrow, Walk],
                0,
            ),
            (
                "an index gives the order within the flow",
                &newest,
                vec![state(5000), of_flow()],
                vec![Narrow, Narrow],
                0,
            ),
            ("a range of the order", &newest, vec![since(), state(5000)], vec![Narrow, Walk], 1),
            ("no index gives the order", &by_version, vec![state(5000), tag(9000)], vec![], 0),
            ("nor one in mixed directions", &mixed, vec![state(5000)], vec![], 0),
            ("the key is an order", &|query| query, vec![state(5000)], vec![Walk], 1),
        ];
        for (name, order, parts, expected, questions) in cases {
            let (filters, mut rows): (Vec<Filter>, Vec<u64>) = parts.into_iter().unzip();
            rows.retain(|&n| n != u64::MAX);
            let query = order(Query::of(FlowRun::TABLE)).filter(Filter::And(filters));
            let mut asked = 0;
            let found = plan(&query, 2000, |_| {
                asked += 1;
                Ok::<u64, Infallible>(rows[asked - 1])
            });
            let found = found.map(|plan| plan.paths);
            assert_eq!((found, asked), (Ok(expected), questions), "{name}");
        }
    }

    #[test]
    fn a_column_that_each_row_is_asked_for_is_hidden_from_the_engines_indexes() {
        let query = Query::of(FlowRun::TABLE).filter(state(0).0);
        let walk = Plan { paths: vec![Walk], sorts: false };
        assert!(select(&Sqlite, &query, &walk).text.contains(r#"WHERE +t0."state_type" IN"#));
        assert!(select(&Sqlite, &query, &Plan::default()).text.contains(r#"WHERE t0."state_type" IN"#));
    }
}
