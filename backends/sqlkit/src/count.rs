//! How many rows one part of a filter leaves, for engines that keep no statistics to choose by.

use std::borrow::Cow;

use mintaka_core::{Cmp, Col, Filter, Kind, Table, Value};

use crate::path::{begins_an_index, is_narrow, key_of_parent};
use crate::select::{Select, count};
use crate::text::{Builder, quoted};
use crate::{Dialect, TagTable, filter};

/// A statement that counts, up to `limit`, the rows that one part of a filter leaves when an index finds them. `None` if
/// no index does.
pub fn count_part(dialect: &dyn Dialect, table: &'static Table, part: &Filter, limit: u64) -> Option<Select> {
    let mut b = Builder::new(dialect);
    b.push("SELECT count(*) FROM (SELECT 1 FROM ");
    match part {
        Filter::Has { from, to, filter } if is_narrow(*from, *to) && key_of_parent(part).is_none() => {
            let row = b.alias();
            b.push(&format!("{} AS {row} WHERE ", quoted(table.name)));
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
            column_of(part).filter(|column| begins_an_index(*column))?;
            let row = b.alias();
            b.push(&format!("{} AS {row} WHERE ", quoted(table.name)));
            filter::conditions(&mut b, &[Cow::Borrowed(part)], row, &[]);
        }
    }
    b.push(" LIMIT ").push_param(count(limit)).push(") AS counted");
    Some(Select { text: b.text, params: b.params, kinds: vec![Kind::Int] })
}

/// The column that a condition compares with values.
pub fn column_of(part: &Filter) -> Option<Col> {
    match part {
        Filter::Compare(column, ..) | Filter::In(column, _) => Some(*column),
        _ => None,
    }
}

/// The column of which a condition asks one value.
pub fn equal_to(part: &Filter) -> Option<Col> {
    match part {
        Filter::Compare(column, Cmp::Eq, _) => Some(*column),
        Filter::In(column, values) if values.len() == 1 => Some(*column),
        _ => None,
    }
}
