//! Filters of the web UI that somebody gave a name.

use mintaka_core::records::{SavedSearch, saved_search};
use mintaka_core::{Batch, Change, Error, Json, Key, Outcome};
use uuid::Uuid;

use super::edit::delete;
use crate::error::OpError;
use crate::operations::Operations;

/// Keeps a filter under its name, in place of the one that had it; true if it is new.
///
/// # Errors
/// What the store answers; [`OpError::NotFound`] if it is deleted right after.
pub async fn save_search(ops: &Operations, name: String, filters: Json) -> Result<(SavedSearch, bool), OpError> {
    let now = ops.now();
    let replaced = Change::default().set(saved_search::filters, filters.clone()).set(saved_search::updated, now);
    let key = Key::Unique(vec![name.as_str().into()]);
    let search = SavedSearch { id: Uuid::new_v4(), created: now, updated: now, name, filters };
    let Outcome::Committed { ops: done, .. } =
        ops.commit(Batch::new().upsert(search.clone(), replaced, Vec::new())).await?
    else {
        return Err(OpError::data_integrity());
    };
    if done.first().is_some_and(|search| search.inserted) {
        return Ok((search, true));
    }
    let found = ops.find::<SavedSearch>(key).await?;
    Ok((found.ok_or_else(|| OpError::NotFound("Saved search not found".into()))?.record, false))
}

/// Deletes a filter; false if there was none.
///
/// # Errors
/// What the store answers.
pub async fn delete_search(ops: &Operations, id: Uuid) -> Result<bool, Error> {
    delete::<SavedSearch>(ops, Key::id(id)).await
}
