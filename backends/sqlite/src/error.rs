//! SQLite's errors as the contract's kinds, with a text that says what to do.

use mintaka_core::Error;
use rusqlite::ErrorCode;

/// Whose fault a failed statement is.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The data of one batch: the others can go on without it.
    Data(String),
    /// The store: nothing can be written.
    Store(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Store(error)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Failure {
        match error.sqlite_error_code() {
            Some(ErrorCode::TooBig | ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch) => {
                Failure::Data(error.to_string())
            }
            None if matches!(error, rusqlite::Error::ToSqlConversionFailure(_)) => Failure::Data(error.to_string()),
            _ => Failure::Store(store(error)),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        match failure {
            Failure::Data(why) => Error::Invalid(why),
            Failure::Store(error) => error,
        }
    }
}

/// An error of SQLite as the contract's.
pub(crate) fn store(error: rusqlite::Error) -> Error {
    let Some(code) = error.sqlite_error_code() else {
        return Error::Corrupt(error.to_string());
    };
    match code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Error::Unavailable(
            "another process is writing to the SQLite file and does not finish; close it, or try again".into(),
        ),
        ErrorCode::DiskFull => Error::Unavailable("the disk of the SQLite file is full; free some space".into()),
        ErrorCode::ReadOnly => Error::Unavailable(
            "the SQLite file is read-only; make the file and its folder writable for this user".into(),
        ),
        ErrorCode::PermissionDenied | ErrorCode::CannotOpen => Error::Unavailable(format!(
            "the SQLite file cannot be opened; check the permissions of the file and of its folder ({error})"
        )),
        ErrorCode::SystemIoFailure => {
            Error::Unavailable(format!("the disk of the SQLite file fails; check the system's log ({error})"))
        }
        ErrorCode::OutOfMemory
        | ErrorCode::OperationInterrupted
        | ErrorCode::OperationAborted
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::SchemaChanged
        | ErrorCode::NoLargeFileSupport
        | ErrorCode::AuthorizationForStatementDenied => Error::Unavailable(error.to_string()),
        ErrorCode::InternalMalfunction => Error::Corrupt(error.to_string()),
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Error::Corrupt(format!(
            "the SQLite file is damaged; restore a backup, or save what is left with `sqlite3 FILE .recover` ({error})"
        )),
        ErrorCode::TooBig | ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch => {
            Error::Invalid(error.to_string())
        }
        _ => {
            let text = error.to_string();
            let tables_differ = text.contains("no such") || text.contains("has no column");
            if tables_differ {
                Error::Corrupt(format!("its tables are not as declared: {text}"))
            } else {
                Error::Invalid(text)
            }
        }
    }
}
