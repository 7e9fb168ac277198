//! Changes a row as it was read, and reads again when somebody else was faster.

use mintaka_core::{Batch, Change, Col, Error, Filter, Key, Outcome, Query, Reader, Record, Versioned};

use super::events::NewEvent;
use super::optimistic::{Decision, Lost, optimistic};
use crate::operations::Operations;

/// Applies `decide` to the row as it is and commits its change, guarded by the row's version.
///
/// `decide` may be called several times. An empty change commits nothing.
///
/// # Errors
/// What `decide` or the store answers; [`Error::Unavailable`] when the row stays too busy.
pub(super) async fn edit<R, E>(
    ops: &Operations,
    key: Key,
    decide: impl Fn(&Versioned<R>) -> Result<Change, E> + Sync,
) -> Result<Edited<R>, E>
where
    R: Record,
    E: From<Error>,
{
    edit_telling(ops, key, |seen| Ok((decide(seen)?, Vec::new()))).await
}

/// Like [`edit`]; the events that `decide` answers too are recorded with the change.
///
/// # Errors
/// See [`edit`].
pub(super) async fn edit_telling<R, E>(
    ops: &Operations,
    key: Key,
    decide: impl Fn(&Versioned<R>) -> Result<(Change, Vec<NewEvent>), E> + Sync,
) -> Result<Edited<R>, E>
where
    R: Record,
    E: From<Error>,
{
    let (key, decide) = (&key, &decide);
    optimistic(ops, "the row", |lost: Option<Lost>| async move {
        if lost.as_ref().is_some_and(Lost::is_collision) {
            return Ok(Decision::Answer(Edited::Collides));
        }
        let current = lost.map(Lost::current::<R>).transpose()?.flatten();
        let seen = match current.filter(|seen| *key == Key::Primary(seen.record.key())) {
            Some(seen) => seen,
            None => match ops.find::<R>(key.clone()).await? {
                Some(seen) => seen,
                None => return Ok(Decision::Answer(Edited::Missing)),
            },
        };
        let (change, events) = decide(&seen)?;
        if change.is_empty() {
            return Ok(Decision::Answer(Edited::Done(seen)));
        }
        let own = Key::Primary(seen.record.key());
        let batch = Batch::new().version(&seen).update::<R>(own, change);
        let batch = events.iter().fold(batch, |batch, event| event.add_to(batch, event.occurred));
        Ok(Decision::Commit(batch, Edited::Done(seen)))
    })
    .await
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

/// The row of a key, if it is there and meets a filter.
///
/// # Errors
/// What the store answers.
pub(super) async fn row_that_meets<R: Record>(
    reader: &Reader,
    key: &Key,
    only: Option<&Filter>,
) -> Result<Option<Versioned<R>>, Error> {
    let found = reader.find::<R>(key.clone()).await?;
    let (Some(seen), Some(only)) = (&found, only) else { return Ok(found) };
    let own = R::TABLE.key.iter().zip(seen.record.key());
    let own = own.map(|(&ordinal, value)| Filter::eq(Col { table: R::TABLE, ordinal }, value));
    reader.first(Query::of(R::TABLE).filter(own.fold(only.clone(), Filter::and))).await
}

/// Deletes the row as it is, and records the events that `decide` answers; the row as it was, or `None` if there is none, or
/// none that meets `only`.
/// `decide` may be called several times.
///
/// # Errors
/// What `decide` or the store answers; [`Error::Unavailable`] when the row stays too busy.
pub(super) async fn delete_telling<R, E>(
    ops: &Operations,
    key: Key,
    only: Option<&Filter>,
    decide: impl Fn(&Versioned<R>) -> Result<Vec<NewEvent>, E> + Sync,
) -> Result<Option<Versioned<R>>, E>
where
    R: Record,
    E: From<Error>,
{
    let (key, decide) = (&key, &decide);
    optimistic(ops, "the row", |_| async move {
        let Some(seen) = row_that_meets::<R>(ops, key, only).await? else { return Ok(Decision::Answer(None)) };
        let events = decide(&seen)?;
        let batch = Batch::new().version(&seen).delete::<R>(Key::Primary(seen.record.key()));
        let batch = events.iter().fold(batch, |batch, event| event.add_to(batch, event.occurred));
        Ok(Decision::Commit(batch, Some(seen)))
    })
    .await
}

/// Deletes a row of which nothing is told; false if there was none.
pub(super) async fn delete<R: Record>(ops: &Operations, key: Key) -> Result<bool, Error> {
    match ops.commit(Batch::new().delete::<R>(key)).await? {
        Outcome::Committed { ops, .. } => Ok(ops.first().is_some_and(|done| done.applied)),
        other => Err(Error::Corrupt(format!("a deletion answered {other:?}"))),
    }
}
