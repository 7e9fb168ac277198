//! In which order changed rows can be written one by one, although unique keys pass from one to another.

use std::collections::BTreeMap;

use super::Write;
use crate::value::Ordered;
use crate::{Kind, Row, Table, Value};

/// A row that was there and has changed.
pub(super) struct Rewrite {
    pub table: &'static Table,
    pub old: Row,
    pub row: Row,
}

impl Rewrite {
    /// The unique keys that it gives up and that it takes, where they differ.
    fn keys(&self) -> (Option<Vec<Value>>, Option<Vec<Value>>) {
        let (old, new) = (self.table.unique_of(&self.old.values), self.table.unique_of(&self.row.values));
        if old == new { (None, None) } else { (old, new) }
    }

    fn write(self) -> Write {
        let changed = |&(i, value): &(usize, &Value)| *value != self.old.values[i];
        let columns = self.row.values.iter().enumerate().filter(changed).map(|(i, v)| (i, v.clone())).collect();
        Write::Update {
            table: self.table,
            key: self.table.key_of(&self.row.values),
            version: self.row.version,
            columns,
            row: self.row,
            old: self.old,
        }
    }

    /// Gives the row another unique key for the time being: the update that does so, and what is then left to write.
    /// `None` if the key has no column that could hold another value.
    fn parked(&self) -> Option<(Rewrite, Rewrite)> {
        let unique = self.table.unique?;
        let nullable = unique.iter().find(|&&i| self.table.columns[i].nullable).map(|&i| (i, Value::Null));
        let text = || {
            let &ordinal = unique.iter().find(|&&i| self.table.columns[i].kind == Kind::Text)?;
            // No client sends this text, and no two rows have the same primary key.
            Some((ordinal, Value::text(format!("\u{1}{:?}", self.table.key_of(&self.old.values)))))
        };
        let (ordinal, value) = nullable.or_else(text)?;
        let mut meanwhile = self.old.clone();
        meanwhile.values[ordinal] = value;
        let park = Rewrite { table: self.table, old: self.old.clone(), row: meanwhile.clone() };
        Some((park, Rewrite { table: self.table, old: meanwhile, row: self.row.clone() }))
    }
}

/// The updates that make these changes. Each key is given up before it is taken.
pub(super) fn applicable(mut changes: Vec<Rewrite>) -> Vec<Write> {
    type Holder = (&'static str, Vec<Ordered>);
    let holder =
        |table: &'static Table, key: Vec<Value>| -> Holder { (table.name, key.into_iter().map(Ordered).collect()) };
    let mut gives_up: BTreeMap<Holder, usize> = BTreeMap::new();
    for (n, change) in changes.iter().enumerate() {
        if let (Some(old), _) = change.keys() {
            gives_up.insert(holder(change.table, old), n);
        }
    }
    // Each change waits for one other at most: that of the row which holds the key that it takes.
    let waits_for: Vec<Option<usize>> = changes
        .iter()
        .enumerate()
        .map(|(n, change)| {
            let (_, new) = change.keys();
            gives_up.get(&holder(change.table, new?)).copied().filter(|&other| other != n)
        })
        .collect();

    let mut parks = Vec::new();
    let mut order = Vec::with_capacity(changes.len());
    let mut placed = vec![false; changes.len()];
    for first in 0..changes.len() {
        let mut chain = Vec::new();
        let mut next = Some(first);
        while let Some(n) = next.filter(|&n| !placed[n]) {
            placed[n] = true;
            chain.push(n);
            next = waits_for[n];
        }
        // The chain ends where nothing is waited for, at a change that is placed already, or where it began: a circle.
        if let Some(begin) = next.filter(|n| chain.contains(n))
            && let Some((park, rest)) = changes[begin].parked()
        {
            parks.push(park);
            changes[begin] = rest;
        }
        order.extend(chain.into_iter().rev());
    }
    let mut changes: Vec<Option<Rewrite>> = changes.into_iter().map(Some).collect();
    let in_order = order.into_iter().filter_map(|n| changes[n].take());
    parks.into_iter().chain(in_order).map(Rewrite::write).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::TABLES;

    #[test]
    fn every_unique_key_has_a_column_that_can_hold_another_value() {
        for table in TABLES {
            let values: Vec<Value> = table.columns.iter().map(|_| Value::Null).collect();
            let row = Row { version: 1, values };
            let change = Rewrite { table, old: row.clone(), row };
            assert!(table.unique.is_none() || change.parked().is_some(), "{}", table.name);
        }
    }
}
