//! Pools of threads that read, each on its own connection; they start when there is work and end when there is none.
//!
//! ```text
//!  few keys, positions ─► bounded queue ─► 2 threads
//!  queries             ─► bounded queue ─► `Options::readers` threads, and up to four times as many while reads wait
//! ```
//!
//! A read ends at its deadline, or as soon as nobody waits for it any more: SQLite asks every some thousand steps.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mintaka_core::Error;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::Options;
use crate::error::store;
use crate::files::Files;
use crate::gate::Gate;
use crate::queue::{Next, Pushed, Queue};
use crate::session::Session;

/// A thread that had nothing to read for so long ends, and its memory with it.
const IDLE: Duration = Duration::from_secs(60);
/// Threads for reads of few keys.
const POINT_READERS: usize = 2;
/// A read that waited for so long gets one more thread, up to this multiple of the usual number.
const STARTS_ANOTHER: Duration = Duration::from_millis(20);
const GROWS_TO: usize = 4;
/// Reads that may wait for each pool.
const QUEUE: usize = 2_000;
/// After so many steps of its virtual machine, a fraction of a millisecond, SQLite asks whether a read goes on.
const STEPS: i32 = 10_000;

/// What a read is, which says who does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Positions, or rows by few keys: soon over.
    Point,
    /// A query.
    Query,
}

/// The pools of a store.
pub(crate) struct Readers {
    points: Pool,
    queries: Pool,
}

impl Readers {
    pub fn new(path: PathBuf, options: Options, gate: Arc<Gate>, files: Arc<Files>) -> Readers {
        let usual = options.readers.max(1);
        let place = Arc::new(Place { path, options, gate, files });
        Readers {
            points: Pool::new(place.clone(), POINT_READERS, POINT_READERS),
            queries: Pool::new(place, usual, usual * GROWS_TO),
        }
    }

    /// Runs one short read transaction.
    pub async fn read<T: Send + 'static>(
        &self,
        class: Class,
        work: impl FnOnce(&mut Session) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        match class {
            Class::Point => self.points.read(work).await,
            Class::Query => self.queries.read(work).await,
        }
    }

    pub fn close(&self) {
        self.points.shared.queue.close();
        self.queries.shared.queue.close();
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.close();
    }
}

/// Where a pool reads.
struct Place {
    path: PathBuf,
    options: Options,
    gate: Arc<Gate>,
    files: Arc<Files>,
}

type Work = Box<dyn FnOnce(Result<&mut Session, Error>) + Send>;

/// A read that waits for a thread.
struct Job {
    work: Work,
    call: Arc<Call>,
}

/// A call of a reader, as both sides see it.
struct Call {
    until: Instant,
    /// Whether a thread has it.
    begun: AtomicBool,
    /// Whether whoever called has gone away.
    abandoned: AtomicBool,
}

impl Call {
    fn is_over(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed) || self.is_late()
    }

    fn is_late(&self) -> bool {
        Instant::now() > self.until
    }
}

/// Tells the thread when the future of a call is dropped.
struct AbandonedWhenDropped(Arc<Call>);

impl Drop for AbandonedWhenDropped {
    fn drop(&mut self) {
        self.0.abandoned.store(true, Ordering::Relaxed);
    }
}

struct Pool {
    shared: Arc<Shared>,
    usual: usize,
    most: usize,
}

struct Shared {
    queue: Queue<Job>,
    threads: AtomicUsize,
    place: Arc<Place>,
}

