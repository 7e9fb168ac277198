//! A store that was left in the middle of something is opened whole, as SQLite opens it with its log.
#![allow(clippy::unwrap_used, reason = "clippy knows tests by their attribute; these are what they call")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mintaka_core::records::Artifact;
use mintaka_core::{Aggregate, Backend, Batch, Error, Filter, Json, Record, Time, Value};
use mintaka_sqlite::{Location, Options, SqliteStore, info, integrity_check};
use uuid::Uuid;

fn open(path: &Path) -> Result<Arc<SqliteStore>, Error> {
    SqliteStore::open(Location::File(path.to_owned()), Options::default())
}

fn log_of(path: &Path) -> PathBuf {
    path.with_extension("db-wal")
}

async fn write(store: &SqliteStore, rows: usize) {
    for _ in 0..rows {
        let now = Time::from_micros(1);
        let data = Some(Json::of(&"x".repeat(50_000)));
        let row = Artifact { id: Uuid::now_v7(), created: now, updated: now, data, ..Artifact::default() };
        store.commit(vec![Batch::new().insert(row)].into()).await.unwrap();
    }
}

async fn rows(store: &SqliteStore) -> Vec<Vec<Value>> {
    store.aggregate(Aggregate::count(Artifact::TABLE, Filter::all())).await.unwrap()
}

/// The files of a store as a kill in the middle of a checkpoint leaves them: of the pages in the log, only those for
/// which `copied` says so have reached the main file.
async fn killed_in_a_checkpoint(folder: &Path, copied: impl Fn(u32) -> bool) -> PathBuf {
    let path = folder.join("store.db");
    let store = open(&path).unwrap();
    write(&store, 40).await;
    let killed = folder.join("killed.db");
    std::fs::copy(&path, &killed).unwrap();
    std::fs::copy(log_of(&path), log_of(&killed)).unwrap();
    store.close().await;

    let (mut file, log) = (std::fs::read(&killed).unwrap(), std::fs::read(log_of(&killed)).unwrap());
    let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
    let page_size = number(&log[8..12]) as usize;
    let mut frames = 0;
    for frame in log[32..].chunks_exact(24 + page_size).filter(|frame| frame[8..16] == log[16..24]) {
        let page = number(&frame[..4]);
        frames += 1;
        if copied(page) {
            let end = page as usize * page_size;
            file.resize(file.len().max(end), 0);
            file[end - page_size..end].copy_from_slice(&frame[24..]);
        }
    }
    assert!(frames > 100, "the log holds the writes: {frames} frames");
    std::fs::write(&killed, file).unwrap();
    killed
}

#[tokio::test]
async fn a_kill_in_a_checkpoint_leaves_a_store_that_opens_with_every_row() {
    type Copied = fn(u32) -> bool;
    let cases: [(&str, Copied); 4] = [
        ("no page", |_| false),
        ("the first page", |n| n == 1),
        ("odd pages", |n| n % 2 == 1),
        ("pages 1 to 99", |n| n < 100),
    ];
    for (name, copied) in cases {
        let folder = tempfile::tempdir().unwrap();
        let path = killed_in_a_checkpoint(folder.path(), copied).await;
        let seen = info(&path).map(|info| info.rows.iter().find(|(table, _)| *table == "artifact").map(|(_, n)| *n));
        assert_eq!(seen, Ok(Some(40)), "{name}");
        let folder = tempfile::tempdir().unwrap();
        let path = killed_in_a_checkpoint(folder.path(), copied).await;
        let store = open(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(rows(&store).await, [[Value::Int(40)]], "{name}");
        assert_eq!(store.integrity_check().await, Ok(Vec::new()), "{name}");
        store.close().await;
    }
}

#[tokio::test]
async fn a_store_is_looked_at_while_another_handle_copies_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let options = Options { max_log_bytes: 1 << 20, ..Options::default() };
    let store = SqliteStore::open(Location::File(path.clone()), options).unwrap();
    let writing = tokio::spawn(async move {
        write(&store, 300).await;
        store.close().await;
    });
    let mut looks = 0;
    while !writing.is_finished() {
        let path = path.clone();
        let seen = tokio::task::spawn_blocking(move || info(&path)).await.unwrap();
        assert!(seen.is_ok(), "{seen:?}");
        looks += 1;
    }
    writing.await.unwrap();
    assert!(looks > 0);
    assert_eq!(integrity_check(&path), Ok(Vec::new()));
}

