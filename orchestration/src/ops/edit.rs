//! Changes a row as it was read, and reads again when somebody else was faster.

use mintaka_core::{Batch, Change, Error, Key, Outcome, Record, Store, Versioned};

use super::events::NewEvent;

/// How often a change is tried before the row counts as too busy.
const ATTEMPTS: usize = 50;

/// Applies `decide` to the row as it is and commits its change, guarded by the row's version.
///
/// `decide` may be called several times. An empty change commits nothing.
///
/// # Errors
/// What `decide` or the store answers; [`Error::Unavailable`] when the row stays too busy.
pub async fn edit<R, E>(
    store: &Store,
    key: Key,
    mut decide: impl FnMut(&Versioned<R>) -> Result<Change, E>,
) -> Result<Edited<R>, E>
where
    R: Record,
    E: From<Error>,
{
    edit_telling(store, key, |seen| Ok((decide(seen)?, Vec::new()))).await
}

/// Like [`edit`]; the events that `decide` answers too are recorded with the change.
///
/// # Errors
/// See [`edit`].
pub async fn edit_telling<R, E>(
    store: &Store,
    key: Key,
    mut decide: impl FnMut(&Versioned<R>) -> Result<(Change, Vec<NewEvent>), E>,
) -> Result<Edited<R>, E>
where
    R: Record,
    E: From<Error>,
{
    for _ in 0..ATTEMPTS {
        let Some(seen) = store.find::<R>(key.clone()).await? else { return Ok(Edited::Missing) };
        let (change, events) = decide(&seen)?;
        if change.is_empty() {
            return Ok(Edited::Done(seen));
        }
        let own = Key::Primary(seen.record.key());
        let batch = Batch::new().version(&seen).update::<R>(own, change);
        let batch = events.iter().fold(batch, |batch, event| event.add_to(batch, event.occurred));
        match store.commit(batch).await? {
            Outcome::Conflict(conflict) if matches!(conflict.part, mintaka_core::Part::Op(_)) => {
                return Ok(Edited::Collides);
            }
            Outcome::Conflict(_) => {}
            _ => return Ok(Edited::Done(seen)),
        }
    }
    Err(Error::Unavailable("the row is being changed too often".into()).into())
}

/// What became of an edit.
#[derive(Debug)]
pub enum Edited<R> {
    /// Done; the row as it was before.
    Done(Versioned<R>),
    /// There is no such row.
    Missing,
    /// The new unique key belongs to another row.
    Collides,
}
