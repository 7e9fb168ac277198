//! A pool of threads that read, each on its own connection; they start when there is work and end when there is none.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mintaka_core::Error;
use tokio::sync::oneshot;

use crate::Options;
use crate::gate::Gate;
use crate::queue::{Next, Queue};
use crate::session::Session;

/// A thread that had nothing to read for so long ends, and its memory with it.
const IDLE: Duration = Duration::from_secs(60);
type Job = Box<dyn FnOnce(Result<&mut Session, Error>) + Send>;

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

impl Shared {
    fn open(&self) -> Result<Session, Error> {
        let connection = crate::connection::for_reading(&self.path, &self.options)?;
        Ok(Session::new(connection, &self.options))
    }
}

impl Readers {
    pub fn new(path: PathBuf, options: Options, gate: Arc<Gate>) -> Readers {
        Readers { shared: Arc::new(Shared { queue: Queue::new(), threads: AtomicUsize::new(0), path, options, gate }) }
    }

    /// Runs one short read transaction.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Session) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let gate = self.shared.gate.clone();
        let job: Job = Box::new(move |session| {
            if reply.is_closed() {
                return; // who asked has gone
            }
            let result = session.and_then(|session| {
                let _pass = gate.pass();
                session.snapshot(work)
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
        let mut session = None;
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
            if session.is_none() {
                match shared.open() {
                    Ok(opened) => session = Some(opened),
                    Err(error) => {
                        job(Err(error));
                        continue;
                    }
                }
            }
            if let Some(session) = &mut session {
                job(Ok(session));
            }
        }
    }
}