#[tokio::test]
async fn a_log_without_its_store_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = killed_in_a_checkpoint(folder.path(), |_| false).await;
    let log = std::fs::read(log_of(&path)).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for left in ["nothing", "an empty file"] {
        match left {
            "nothing" => std::fs::remove_file(&path).unwrap(),
            _ => std::fs::write(&path, "").unwrap(),
        }
        for attempt in [open(&path).map(drop), info(&path).map(drop)] {
            assert!(
                matches!(&attempt, Err(Error::Refused(text)) if text.contains("put it back beside its log")),
                "{left}: {attempt:?}"
            );
        }
        assert_eq!(path.metadata().map_or(0, |meta| meta.len()), 0);
        assert!(std::fs::read(log_of(&path)).unwrap() == log, "{left}: the log was touched");
    }
    // Put back beside its log, the store is whole.
    std::fs::write(&path, whole).unwrap();
    assert_eq!(rows(&open(&path).unwrap()).await, [[Value::Int(40)]]);
}

#[tokio::test]
async fn a_creation_that_was_interrupted_is_begun_again() {
    for pages in [0_u32, 1, 20] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        // What is on the disk when a first transaction is killed after so many pages of it were written.
        let other = folder.path().join("other.db");
        open(&other).unwrap().close().await;
        let whole = std::fs::read(&other).unwrap();
        std::fs::write(&path, &whole[..4096 * pages as usize]).unwrap();
        let mut journal = vec![0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7, 0, 0, 0, 0, 1, 2, 3, 4];
        journal.extend([0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0x10, 0]);
        journal.resize(512, 0);
        std::fs::write(path.with_extension("db-journal"), journal).unwrap();
        let store = open(&path).unwrap_or_else(|error| panic!("after {pages} pages: {error}"));
        write(&store, 1).await;
        assert_eq!(rows(&store).await, [[Value::Int(1)]], "after {pages} pages");
        assert_eq!(store.integrity_check().await, Ok(Vec::new()));
        store.close().await;
    }
}

#[test]
fn many_that_open_an_empty_path_at_once_share_one_store() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let start = std::sync::Barrier::new(8);
        let one = || {
            start.wait();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let store = open(&path).unwrap();
                write(&store, 1).await;
                store
            })
        };
        let stores: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for store in stores {
            assert_eq!(runtime.block_on(rows(&store)), [[Value::Int(8)]], "every handle sees every row");
        }
        let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
        let known = ["store.db", "store.db-wal", "store.db-shm"];
        assert!(names.iter().all(|name| known.iter().any(|known| name == known)), "{names:?}");
    }
}

#[tokio::test]
async fn nothing_is_written_into_files_that_were_deleted_or_replaced() {
    for lost in ["store.db", "store.db-wal", "store.db-shm"] {
        for replaced in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let store = open(&folder.path().join("store.db")).unwrap();
            write(&store, 1).await;
            let (file, aside) = (folder.path().join(lost), folder.path().join("aside"));
            std::fs::rename(&file, &aside).unwrap();
            if replaced {
                std::fs::copy(&aside, &file).unwrap();
            }
            let refused = store.commit(vec![Batch::new()].into()).await;
            assert!(matches!(&refused, Err(Error::Unavailable(text)) if text.contains(lost)), "{lost}: {refused:?}");
            assert!(matches!(store.heads().await, Err(Error::Unavailable(_))), "{lost}: not ready");
            // Once the very same file is back, nothing is lost.
            std::fs::rename(&aside, &file).unwrap();
            write(&store, 1).await;
            assert_eq!(rows(&store).await, [[Value::Int(2)]]);
            store.close().await;
        }
    }
}

#[tokio::test]
async fn a_store_that_a_newer_binary_migrates_while_it_is_open_is_written_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = open(&path).unwrap();
    write(&store, 1).await;
    let newer = rusqlite::Connection::open(&path).unwrap();
    newer.execute_batch("UPDATE schema SET version = version + 1").unwrap();
    let refused = store.commit(vec![Batch::new()].into()).await;
    assert!(matches!(&refused, Err(Error::Refused(text)) if text.contains("start the newer Mintaka")), "{refused:?}");
    assert_eq!(rows(&store).await, [[Value::Int(1)]]);
}
