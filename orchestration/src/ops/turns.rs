//! Turns: writers of one row that lost a race for it go one after the other.
//!
//! They only save work. Nothing is right because of a turn: the guards of a batch decide, also against writers in other
//! processes and those that never lost.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use mintaka_core::Conflict;
use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, timeout_at};

/// Rows that are waited for at one time; further ones are not waited for.
const MOST_ROWS: usize = 1024;

type Rows = HashMap<String, Arc<tokio::sync::Mutex<()>>>;

/// The rows that somebody writes or waits for. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub(crate) struct Turns(Arc<Mutex<Rows>>);

/// The turn at a row, or a place among those who wait for it. The next one's turn begins when it is dropped.
pub(super) struct Turn {
    turns: Turns,
    row: String,
    place: Arc<tokio::sync::Mutex<()>>,
    held: Option<OwnedMutexGuard<()>>,
}

/// The name of the row that was in the way; `None` if there is none.
pub(super) fn row_in_the_way(conflict: &Conflict) -> Option<String> {
    let row = conflict.row.as_ref()?;
    let key: Vec<_> = conflict.table.key.iter().map(|&ordinal| &row.values[ordinal]).collect();
    Some(format!("{} {key:?}", conflict.table.name))
}

impl Turns {
    /// Takes a place at a row; `None` if too many rows are waited for.
    pub(super) fn at(&self, row: String) -> Option<Turn> {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rows.len() >= MOST_ROWS && !rows.contains_key(&row) {
            return None;
        }
        let place = rows.entry(row.clone()).or_default().clone();
        Some(Turn { turns: self.clone(), row, place, held: None })
    }
}

impl Turn {
    /// The row's name.
    pub(super) fn row(&self) -> &str {
        &self.row
    }

    /// Waits until it is this one's turn, or until a time. Whether it took a wait.
    pub(super) async fn come(&mut self, until: Instant) -> bool {
        if let Ok(held) = self.place.clone().try_lock_owned() {
            self.held = Some(held);
            return false;
        }
        self.held = timeout_at(until, self.place.clone().lock_owned()).await.ok();
        true
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.held = None;
        let mut rows = self.turns.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The map's and this one: nobody else waits.
        if Arc::strong_count(&self.place) == 2 {
            rows.remove(&self.row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[tokio::test]
    async fn the_second_waits_for_the_first_and_nothing_is_left_behind() {
        let turns = Turns::default();
        let mut first = turns.at("row".into()).unwrap();
        assert!(!first.come(soon()).await, "a free row is waited for");
        let mut second = turns.at("row".into()).unwrap();
        let waiting = tokio::spawn(async move { (second.come(soon()).await, second) });
        tokio::task::yield_now().await;
        drop(first);
        let (waited, second) = waiting.await.unwrap();
        assert!(waited && second.held.is_some());
        drop(second);
        assert!(turns.0.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn who_waits_in_vain_goes_on_without_a_turn() {
        let turns = Turns::default();
        let mut first = turns.at("row".into()).unwrap();
        first.come(soon()).await;
        let mut second = turns.at("row".into()).unwrap();
        assert!(second.come(Instant::now()).await);
        assert!(second.held.is_none());
    }
}
