//! Deletes all rows that a filter meets, in batches: children after their parent is gone.

use crate::operations::Operations;
use mintaka_core::{Batch, Error, Filter, Key, Op, Query, Record, Versioned};

/// Rows of one batch.
pub(super) const PAGE: u64 = 200;

/// Deletes every `R` that the filter meets, and answers how many there were. Safe to repeat after a crash.
///
/// # Errors
/// What the store answers.
pub async fn sweep<R: Record>(ops: &Operations, filter: Filter) -> Result<u64, Error> {
    let mut deleted = 0;
    loop {
        let gone = delete_page::<R>(ops, filter.clone()).await?.len() as u64;
        deleted += gone;
        if gone < PAGE {
            return Ok(deleted);
        }
    }
}

/// Deletes the first rows that the filter meets, and answers them; none if it meets none.
pub(super) async fn delete_page<R: Record>(ops: &Operations, filter: Filter) -> Result<Vec<Versioned<R>>, Error> {
    let table = R::TABLE;
    let rows = ops.select::<R>(Query::of(table).filter(filter).limit(PAGE)).await?;
    if !rows.is_empty() {
        let mut batch = Batch::new();
        batch.ops = rows.iter().map(|row| Op::Delete { table, key: Key::Primary(row.record.key()) }).collect();
        ops.commit(batch).await?;
    }
    Ok(rows)
}
