//! What a backend's author gives to the suite: a way to make stores.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use mintaka_core::memory::MemoryStore;
use mintaka_core::{Backend, Error};

/// Makes stores that nothing else uses.
#[async_trait]
pub trait Provision: Send + Sync + 'static {
    /// A new, empty place for a store.
    ///
    /// # Errors
    /// Whatever keeps it from being made; every case then fails with it.
    async fn create(&self) -> Result<Arc<dyn Site>, Error>;

    /// Whether what is committed is still there after a store was closed and its site is opened again.
    /// The cases of category `durability` run only then; a backend that promises durability must say yes.
    fn keeps(&self) -> bool;

    /// Whether a store may be opened once more while it is open. The cases of category `handles` run only then; a backend
    /// that allows many processes must say yes.
    fn shares(&self) -> bool;
}

/// The place of one store. It is removed when dropped.
#[async_trait]
pub trait Site: Send + Sync {
    /// Opens the store that is here.
    ///
    /// # Errors
    /// Whatever keeps it from being opened.
    async fn open(&self) -> Result<Arc<dyn Backend>, Error>;

    /// Opens it once more, beside the handles that are open, as another process would.
    ///
    /// # Errors
    /// As [`open`](Site::open).
    async fn another(&self) -> Result<Arc<dyn Backend>, Error> {
        self.open().await
    }

    /// Retires the handle that has this stream writer, with its others if it has several, as one that is taken for dead.
    /// False where a writer needs no end, because the next handle goes on with its positions.
    ///
    /// # Errors
    /// Whatever the store answers.
    async fn retire(&self, _writer: i64) -> Result<bool, Error> {
        Ok(false)
    }
}

/// Stores of the reference backend, each of which is there for as long as its site.
pub fn in_memory() -> impl Provision {
    InMemory
}

struct InMemory;

/// The handle that holds the store; the cases work with others.
struct Held(MemoryStore);

#[async_trait]
impl Provision for InMemory {
    async fn create(&self) -> Result<Arc<dyn Site>, Error> {
        Ok(Arc::new(Held(MemoryStore::new())))
    }
    fn keeps(&self) -> bool {
        true
    }
    fn shares(&self) -> bool {
        true
    }
}

#[async_trait]
impl Site for Held {
    async fn open(&self) -> Result<Arc<dyn Backend>, Error> {
        Ok(Arc::new(self.0.handle()?))
    }
    async fn retire(&self, writer: i64) -> Result<bool, Error> {
        self.0.retire(writer)
    }
}

/// Stores that live in this process alone: each call of `make` gives an empty one.
pub fn in_process<F, T>(make: F) -> impl Provision
where
    F: Fn() -> T + Clone + Send + Sync + 'static,
    T: Future<Output = Result<Arc<dyn Backend>, Error>> + Send + 'static,
{
    InProcess(make)
}

struct InProcess<F>(F);

#[async_trait]
impl<F, T> Provision for InProcess<F>
where
    F: Fn() -> T + Clone + Send + Sync + 'static,
    T: Future<Output = Result<Arc<dyn Backend>, Error>> + Send + 'static,
{
    async fn create(&self) -> Result<Arc<dyn Site>, Error> {
        Ok(Arc::new(InProcess(self.0.clone())))
    }
    fn keeps(&self) -> bool {
        false
    }
    fn shares(&self) -> bool {
        false
    }
}

#[async_trait]
impl<F, T> Site for InProcess<F>
where
    F: Fn() -> T + Clone + Send + Sync + 'static,
    T: Future<Output = Result<Arc<dyn Backend>, Error>> + Send + 'static,
{
    async fn open(&self) -> Result<Arc<dyn Backend>, Error> {
        (self.0)().await
    }
}

/// Stores that live in a directory: `open` opens or makes the one in the directory that it is given, also while it is
/// open.
pub fn in_directory<F, T>(open: F) -> impl Provision
where
    F: Fn(PathBuf) -> T + Clone + Send + Sync + 'static,
    T: Future<Output = Result<Arc<dyn Backend>, Error>> + Send + 'static,
{
    InDirectory(open)
}

struct InDirectory<F>(F);

struct Directory<F> {
    open: F,
    path: PathBuf,
}

impl<F> Drop for Directory<F> {
    fn drop(&mut self) {
        // A store that is still open may hold files; what is left is in the directory for temporary files.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

#[async_trait]
impl<F, T> Provision for InDirectory<F>
where
    F: Fn(PathBuf) -> T + Clone + Send + Sync + 'static,
    T: Future<Output = Result<Arc<dyn Backend>, Error>> + Send + 'static,
{
    async fn create(&self) -> Result<Arc<dyn Site>, Error> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let name = format!("mintaka-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).map_err(|e| Error::Unavailable(format!("{}: {e}", path.display())))?;
        Ok(Arc::new(Directory { open: self.0.clone(), path }))
    }
    fn keeps(&self) -> bool {
        true
    }
    fn shares(&self) -> bool {
        true
    }
}

#[async_trait]
impl<F, T> Site for Directory<F>
where
    F: Fn(PathBuf) -> T + Clone + Send + Sync + 'static,
    T: Future<Output = Result<Arc<dyn Backend>, Error>> + Send + 'static,
{
    async fn open(&self) -> Result<Arc<dyn Backend>, Error> {
        (self.open)(self.path.clone()).await
    }
}
