//! What is not ours is refused and left as it was, byte for byte, with nothing beside it.
#![allow(clippy::unwrap_used, reason = "clippy knows tests by their attribute; these are what they call")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use mintaka_core::Error;
use mintaka_sqlite::{Location, Options, SqliteStore, info};
use rusqlite::Connection;

/// Every file of a folder with its bytes and its time of change.
fn snapshot(folder: &Path) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| {
            let changed = entry.metadata().unwrap().modified().unwrap();
            (entry.file_name().to_string_lossy().into_owned(), (std::fs::read(entry.path()).unwrap(), changed))
        })
        .collect()
}

fn open(path: &Path) -> Result<std::sync::Arc<SqliteStore>, Error> {
    SqliteStore::open(Location::File(path.to_owned()), Options::default())
}

fn run(path: &Path, sql: &str) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(sql).unwrap();
    connection
}

#[tokio::test]
async fn a_store_that_is_not_ours_is_refused_and_untouched() {
    type Make = fn(&Path);
    let cases: &[(&str, Make, &str)] = &[
        ("text", |p| std::fs::write(p, "hello, this is no database at all").unwrap(), "not an SQLite database"),
        (
            "prefect",
            |p| drop(run(p, "CREATE TABLE alembic_version (version_num TEXT); CREATE TABLE flow (id TEXT)")),
            "database of a Prefect server",
        ),
        (
            "prefect, in WAL mode",
            |p| drop(run(p, "PRAGMA journal_mode = WAL; CREATE TABLE alembic_version (version_num TEXT)")),
            "database of a Prefect server",
        ),
        ("other", |p| drop(run(p, "CREATE TABLE schema (version, min_binary)")), "something else"),
        (
            "other, without a table but with its application id",
            |p| drop(run(p, "PRAGMA application_id = 252006673")),
            "application id is 0x0f055111",
        ),
        (
            "other, without a table but with its user version",
            |p| drop(run(p, "PRAGMA user_version = 3")),
            "user version is 3",
        ),
        ("other, with nothing but a view", |p| drop(run(p, "CREATE VIEW recent AS SELECT 1")), "something else"),
        (
            "other, all of it still in its log",
            |p| std::mem::forget(run(p, "PRAGMA journal_mode = WAL; CREATE TABLE notes (text)")),
            "unfinished log",
        ),
    ];
    for (name, make, reason) in cases {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("100% strange? name#.db");
        make(&path);
        let before = snapshot(folder.path());
        for attempt in [open(&path).map(drop), info(&path).map(drop)] {
            match attempt {
                Err(Error::Refused(text)) => assert!(text.contains(reason), "{name}: {text}"),
                other => panic!("{name}: {other:?}"),
            }
        }
        assert!(snapshot(folder.path()) == before, "{name} was touched");
    }
}

#[tokio::test]
async fn a_newer_store_is_refused_and_says_which_binary_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    mintaka_core::Backend::close(&*open(&path).unwrap()).await;
    drop(run(&path, "PRAGMA journal_mode = DELETE; UPDATE schema SET version = 1000, min_binary = '77.1.0'"));
    let before = snapshot(folder.path());
    match open(&path) {
        Err(Error::Refused(text)) => assert!(text.contains("needs Mintaka 77.1.0"), "{text}"),
        other => panic!("{:?}", other.err()),
    }
    assert!(snapshot(folder.path()) == before);
}

#[tokio::test]
async fn a_newer_version_that_is_only_in_the_log_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    mintaka_core::Backend::close(&*open(&path).unwrap()).await;
    let newer = run(&path, "UPDATE schema SET version = 1000, min_binary = '77.1.0'");
    for attempt in [open(&path).map(drop), info(&path).map(drop)] {
        assert!(matches!(&attempt, Err(Error::Refused(text)) if text.contains("needs Mintaka 77.1.0")), "{attempt:?}");
    }
    newer.close().unwrap();
    assert!(matches!(open(&path).map(drop), Err(Error::Refused(_))));
}

#[tokio::test]
async fn a_missing_folder_is_an_error_unless_it_may_be_created() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/store.db");
    match open(&path) {
        Err(Error::Refused(text)) => assert!(text.contains("does not exist"), "{text}"),
        other => panic!("{:?}", other.err()),
    }
    assert!(snapshot(folder.path()).is_empty());
    let options = Options { create_folder: true, ..Options::default() };
    SqliteStore::open(Location::File(path.clone()), options).unwrap();
    assert!(path.exists());
}

#[tokio::test]
async fn a_read_only_file_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    mintaka_core::Backend::close(&*open(&path).unwrap()).await;
    let mut permissions = std::fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&path, permissions).unwrap();
    match open(&path) {
        Err(Error::Unavailable(text)) => assert!(text.contains("read-only"), "{text}"),
        other => panic!("{:?}", other.err()),
    }
}

#[tokio::test]
async fn a_folder_is_no_store() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(open(folder.path()), Err(Error::Refused(text)) if text.contains("is a folder")));
}
