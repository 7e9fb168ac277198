//! Emptying the store, whatever is in it.

use crate::operations::Operations;
use mintaka_core::{Batch, Col, Error, Key, Op, Query, Table, records::TABLES};

/// Rows of one batch.
const PAGE: u64 = 500;

/// Deletes every row of every table. The tables stay.
///
/// # Errors
/// What the store answers; some rows may be gone then, and the call may be repeated.
pub async fn clear(ops: &Operations) -> Result<(), Error> {
    for &table in TABLES {
        clear_table(ops, table).await?;
    }
    Ok(())
}

async fn clear_table(ops: &Operations, table: &'static Table) -> Result<(), Error> {
    loop {
        let key = table.key.iter().map(|&ordinal| Col { table, ordinal }).collect();
        let query = Query { columns: Some(key), ..Query::of(table).limit(PAGE) };
        let rows = ops.rows(query).await?;
        let last = (rows.len() as u64) < PAGE;
        let deletes = rows.into_iter().map(|row| Op::Delete { table, key: Key::Primary(row.values) });
        ops.commit(Batch { ops: deletes.collect(), ..Batch::new() }).await?;
        if last {
            return Ok(());
        }
    }
}
