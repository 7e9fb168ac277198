//! Versions of the schema: how a store is created whole, and how an older one becomes a current one.

use std::path::Path;

use mintaka_core::Error;
use rusqlite::Connection;

use crate::error::store;
use crate::identify::{APPLICATION_ID, Contents, Found, SchemaRow, identify, refuse_foreign};
use crate::{BINARY_VERSION, Options, WRITER, connection};

/// One step of the schema. Frozen once released: a change of the declarations is a new step.
pub(crate) struct Migration {
    /// Its number; the first is 1.
    pub version: i64,
    /// The oldest binary that may open a store after it.
    pub min_binary: &'static str,
    /// Its statements.
    pub sql: &'static str,
}

/// All steps in order.
pub(crate) static MIGRATIONS: &[Migration] = &[
    Migration { version: 1, min_binary: "0.1.0", sql: include_str!("../migrations/0001.sql") },
    Migration { version: 2, min_binary: "0.2.0", sql: include_str!("../migrations/0002.sql") },
    Migration { version: 3, min_binary: "0.3.0", sql: include_str!("../migrations/0003.sql") },
];

/// The version of the schema that this binary writes.
pub(crate) fn current() -> i64 {
    MIGRATIONS.last().map_or(0, |m| m.version)
}

/// Opens the store at `path` for writing. It is created if there is none, and migrated if it is older.
///
/// It is created in place, in one transaction of SQLite: whoever opens the path at the same time waits for it and finds
/// a whole store, or none.
///
/// # Errors
/// [`Error::Refused`], with the file as it was, for a store that is not ours or newer; [`Error::Unavailable`] where the
/// file cannot be written; [`Error::Corrupt`] where SQLite finds it damaged.
pub(crate) fn open(path: &Path, options: &Options) -> Result<Connection, Error> {
    let create = identify(path)? != Found::Ours;
    if create {
        provide_folder(path, options)?;
    }
    refuse_read_only(path)?;
    let mut connection = connection::unjudged(path, create, options)?;
    if judge(path, &connection)? != Some(current()) {
        upgrade(path, &mut connection)?;
    }
    if create && options.durable {
        sync_folder(path);
    }
    connection::for_writing(connection, options)
}

/// The version of the store; `None` for an empty database.
fn judge(path: &Path, connection: &Connection) -> Result<Option<i64>, Error> {
    let contents = Contents::of(connection).map_err(store)?;
    match contents.schema {
        Some(row) => {
            refuse_newer(path, &row)?;
            Ok(Some(row.version))
        }
        None if contents.application_id == APPLICATION_ID => Err(Error::Corrupt(format!(
            "{} is marked as a Mintaka store, but says no version; restore a backup",
            path.display()
        ))),
        None => refuse_foreign(path, &contents).map(|()| None),
    }
}

/// Refuses a store of a newer schema.
pub(crate) fn refuse_newer(path: &Path, row: &SchemaRow) -> Result<(), Error> {
    if row.version <= current() {
        return Ok(());
    }
    Err(Error::Refused(format!(
        "{} has schema version {}, this binary ({BINARY_VERSION}) knows version {}; it needs Mintaka {} or later, and \
         was left untouched",
        path.display(),
        row.version,
        current(),
        row.min_binary
    )))
}

fn refuse_read_only(path: &Path) -> Result<(), Error> {
    match std::fs::metadata(path) {
        Ok(meta) if meta.permissions().readonly() => Err(Error::Unavailable(format!(
            "{} is read-only; make the file and its folder writable for this user, or choose another path",
            path.display()
        ))),
        _ => Ok(()),
    }
}

