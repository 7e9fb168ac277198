//! Text searches: the rows are found in an index of the text, which is narrower than the table, before anything else is
//! asked of them.

use mintaka_core::{Aggregate, Col, Error, Filter, Group, Query, Value};
use mintaka_sqlkit::{Sqlite, begins_an_index, inputs, required};

use crate::session::Session;

impl Session {
    /// The same query with the keys of the rows that its text search finds, if those are few; else there is no better way
    /// than the order of the query, in which one of many is found soon.
    pub fn searched(&self, query: &Query) -> Result<Option<Query>, Error> {
        let &[key] = query.table.key else { return Ok(None) };
        let key = Col { table: query.table, ordinal: key };
        let parts = required(&query.filter);
        let names_rows =
            |part: &Filter| matches!(part, Filter::Compare(column, ..) | Filter::In(column, _) if *column == key);
        let Some(place) = parts.iter().position(|part| is_search(part)) else { return Ok(None) };
        if parts.iter().any(|part| names_rows(part)) {
            return Ok(None);
        }
        let found = Aggregate {
            by: vec![Group::Column(key)],
            measures: Vec::new(),
            ..Aggregate::count(query.table, parts[place].as_ref().clone())
        };
        let mut find = inputs(&Sqlite, &found);
        find.text.push_str(" LIMIT ?");
        find.params.push(Value::Int(i64::try_from(self.narrow_below).unwrap_or(i64::MAX)));
        let keys: Vec<Value> = self.values(&find)?.into_iter().flatten().collect();
        if keys.len() as u64 >= self.narrow_below {
            return Ok(None);
        }
        let mut filters: Vec<Filter> = parts.into_iter().map(std::borrow::Cow::into_owned).collect();
        filters[place] = Filter::In(key, keys);
        Ok(Some(Query { filter: Filter::And(filters), ..query.clone() }))
    }
}

/// Whether a condition looks for a text in one column that begins an index.
fn is_search(part: &Filter) -> bool {
    match part {
        Filter::Like(columns, _) | Filter::Contains(columns, _) => {
            columns.len() == 1 && columns.iter().all(|column| begins_an_index(*column))
        }
        _ => false,
    }
}
