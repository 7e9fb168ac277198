//! Where mutants live: what is there when one is opened, and what was committed to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use mintaka_core::{Backend, Error};

use super::Mutant;
use super::fault::Fault;
use super::store::{History, MutantStore, replay};
use mintaka_conformance::{Provision, Site};

/// A provision whose stores have the fault of a mutant.
pub fn mutated(mutant: &Mutant, sound: Arc<dyn Provision>) -> impl Provision {
    Mutated { fault: mutant.fault, sound }
}

struct Mutated {
    fault: Fault,
    sound: Arc<dyn Provision>,
}

struct MutantSite {
    fault: Fault,
    sound: Arc<dyn Provision>,
    /// The sound site under it; another one each time the store is made again from its history.
    site: tokio::sync::Mutex<Arc<dyn Site>>,
    /// How many handles there were.
    opened: AtomicUsize,
    history: Arc<History>,
}

impl MutantSite {
    fn store(&self, fault: Fault, inner: Arc<dyn Backend>) -> Arc<dyn Backend> {
        let handle = self.opened.fetch_add(1, Ordering::SeqCst);
        Arc::new(MutantStore { fault, inner, handle, history: self.history.clone() })
    }
}

#[async_trait]
impl Provision for Mutated {
    async fn create(&self) -> Result<Arc<dyn Site>, Error> {
        Ok(Arc::new(MutantSite {
            fault: self.fault,
            sound: self.sound.clone(),
            site: tokio::sync::Mutex::new(self.sound.create().await?),
            opened: AtomicUsize::new(0),
            history: Arc::default(),
        }))
    }
    fn keeps(&self) -> bool {
        self.sound.keeps() && !matches!(self.fault, Fault::PromisesDurability)
    }
    fn shares(&self) -> bool {
        self.sound.shares() && !matches!(self.fault, Fault::PromisesManyProcesses)
    }
}

#[async_trait]
impl Site for MutantSite {
    async fn open(&self) -> Result<Arc<dyn Backend>, Error> {
        let mut site = self.site.lock().await;
        let handles = self.opened.load(Ordering::SeqCst);
        let again = handles > 0;
        let fault = match self.fault {
            Fault::Reopened(fault) if again => *fault,
            Fault::Reopened(_) => Fault::None,
            Fault::Another(_) => Fault::None,
            fault => fault,
        };
        match fault {
            Fault::OpensOnce if again => return Err(Error::Corrupt("what was written cannot be read".into())),
            Fault::Reopening(change) if again => {
                *site = self.sound.create().await?;
                // As many handles as there were, so that the writers are the same.
                let mut stores = Vec::new();
                for _ in 0..handles {
                    stores.push(site.open().await?);
                }
                replay(&self.history, change, &stores).await?;
                for store in stores {
                    store.close().await;
                }
            }
            _ => {}
        }
        Ok(self.store(fault, site.open().await?))
    }

    async fn another(&self) -> Result<Arc<dyn Backend>, Error> {
        let fault = match self.fault {
            Fault::Another(fault) => *fault,
            Fault::Reopened(_) => Fault::None,
            fault => fault,
        };
        Ok(self.store(fault, self.site.lock().await.another().await?))
    }

    async fn retire(&self, writer: i64) -> Result<bool, Error> {
        if matches!(self.fault, Fault::NeverRetires) {
            return Ok(true);
        }
        self.site.lock().await.retire(writer).await
    }
}
