//! Versions of the schema: how a store is created whole, and how an older one becomes a current one.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use mintaka_core::Error;
use rusqlite::{Connection, OpenFlags};
use uuid::Uuid;

use crate::error::store;
use crate::identify::{APPLICATION_ID, Found, SchemaRow, beside, identify, schema_row};
use crate::{BINARY_VERSION, Options, WRITER};

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
];

/// The version of the schema that this binary writes.
pub(crate) fn current() -> i64 {
    MIGRATIONS.last().map_or(0, |m| m.version)
}

/// Makes sure that `path` holds a store of the current version: creates it, migrates it, or refuses it.
///
/// # Errors
/// [`Error::Refused`], with the file as it was, for a store that is not ours or newer; [`Error::Unavailable`] where the
/// file cannot be written.
pub(crate) fn provide(path: &Path, options: &Options) -> Result<(), Error> {
    // A second round sees what another process created meanwhile.
    for _ in 0..2 {
        match identify(path)? {
            Found::Ours(row) => {
                refuse_newer(path, &row)?;
                refuse_read_only(path)?;
                return if row.version < current() { migrate(path, options) } else { Ok(()) };
            }
            found => create(path, found == Found::Empty, options)?,
        }
    }
    match identify(path)? {
        Found::Ours(_) => Ok(()),
        _ => Err(Error::Unavailable(format!("{} disappears while it is created", path.display()))),
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

/// Builds the store under another name and then gives it its own, so that nobody ever sees half of one.
fn create(path: &Path, replace_empty: bool, options: &Options) -> Result<(), Error> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    if !folder.is_dir() {
        if !options.create_folder {
            return Err(Error::Refused(format!(
                "the folder {} does not exist; create it, or choose another path",
                folder.display()
            )));
        }
        std::fs::create_dir_all(&folder)
            .map_err(|e| Error::Unavailable(format!("the folder {} cannot be created: {e}", folder.display())))?;
    }
    if replace_empty {
        refuse_read_only(path)?;
    }
    let draft = beside(path, &format!(".creating-{}", Uuid::now_v7().simple()));
    let named = build(&draft, options).and_then(|()| {
        let named = if replace_empty { std::fs::rename(&draft, path) } else { std::fs::hard_link(&draft, path) };
        match named {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()), // another process was faster
            // A file system without hard links.
            Err(_) if !path.exists() => std::fs::rename(&draft, path)
                .map_err(|e| Error::Unavailable(format!("{} cannot be created: {e}", path.display()))),
            Err(error) => Err(Error::Unavailable(format!("{} cannot be created: {error}", path.display()))),
        }
    });
    let _ = std::fs::remove_file(&draft); // it may have been renamed
    named?;
    if options.durable
        && let Ok(folder) = std::fs::File::open(&folder)
    {
        // The file's name must survive a loss of power, too. Not every system can sync a folder.
        let _ = folder.sync_all();
    }
    Ok(())
}

fn build(draft: &Path, options: &Options) -> Result<(), Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(draft, flags).map_err(store)?;
    let synchronous = if options.durable { "FULL" } else { "OFF" };
    connection
        .execute_batch(&format!("PRAGMA synchronous = {synchronous}; PRAGMA application_id = {APPLICATION_ID};"))
        .map_err(store)?;
    step(&mut connection)?;
    connection.close().map_err(|(_, error)| store(error))
}

/// Brings an older store to the current version.
fn migrate(path: &Path, options: &Options) -> Result<(), Error> {
    let mut connection = crate::connection::for_writing(path, options)?;
    step(&mut connection)?;
    // The main file alone must say the version: that is where the next binary looks first.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(store)?;
    tracing::info!(store.path = %path.display(), schema.version = current(), "migrated the store");
    Ok(())
}

/// Applies the steps that are missing, in one transaction.
fn step(connection: &mut Connection) -> Result<(), Error> {
    let tx = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(store)?;
    let is_new = tx.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'schema'", [], |r| r.get::<_, i64>(0));
    let have = if is_new.map_err(store)? == 0 { None } else { schema_row(&tx).map_err(store)? };
    for migration in MIGRATIONS.iter().filter(|m| have.as_ref().is_none_or(|row| m.version > row.version)) {
        tx.execute_batch(migration.sql).map_err(store)?;
        tx.execute("DELETE FROM schema", []).map_err(store)?;
        tx.execute("INSERT INTO schema (version, min_binary) VALUES (?, ?)", (migration.version, migration.min_binary))
            .map_err(store)?;
    }
    tx.execute("INSERT OR IGNORE INTO writer (id, seq, closed) VALUES (?, 0, 0)", [WRITER]).map_err(store)?;
    tx.commit().map_err(store)
}

#[cfg(test)]
mod tests {
    use mintaka_core::records::TABLES;
    use mintaka_sqlkit::{Sqlite, ddl};

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

        provide(&path, &Options::default()).unwrap();

        assert!(matches!(identify(&path).unwrap(), Found::Ours(row) if row.version == current()));
        let now = Connection::open(&path).unwrap();
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
