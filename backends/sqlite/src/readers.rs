//! A pool of threads that read, each on its own connection; they start when there is work and end when there is none.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mintaka_core::{Aggregate, Error, Key, Query, Row, Table, Value};
use mintaka_sqlkit::{Select, Sqlite, aggregate, plan, select};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::error::store;
use crate::gate::Gate;
use crate::queue::{Next, Queue};
use crate::statements::TableStatements;
use crate::{Options, codec};

/// A thread that had nothing to read for so long ends, and its memory with it.
const IDLE: Duration = Duration::from_secs(60);
type Job = Box<dyn FnOnce(Result<&mut Reader, Error>) + Send>;

pub(crate) struct Readers {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Queue<Job>,
    threads: AtomicUsize,
    path: PathBuf,
    options: Options,
    gate: Arc<Gate>,
}

impl Readers {
    pub fn new(path: PathBuf, options: Options, gate: Arc<Gate>) -> Readers {
        Readers { shared: Arc::new(Shared { queue: Queue::new(), threads: AtomicUsize::new(0), path, options, gate }) }
    }

    /// Runs one short read transaction.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Reader) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let gate = self.shared.gate.clone();
        let job: Job = Box::new(move |reader| {
            if reply.is_closed() {
                return; // who asked has gone
            }
            let result = reader.and_then(|reader| {
                let _pass = gate.pass();
                reader.transaction(work)
            });
            let _ = reply.send(result);
        });
        let Ok(spare) = self.shared.queue.push(job) else {
            return Err(Error::Closed);
        };
        if spare == 0 {
            self.start_another()?;
        }
        answer.await.unwrap_or(Err(Error::Closed))
    }

    fn start_another(&self) -> Result<(), Error> {
        let most = self.shared.options.readers.max(1);
        let grown = self
            .shared
            .threads
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| (n < most).then_some(n + 1))
            .is_ok();
        if !grown {
            return Ok(());
        }
        let place = Place(self.shared.clone());
        let started = std::thread::Builder::new().name("mintaka-read".into()).spawn(move || place.work());
        started.map(drop).map_err(|e| Error::Unavailable(format!("no thread for reading could be started: {e}")))
    }

    pub fn close(&self) {
        self.shared.queue.close();
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.close();
    }
}

/// The place of one thread in the pool; given up when dropped, even by a panic.
struct Place(Arc<Shared>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.threads.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Place {
    fn work(self) {
        let shared = self.0.clone();
        let mut place = Some(self);
        let mut reader = None;
        loop {
            let job = match shared.queue.next(IDLE) {
                Next::Item(job) => job,
                Next::Closed => return,
                Next::Idle => {
                    // Somebody may have counted on this thread just before the place is given up.
                    drop(place.take());
                    match shared.queue.next(Duration::ZERO) {
                        Next::Item(job) => {
                            shared.threads.fetch_add(1, Ordering::SeqCst);
                            place = Some(Place(shared.clone()));
                            job
                        }
                        _ => return,
                    }
                }
            };
            if reader.is_none() {
                match Reader::open(&shared) {
                    Ok(opened) => reader = Some(opened),
                    Err(error) => {
                        job(Err(error));
                        continue;
                    }
                }
            }
            if let Some(reader) = &mut reader {
                job(Ok(reader));
            }
        }
    }
}

/// One connection that reads.
pub(crate) struct Reader {
    pub connection: Connection,
    statements: TableStatements,
    narrow_below: u64,
}

impl Reader {
    fn open(shared: &Shared) -> Result<Reader, Error> {
        let connection = crate::connection::for_reading(&shared.path, &shared.options)?;
        let narrow_below = shared.options.narrow_below;
        Ok(Reader { connection, statements: TableStatements::default(), narrow_below })
    }

    fn transaction<T>(&mut self, work: impl FnOnce(&mut Reader) -> Result<T, Error>) -> Result<T, Error> {
        let run = |reader: &Reader, text: &str| {
            reader.connection.prepare_cached(text).and_then(|mut s| s.raw_execute()).map(drop).map_err(store)
        };
        run(self, "BEGIN")?;
        let result = work(self);
        if !self.connection.is_autocommit() {
            run(self, "ROLLBACK")?;
        }
        result
    }

    pub fn get(&mut self, table: &'static Table, keys: &[Key]) -> Result<Vec<Option<Row>>, Error> {
        keys.iter().map(|key| self.statements.find(&self.connection, table, key)).collect()
    }

    pub fn select(&mut self, query: &Query) -> Result<Vec<Row>, Error> {
        let counted = |probe: &Select| match self.values(probe)?.first().map(Vec::as_slice) {
            Some([Value::Int(n)]) => Ok(n.unsigned_abs()),
            other => Err(Error::Corrupt(format!("a count gave {other:?}"))),
        };
        let plan = plan(&Sqlite, query, self.narrow_below, counted)?;
        let mut statement = select(&Sqlite, query, &plan);
        let Some(each) = &query.each else {
            return self.rows(&statement);
        };
        let mut rows = Vec::new();
        for value in each.values.iter().filter(|v| !v.is_null()) {
            if let Some(first) = statement.params.first_mut() {
                first.clone_from(value);
            }
            rows.extend(self.rows(&statement)?);
        }
        Ok(rows)
    }

    pub fn aggregate(&mut self, asked: &Aggregate) -> Result<Vec<Vec<Value>>, Error> {
        self.values(&aggregate(&Sqlite, asked))
    }

    /// The positions of the stream writers.
    pub fn writers(&mut self) -> Result<Vec<(i64, i64)>, Error> {
        let mut statement =
            self.connection.prepare_cached("SELECT id, seq FROM writer WHERE NOT closed ORDER BY id").map_err(store)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(store)?;
        rows.collect::<rusqlite::Result<_>>().map_err(store)
    }

    fn rows(&self, select: &Select) -> Result<Vec<Row>, Error> {
        self.run(select, |row| codec::row(row, select.kinds.iter().copied()))
    }

    fn values(&self, select: &Select) -> Result<Vec<Vec<Value>>, Error> {
        self.run(select, |row| codec::values(row, 0, select.kinds.iter().copied()))
    }

    fn run<T>(
        &self,
        select: &Select,
        decode: impl Fn(&rusqlite::Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut statement = self.connection.prepare_cached(&select.text).map_err(store)?;
        codec::bind(&mut statement, &select.params).map_err(store)?;
        let mut rows = statement.raw_query();
        let mut out = Vec::new();
        while let Some(row) = rows.next().map_err(store)? {
            out.push(decode(row)?);
        }
        Ok(out)
    }
}
