//! Where mutants live: what is there when one is opened, and what was committed to it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use mintaka_core::{Backend, Error};

use super::Mutant;
use super::fault::Fault;
use super::store::{History, MutantStore, replay};
use crate::provision::{Provision, Site};

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
    opened: AtomicBool,
    history: History,
}

#[async_trait]
impl Provision for Mutated {
    async fn create(&self) -> Result<Arc<dyn Site>, Error> {
        Ok(Arc::new(MutantSite {
            fault: self.fault,
            sound: self.sound.clone(),
            site: tokio::sync::Mutex::new(self.sound.create().await?),
            opened: AtomicBool::new(false),
            history: Arc::new(Mutex::default()),
        }))
    }
    fn keeps(&self) -> bool {
        self.sound.keeps() && !matches!(self.fault, Fault::PromisesDurability)
    }
}

#[async_trait]
impl Site for MutantSite {
    async fn open(&self) -> Result<Arc<dyn Backend>, Error> {
        let mut site = self.site.lock().await;
        let again = self.opened.swap(true, Ordering::SeqCst);
        let fault = match self.fault {
            Fault::Reopened(fault) if again => *fault,
            Fault::Reopened(_) => Fault::None,
            fault => fault,
        };
        match fault {
            Fault::OpensOnce if again => return Err(Error::Corrupt("what was written cannot be read".into())),
            Fault::Reopening(change) if again => {
                *site = self.sound.create().await?;
                let store = site.open().await?;
                replay(&self.history, change, &*store).await?;
                store.close().await;
            }
            _ => {}
        }
        Ok(Arc::new(MutantStore { fault, inner: site.open().await?, history: self.history.clone() }))
    }
}
