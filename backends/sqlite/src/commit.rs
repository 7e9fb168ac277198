//! One durable transaction for a group of batches.

use mintaka_core::{Batch, Error, Outcome, Stamp, judge};
use rusqlite::OptionalExtension;

use crate::WRITER;
use crate::apply::apply;
use crate::error::{self, Failure};
use crate::session::Session;

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
    let worked = stamp(session).and_then(|mut stamp| {
        let before = stamp.seq;
        let outcomes = work(session, &mut stamp)?;
        if stamp.seq != before {
            let text = "UPDATE writer SET seq = ? WHERE id = ?";
            session.connection.prepare_cached(text)?.execute((stamp.seq, stamp.writer))?;
        }
        Ok(outcomes)
    });
    let done = worked.and_then(|outcomes| match session.run("COMMIT") {
        Ok(()) => Ok(outcomes),
        Err(error) => Err(Failure::Store(error::of_commit(error))),
    });
    if done.is_err() {
        session.roll_back()?;
    }
    done
}

fn stamp(session: &Session) -> Result<Stamp, Failure> {
    let mut statement = session.connection.prepare_cached("SELECT seq FROM writer WHERE id = ? AND NOT closed")?;
    let seq: Option<i64> = statement.query_row([WRITER], |row| row.get(0)).optional()?;
    let seq = seq.ok_or_else(|| Error::Corrupt("the row of the stream writer is missing".into()))?;
    Ok(Stamp { writer: WRITER, seq })
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