impl Pool {
    fn new(place: Arc<Place>, usual: usize, most: usize) -> Pool {
        Pool { shared: Arc::new(Shared { queue: Queue::new(QUEUE), threads: AtomicUsize::new(0), place }), usual, most }
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Session) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, mut answer) = oneshot::channel();
        let limit = self.shared.place.options.read_timeout;
        let call = Arc::new(Call {
            until: Instant::now() + limit,
            begun: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
        });
        let _abandoned = AbandonedWhenDropped(call.clone());
        let (place, of_thread) = (self.shared.place.clone(), call.clone());
        let work: Work = Box::new(move |session| {
            let result = session.and_then(|session| {
                let _pass = place.gate.pass();
                session.snapshot(work)
            });
            let late = || Error::Unavailable(format!("a read was stopped after {limit:?}; ask for less at a time"));
            let _ = reply.send(if result.is_err() && of_thread.is_late() { Err(late()) } else { result });
        });
        let pushed = self.shared.queue.push(Job { work, call: call.clone() });
        match pushed {
            Pushed::Closed(_) => return Err(Error::Closed),
            Pushed::Full(_) => return Err(Error::Unavailable("too many reads are waiting; try again".into())),
            Pushed::Waiting { spare: 0 } => {
                self.start_another(self.usual)?;
                // Whatever the others read, this one may not wait for them for long.
                if let Ok(answer) = tokio::time::timeout(STARTS_ANOTHER, &mut answer).await {
                    return answer.unwrap_or_else(|_| Err(broken()));
                }
                if !call.begun.load(Ordering::Relaxed) {
                    self.start_another(self.most)?;
                }
            }
            Pushed::Waiting { .. } => {}
        }
        answer.await.unwrap_or_else(|_| Err(broken()))
    }

    fn start_another(&self, most: usize) -> Result<(), Error> {
        let grow = |n| (n < most).then_some(n + 1);
        if self.shared.threads.fetch_update(Ordering::SeqCst, Ordering::SeqCst, grow).is_err() {
            return Ok(());
        }
        let seat = Seat(self.shared.clone());
        match std::thread::Builder::new().name("mintaka-read".into()).spawn(move || seat.work()) {
            Ok(_) => Ok(()),
            Err(_) if self.shared.threads.load(Ordering::SeqCst) > 0 => Ok(()), // the others will come to it
            Err(error) => Err(Error::Unavailable(format!("no thread for reading could be started: {error}"))),
        }
    }
}

fn broken() -> Error {
    Error::Unavailable("a read broke off; the server's log says why".into())
}

/// One thread's place in the pool; given up when dropped, even by a panic.
struct Seat(Arc<Shared>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.threads.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Seat {
    fn work(self) {
        let shared = self.0.clone();
        let mut seat = Some(self);
        let mut reader: Option<Reader> = None;
        loop {
            let job = match shared.queue.next(IDLE) {
                Next::Item(job) => job,
                Next::Closed => return,
                Next::Idle => {
                    // Somebody may have counted on this thread just before the seat is given up.
                    drop(seat.take());
                    match shared.queue.next(Duration::ZERO) {
                        Next::Item(job) => {
                            shared.threads.fetch_add(1, Ordering::SeqCst);
                            seat = Some(Seat(shared.clone()));
                            job
                        }
                        _ => return,
                    }
                }
            };
            job.call.begun.store(true, Ordering::Relaxed);
            if job.call.is_over() {
                let late = "a read could not begin in time; try again";
                (job.work)(Err(Error::Unavailable(late.into())));
                continue;
            }
            if reader.is_none() {
                match Reader::open(&shared.place) {
                    Ok(opened) => reader = Some(opened),
                    Err(error) => {
                        (job.work)(Err(error));
                        continue;
                    }
                }
            }
            if let Some(used) = &mut reader {
                let finished = used.run(job);
                if !finished {
                    tracing::error!("a read panicked; its connection is closed");
                    reader = None;
                }
            }
        }
    }
}

/// A connection of a thread, and the call that it works on.
struct Reader {
    session: Session,
    current: Arc<Mutex<Option<Arc<Call>>>>,
}

impl Reader {
    fn open(place: &Place) -> Result<Reader, Error> {
        // The name may lead to another store by now, beside the log of this one.
        place.files.check()?;
        let connection = crate::connection::for_reading(&place.path, &place.options)?;
        if let Err(replaced) = place.files.check() {
            crate::connection::give_up(connection);
            return Err(replaced);
        }
        let current: Arc<Mutex<Option<Arc<Call>>>> = Arc::default();
        stop_when_over(&connection, current.clone())?;
        Ok(Reader { session: Session::new(connection, &place.options), current })
    }

    fn set(&self, call: Option<Arc<Call>>) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = call;
    }

    /// False if the work panicked.
    fn run(&mut self, job: Job) -> bool {
        self.set(Some(job.call));
        let session = &mut self.session;
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (job.work)(Ok(session))));
        self.set(None);
        done.is_ok()
    }
}

