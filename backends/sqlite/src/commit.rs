//! One durable transaction for a group of batches.

use std::time::{Duration, Instant};

use mintaka_core::{Batch, Error, Outcome, Stamp, judge};
use rusqlite::{ErrorCode, OptionalExtension};

use crate::apply::apply;
use crate::error::{Failure, store};
use crate::session::Session;
use crate::{WRITER, migrations};

/// How long a transaction whose COMMIT failed is looked after, and how often.
const SETTLES_WITHIN: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(50);

/// Judges the batches and applies them. If the data of one cannot be stored, each is applied by itself.
///
/// # Errors
/// Those of [`Backend::commit`](mintaka_core::Backend::commit).
pub(crate) fn commit(session: &mut Session, batches: &[Batch]) -> Result<Vec<Outcome>, Error> {
    let grouped = transaction(session, |session, stamp| judge_and_apply(session, batches, stamp));
    match grouped {
        Err(Failure::Data(why)) => {
            tracing::warn!(batches = batches.len(), %why, "a group holds data that cannot be stored");
            transaction(session, |session, stamp| {
                batches.iter().map(|batch| alone(session, batch, stamp)).collect::<Result<Vec<_>, _>>()
            })
            .map_err(Error::from)
        }
        other => other.map_err(Error::from),
    }
}

fn transaction(
    session: &mut Session,
    work: impl FnOnce(&mut Session, &mut Stamp) -> Result<Vec<Outcome>, Failure>,
) -> Result<Vec<Outcome>, Failure> {
    session.begin("BEGIN IMMEDIATE")?;
    let mut before = 0;
    let worked = stamp(session).and_then(|mut stamp| {
        before = stamp.seq;
        let outcomes = work(session, &mut stamp)?;
        if stamp.seq != before {
            let text = "UPDATE writer SET seq = ? WHERE id = ?";
            session.connection.prepare_cached(text)?.execute((stamp.seq, stamp.writer))?;
        }
        Ok(outcomes)
    });
    match worked {
        Ok(outcomes) => match session.run("COMMIT") {
            Ok(()) => Ok(outcomes),
            Err(error) => Err(Failure::Store(of_failed_commit(session, error, before))),
        },
        Err(failure) => {
            // No COMMIT was tried, so nothing of it is ever done; a connection that cannot roll back is given up.
            session.unusable |= session.roll_back().is_err();
            Err(failure)
        }
    }
}

/// What it means that a COMMIT failed.
///
/// After most errors (a full disk, say) SQLite has not written the mark that makes a transaction whole. When the disk
/// fails, it may be in the log, and a later recovery would find it: then another transaction is committed in its place,
/// and with that it is surely not done.
fn of_failed_commit(session: &mut Session, error: rusqlite::Error, before: i64) -> Error {
    let on_disk = error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure);
    let error = store(error);
    if !on_disk && session.roll_back().is_ok() {
        return error;
    }
    let until = Instant::now() + SETTLES_WITHIN;
    loop {
        match replaced(session, before) {
            Ok(true) => return Error::Unavailable(error.to_string()),
            Err(_) if Instant::now() < until => std::thread::sleep(PAUSE),
            Ok(false) | Err(_) => {
                session.unusable = true;
                return Error::Indeterminate(error.to_string());
            }
        }
    }
}

/// Commits a transaction in the place of one that failed; false if the stream has gone on since.
fn replaced(session: &Session, before: i64) -> rusqlite::Result<bool> {
    session.begin("BEGIN IMMEDIATE")?;
    let select = "SELECT seq FROM writer WHERE id = ?";
    let seq: i64 = session.connection.prepare_cached(select)?.query_row([WRITER], |row| row.get(0))?;
    session.connection.prepare_cached("UPDATE writer SET seq = seq WHERE id = ?")?.execute([WRITER])?;
    session.run("COMMIT")?;
    Ok(seq == before)
}

/// The writer's position. A newer binary may have migrated the store since it was opened: then this one must not write.
fn stamp(session: &Session) -> Result<Stamp, Failure> {
    let text = "SELECT seq, (SELECT max(version) FROM schema) FROM writer WHERE id = ? AND NOT closed";
    let mut statement = session.connection.prepare_cached(text)?;
    let row: Option<(i64, Option<i64>)> =
        statement.query_row([WRITER], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    match row {
        Some((seq, Some(version))) if version == migrations::current() => Ok(Stamp { writer: WRITER, seq }),
        Some((_, Some(version))) => Err(Failure::Store(Error::Refused(format!(
            "the store was migrated to schema version {version} while it is open, and this binary writes version {}; \
             stop this process and start the newer Mintaka",
            migrations::current()
        )))),
        _ => Err(Failure::Store(Error::Corrupt("the row of the stream writer, or of the schema, is missing".into()))),
    }
}

fn judge_and_apply(session: &mut Session, batches: &[Batch], stamp: &mut Stamp) -> Result<Vec<Outcome>, Failure> {
    let (outcomes, writes) = judge(batches, session, stamp)?;
    apply(session, &writes)?;
    Ok(outcomes)
}

/// A batch by itself, inside the transaction of its group.
fn alone(session: &mut Session, batch: &Batch, stamp: &mut Stamp) -> Result<Outcome, Failure> {
    session.run("SAVEPOINT batch")?;
    let before = *stamp;
    let outcome = match judge_and_apply(session, std::slice::from_ref(batch), stamp) {
        Ok(mut outcomes) => {
            let none = || Failure::Store(Error::Corrupt("the judge gave no outcome".into()));
            outcomes.pop().ok_or_else(none)?
        }
        Err(Failure::Data(why)) => {
            session.run("ROLLBACK TO batch")?;
            *stamp = before;
            Outcome::Failed(Error::Invalid(why))
        }
        Err(other) => return Err(other),
    };
    session.run("RELEASE batch")?;
    Ok(outcome)
}