/// The folder of a store that is to be created.
fn provide_folder(path: &Path, options: &Options) -> Result<(), Error> {
    let folder = folder_of(path);
    if folder.is_dir() {
        return Ok(());
    }
    if !options.create_folder {
        return Err(Error::Refused(format!(
            "the folder {} does not exist; create it, or choose another path",
            folder.display()
        )));
    }
    std::fs::create_dir_all(folder)
        .map_err(|e| Error::Unavailable(format!("the folder {} cannot be created: {e}", folder.display())))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The name of a new file must survive a loss of power, too. Not every system can sync a folder.
fn sync_folder(path: &Path) {
    if let Err(error) = std::fs::File::open(folder_of(path)).and_then(|folder| folder.sync_all()) {
        tracing::debug!(%error, "the folder of the store could not be synced");
    }
}

/// Applies the steps that are missing, in one transaction.
fn upgrade(path: &Path, connection: &mut Connection) -> Result<(), Error> {
    let tx = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(store)?;
    // Another process may have done it, or put something else here, while this one waited for its turn.
    let have = judge(path, &tx)?;
    if have.is_none() {
        tx.pragma_update(None, "application_id", APPLICATION_ID).map_err(store)?;
    }
    for migration in MIGRATIONS.iter().filter(|m| have.is_none_or(|version| m.version > version)) {
        tx.execute_batch(migration.sql).map_err(store)?;
        tx.execute("DELETE FROM schema", []).map_err(store)?;
        tx.execute("INSERT INTO schema (version, min_binary) VALUES (?, ?)", (migration.version, migration.min_binary))
            .map_err(store)?;
    }
    tx.execute("INSERT OR IGNORE INTO writer (id, seq, closed) VALUES (?, 0, 0)", [WRITER]).map_err(store)?;
    tx.commit().map_err(store)?;
    if have.is_some_and(|version| version < current()) {
        tracing::info!(store.path = %path.display(), schema.version = current(), "migrated the store");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use mintaka_core::records::TABLES;
    use mintaka_sqlkit::{Sqlite, ddl};
    use uuid::Uuid;

    use super::*;

    const OWN_TABLES: &str = "\
CREATE TABLE \"schema\" (\n  \"version\" INTEGER NOT NULL,\n  \"min_binary\" TEXT NOT NULL\n) STRICT;
CREATE TABLE \"writer\" (\n  \"id\" INTEGER NOT NULL,\n  \"seq\" INTEGER NOT NULL,\n  \"closed\" INTEGER NOT NULL,\n  \
         PRIMARY KEY (\"id\")\n) STRICT;
";

    fn declared() -> String {
        format!("{OWN_TABLES}\n{}", ddl::script(&Sqlite, TABLES))
    }

    /// Every table with its columns, and every index with its columns.
    fn layout(sql: &[&str]) -> Vec<String> {
        let connection = Connection::open_in_memory().unwrap();
        for script in sql {
            connection.execute_batch(script).unwrap();
        }
        let mut lines = Vec::new();
        let mut read = |query: &str| {
            let mut statement = connection.prepare(query).unwrap();
            let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
            lines.extend(rows.map(|line| line.unwrap()));
        };
        read(
            "SELECT 'column ' || t.name || '.' || c.name || ' ' || c.type || ' notnull ' || c.\"notnull\" || ' key ' || c.pk
             FROM pragma_table_list() t, pragma_table_info(t.name) c WHERE t.name NOT LIKE 'sqlite_%' ORDER BY 1",
        );
        read(
            "SELECT 'table ' || name || ' strict ' || strict || ' rowid ' || (1 - wr)
             FROM pragma_table_list() WHERE name NOT LIKE 'sqlite_%' ORDER BY 1",
        );
        read(
            "SELECT 'index ' || t.name || '.' || iif(i.origin = 'c', i.name, i.origin) || ' unique ' || i.\"unique\" || ' (' ||
                    (SELECT group_concat(name || ' ' || \"desc\", ', ' ORDER BY seqno) FROM pragma_index_xinfo(i.name) WHERE key) || ')'
             FROM pragma_table_list() t, pragma_index_list(t.name) i WHERE t.name NOT LIKE 'sqlite_%' ORDER BY 1",
        );
        lines
    }

    #[test]
    fn the_declared_tables_are_what_the_migrations_make() {
        let first = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/0001.sql");
        if std::env::var_os("MINTAKA_REWRITE_FIRST_MIGRATION").is_some() {
            std::fs::write(first, declared()).unwrap();
            return;
        }
        let made = layout(&MIGRATIONS.iter().map(|m| m.sql).collect::<Vec<_>>());
        let wanted = layout(&[&declared()]);
        let missing: Vec<_> = wanted.iter().filter(|line| !made.contains(line)).collect();
        let extra: Vec<_> = made.iter().filter(|line| !wanted.contains(line)).collect();
        assert!(
            missing.is_empty() && extra.is_empty(),
            "the declarations changed: add a migration (before the first release, run this test with \
             MINTAKA_REWRITE_FIRST_MIGRATION=1).\nnot made: {missing:#?}\nmade, not declared: {extra:#?}"
        );
    }

    #[test]
    fn an_older_store_becomes_a_current_one_with_its_rows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(MIGRATIONS[0].sql).unwrap();
        let required = "id, created, updated, name, flow_id, parameters, context, empirical_policy, tags, labels, \
                        run_count, total_run_time, auto_scheduled, row_version";
        let run = |id: &str, creator: &str| {
            format!(
                "INSERT INTO flow_run ({required}, created_by) VALUES (x'{id}', 0, 0, 'n', x'00', '{{}}', '{{}}', '{{}}', '[]', \
                 '{{}}', 0, 0.0, 0, 1, {creator});"
            )
        };
        let creator = Uuid::from_u128(7);
        old.execute_batch(&run("01", &format!("'{{\"id\": \"{creator}\", \"type\": \"SCHEDULE\"}}'"))).unwrap();
        old.execute_batch(&run("02", "'{\"id\": \"abcd\"}'")).unwrap();
        old.execute_batch(&run("03", "NULL")).unwrap();
        old.execute_batch(
            "INSERT INTO events VALUES (9, x'09', 'e', 'r', '{}', '[]', '{}', 9, NULL, 1, 5, 1), \
             (8, x'08', 'e', 'r', '{}', '[]', '{}', 9, NULL, 1, 6, 1)",
        )
        .unwrap();
        old.execute_batch(&format!("PRAGMA application_id = {APPLICATION_ID}; INSERT INTO schema VALUES (1, '0.1.0')"))
            .unwrap();
        drop(old);

        drop(super::open(&path, &Options::default()).unwrap());

        let now = Connection::open(&path).unwrap();
        assert_eq!(judge(&path, &now).unwrap(), Some(current()));
        let mut statement = now.prepare("SELECT created_by_id, created_by_type FROM flow_run ORDER BY id").unwrap();
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let rows: Vec<(Option<Vec<u8>>, Option<String>)> =
            statement.query_map([], read).unwrap().map(Result::unwrap).collect();
        let first = (Some(creator.as_bytes().to_vec()), Some("SCHEDULE".to_owned()));
        assert_eq!(rows, [first, (None, None), (None, None)]);
        let mut statement = now.prepare("SELECT seq, occurred, id FROM events ORDER BY seq").unwrap();
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let rows: Vec<(i64, i64, Vec<u8>)> = statement.query_map([], read).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows, [(5, 9, vec![9]), (6, 8, vec![8])]);
    }

    #[test]
    fn steps_are_numbered_without_gaps() {
        assert!(MIGRATIONS.iter().enumerate().all(|(n, m)| m.version == n as i64 + 1));
    }
}