/// Has SQLite interrupt a statement once its call is over.
fn stop_when_over(connection: &Connection, current: Arc<Mutex<Option<Arc<Call>>>>) -> Result<(), Error> {
    let asked = move || {
        let current = current.lock().unwrap_or_else(PoisonError::into_inner);
        current.as_ref().is_some_and(|call| call.is_over())
    };
    connection.progress_handler(STEPS, Some(asked)).map_err(store)
}

#[cfg(test)]
mod tests {
    use mintaka_core::Backend;

    use super::*;
    use crate::{Location, SqliteStore};

    /// Counts without end.
    fn endless(session: &mut Session) -> Result<(), Error> {
        let text = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
        session.connection.query_row(text, [], |_| Ok(())).map_err(store)
    }

    #[tokio::test]
    async fn a_read_ends_at_its_deadline_and_says_so() {
        let options = Options { read_timeout: Duration::from_millis(50), ..Options::default() };
        let store = SqliteStore::open(Location::Temporary, options).unwrap();
        let stopped = store.readers.read(Class::Query, endless).await;
        assert!(
            matches!(&stopped, Err(Error::Unavailable(text)) if text.contains("stopped after 50ms")),
            "{stopped:?}"
        );
        assert!(store.info().await.is_ok(), "the connection goes on");
    }

    #[tokio::test]
    async fn slow_queries_hold_up_neither_positions_nor_keys_nor_other_queries() {
        let store = SqliteStore::temporary().unwrap();
        let slow: Vec<_> = (0..4)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { store.readers.read(Class::Query, endless).await })
            })
            .collect();
        while store.readers.queries.shared.threads.load(Ordering::SeqCst) < 4 {
            tokio::task::yield_now().await;
        }
        store.heads().await.unwrap();
        store.integrity_check().await.unwrap();
        slow.iter().for_each(tokio::task::JoinHandle::abort);
    }

    #[tokio::test]
    async fn a_read_whose_caller_has_gone_is_interrupted() {
        let options = Options { readers: 1, ..Options::default() };
        let store = SqliteStore::open(Location::Temporary, options).unwrap();
        let (begins, begun) = std::sync::mpsc::channel();
        let (ends, ended) = std::sync::mpsc::channel();
        let reading = {
            let store = store.clone();
            tokio::spawn(async move {
                let work = move |session: &mut Session| {
                    begins.send(()).unwrap();
                    let result = endless(session);
                    ends.send(()).unwrap();
                    result
                };
                store.readers.read(Class::Query, work).await
            })
        };
        tokio::task::spawn_blocking(move || begun.recv()).await.unwrap().unwrap();
        reading.abort();
        tokio::task::spawn_blocking(move || ended.recv()).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_read_that_panics_is_unavailable_and_the_next_one_is_answered() {
        let store = SqliteStore::temporary().unwrap();
        let broke = store.readers.read::<()>(Class::Point, |_| panic!("on purpose")).await;
        assert_eq!(broke, Err(broken()));
        store.heads().await.unwrap();
    }

    #[tokio::test]
    async fn more_reads_than_may_wait_are_refused() {
        let options = Options { readers: 1, ..Options::default() };
        let store = SqliteStore::open(Location::Temporary, options).unwrap();
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..QUEUE + 2 * GROWS_TO {
            let store = store.clone();
            waiting.spawn(async move { store.readers.read(Class::Query, endless).await });
        }
        let refused = waiting.join_next().await.unwrap().unwrap();
        assert!(matches!(&refused, Err(Error::Unavailable(text)) if text.contains("too many reads")), "{refused:?}");
        waiting.abort_all();
    }
}
