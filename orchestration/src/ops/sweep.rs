//! Deletes all rows that a filter meets, in batches: children after their parent is gone.

use mintaka_core::{Batch, Error, Filter, Key, Op, Query, Record, Store};

/// Rows of one batch.
const PAGE: u64 = 200;

/// Deletes every `R` that the filter meets, and answers how many there were. Safe to repeat after a crash.
///
/// # Errors
/// What the store answers.
pub async fn sweep<R: Record>(store: &Store, filter: Filter) -> Result<u64, Error> {
    let table = R::TABLE;
    let mut deleted = 0;
    loop {
        let query = Query::of(table).filter(filter.clone()).limit(PAGE);
        let rows = store.select::<R>(query).await?;
        if rows.is_empty() {
            return Ok(deleted);
        }
        deleted += rows.len() as u64;
        let last = (rows.len() as u64) < PAGE;
        let mut batch = Batch::new();
        batch.ops = rows.iter().map(|row| Op::Delete { table, key: Key::Primary(row.record.key()) }).collect();
        store.commit(batch).await?;
        if last {
            return Ok(deleted);
        }
    }
}
