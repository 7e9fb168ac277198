//! Emptying the store, whatever is in it.

use mintaka_core::{Batch, Col, Error, Key, Op, Query, Store, Table, records::TABLES};

/// Rows of one batch.
const PAGE: u64 = 500;

/// Deletes every row of every table. The tables stay.
///
/// # Errors
/// What the store answers; some rows may be gone then, and the call may be repeated.
pub async fn clear(store: &Store) -> Result<(), Error> {
    for &table in TABLES {
        clear_table(store, table).await?;
    }
    Ok(())
}

async fn clear_table(store: &Store, table: &'static Table) -> Result<(), Error> {
    loop {
        let key = table.key.iter().map(|&ordinal| Col { table, ordinal }).collect();
        let query = Query { columns: Some(key), ..Query::of(table).limit(PAGE) };
        let rows = store.backend().select(query).await?;
        let last = (rows.len() as u64) < PAGE;
        let ops = rows.into_iter().map(|row| Op::Delete { table, key: Key::Primary(row.values) });
        store.commit(Batch { ops: ops.collect(), ..Batch::new() }).await?;
        if last {
            return Ok(());
        }
    }
}
