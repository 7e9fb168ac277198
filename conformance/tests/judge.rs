//! Core's judge, which the other backends use, comes to what the literal judge of the reference comes to.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use libtest_mimic::{Arguments, Trial};
use mintaka_conformance::{Provision, cases, in_process, model, run_case};
use mintaka_core::memory::MemoryStore;
use mintaka_core::{
    Aggregate, Backend, Batches, Caps, CommitAnswer, Error, Head, Heads, Key, Ordered, Query, Row, Rows, Stamp, Table,
    Time, Value, Write, judge,
};

/// Rows by table and primary key. It applies what the judge decides and evaluates no query.
#[derive(Default)]
struct Judged {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tables: BTreeMap<&'static str, BTreeMap<Vec<Ordered>, Row>>,
    seq: i64,
}

const WRITER: i64 = 1;

fn map_key(values: &[Value]) -> Vec<Ordered> {
    values.iter().cloned().map(Ordered).collect()
}

impl State {
    fn row(&self, table: &Table, key: &Key) -> Option<Row> {
        let rows = self.tables.get(table.name)?;
        match key {
            Key::Primary(values) => rows.get(&map_key(values)).cloned(),
            Key::Unique(values) => {
                rows.values().find(|row| table.unique_of(&row.values).as_ref() == Some(values)).cloned()
            }
        }
    }

    /// Applies a net write as an engine would, which knows what must be there and what must not.
    fn write(&mut self, write: Write) {
        match write {
            Write::Insert(table, row) => {
                let key = map_key(&table.key_of(&row.values));
                let replaced = self.tables.entry(table.name).or_default().insert(key, row);
                assert_eq!(replaced, None, "an insert is of a row that is not there");
            }
            Write::Update { table, key, version, columns, row, old } => {
                let stored = self.tables.entry(table.name).or_default().get_mut(&map_key(&key));
                let stored = stored.unwrap_or_else(|| panic!("an update is of a row that is there: {key:?}"));
                assert_eq!(*stored, old, "an update knows the old row");
                for (ordinal, value) in columns {
                    stored.values[ordinal] = value;
                }
                stored.version = version;
                assert_eq!(*stored, row, "the changed columns make the new row");
            }
            Write::Delete(table, key, old) => {
                let gone = self.tables.entry(table.name).or_default().remove(&map_key(&key));
                assert_eq!(gone, Some(old), "a delete is of a row that is there");
            }
        }
    }

    /// Asserts that no two rows have the same unique key.
    fn check_unique(&self, table: &Table) {
        let mut seen = BTreeMap::new();
        for row in self.tables.get(table.name).into_iter().flat_map(BTreeMap::values) {
            if let Some(unique) = table.unique_of(&row.values)
                && let Some(other) = seen.insert(map_key(&unique), row)
            {
                panic!("{} has {unique:?} twice: {other:?} and {row:?}", table.name);
            }
        }
    }
}

impl Rows for &State {
    fn find(&mut self, table: &'static Table, key: &Key) -> Result<Option<Row>, Error> {
        Ok(self.row(table, key))
    }
}

impl Judged {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A reference that holds the same rows, for queries; versions and stamps are then taken from here.
    async fn copy(&self, table: &'static Table) -> Result<MemoryStore, Error> {
        let rows: Vec<Row> =
            self.state().tables.get(table.name).map(|t| t.values().cloned().collect()).unwrap_or_default();
        let copy = MemoryStore::new();
        let insert = |row: Row| mintaka_core::Op::Insert {
            table,
            values: row.values,
            on_exists: mintaka_core::OnExists::Conflict,
        };
        let ops = rows.into_iter().map(insert).collect();
        copy.commit(vec![mintaka_core::Batch { ops, ..Default::default() }].into()).await?;
        Ok(copy)
    }
}

#[async_trait]
impl Backend for Judged {
    fn caps(&self) -> Caps {
        Caps { name: "judged", ..MemoryStore::new().caps() }
    }

    async fn heads(&self) -> Result<Heads, Error> {
        Ok(Heads {
            now: Time::system(),
            writers: vec![Head { writer: WRITER, position: self.state().seq, closed: false }],
        })
    }

    async fn get(&self, table: &'static Table, keys: Vec<Key>) -> Result<Vec<Option<Row>>, Error> {
        keys.iter().try_for_each(|key| key.check(table))?;
        let state = self.state();
        Ok(keys.iter().map(|key| state.row(table, key)).collect())
    }

    /// Queries of one table, without relations.
    async fn select(&self, query: Query) -> Result<Vec<Row>, Error> {
        let table = query.table;
        let whole = query.columns.is_none();
        let found = self.copy(table).await?.select(query).await?;
        let state = self.state();
        let own = |row: Row| state.row(table, &Key::Primary(table.key_of(&row.values))).unwrap_or(row);
        Ok(if whole { found.into_iter().map(own).collect() } else { found })
    }

    async fn aggregate(&self, aggregate: Aggregate) -> Result<Vec<Vec<Value>>, Error> {
        self.copy(aggregate.table).await?.aggregate(aggregate).await
    }

    async fn commit(&self, batches: Batches) -> Result<CommitAnswer, Error> {
        let mut state = self.state();
        let mut stamp = Stamp { writer: WRITER, seq: state.seq };
        let (outcomes, writes) = judge(&batches, &mut &*state, &mut stamp)?;
        state.seq = stamp.seq;
        for write in writes {
            let (Write::Insert(table, _) | Write::Update { table, .. } | Write::Delete(table, ..)) = &write;
            let table = *table;
            state.write(write);
            state.check_unique(table); // after each write, as an engine checks it
        }
        Ok(CommitAnswer { now: Time::system(), outcomes })
    }
}

/// The categories that are about what a batch comes to.
const JUDGED: &[&str] = &["commit", "guard", "condition", "change", "key", "get", "concurrency"];

fn main() -> ExitCode {
    let provision: Arc<dyn Provision> =
        Arc::new(in_process(|| async { Ok(Arc::new(Judged::default()) as Arc<dyn Backend>) }));
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let cases = cases::all().into_iter().filter(|case| JUDGED.contains(&case.category)).map(|case| {
        let provision = provision.clone();
        Trial::test(case.full_name(), move || Ok(runtime()?.block_on(run_case(&case, &*provision))?))
    });
    let random = {
        let provision = provision.clone();
        Trial::test("random_batches_come_to_the_same_by_both_judges", move || {
            Ok(model::random_batches(&runtime()?, provision, model::SHRINKS)?)
        })
    };
    libtest_mimic::run(&Arguments::from_args(), cases.chain([random]).collect()).exit_code()
}
