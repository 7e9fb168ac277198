//! A backend that keeps what it is asked, and by whom.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use mintaka_core::memory::MemoryStore;
use mintaka_core::{Aggregate, Backend, Error, Filter, Layer, Query, Row, Value};

/// A read that is not by key.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    Select(Query),
    Aggregate(Aggregate),
}

impl Asked {
    pub fn filter(&self) -> &Filter {
        match self {
            Asked::Select(query) => &query.filter,
            Asked::Aggregate(aggregate) => &aggregate.filter,
        }
    }
}

/// What was asked, with the name of who asked, in order.
pub type Record = Vec<(Arc<str>, Asked)>;

pub struct Recorder {
    inner: MemoryStore,
    who: Mutex<Arc<str>>,
    record: Mutex<Record>,
}

impl Recorder {
    pub fn over(inner: MemoryStore) -> Recorder {
        Recorder { inner, who: Mutex::new("".into()), record: Mutex::default() }
    }

    /// What is asked from now on is asked by `who`.
    pub fn set_asker(&self, who: &str) {
        *self.who.lock().unwrap() = who.into();
    }

    pub fn take(&self) -> Record {
        std::mem::take(&mut self.record.lock().unwrap())
    }

    fn keep(&self, asked: Asked) {
        let who = self.who.lock().unwrap().clone();
        self.record.lock().unwrap().push((who, asked));
    }
}

#[async_trait]
impl Layer for Recorder {
    fn inner(&self) -> &dyn Backend {
        &self.inner
    }
    async fn select(&self, query: Query) -> Result<Vec<Row>, Error> {
        self.keep(Asked::Select(query.clone()));
        self.inner.select(query).await
    }
    async fn aggregate(&self, aggregate: Aggregate) -> Result<Vec<Vec<Value>>, Error> {
        self.keep(Asked::Aggregate(aggregate.clone()));
        self.inner.aggregate(aggregate).await
    }
}
