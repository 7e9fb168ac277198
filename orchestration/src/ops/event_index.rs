//! The resources of events as rows, derived from the stream of events by a cursor.
//!
//! A transition writes its event and nothing more: one row for each resource would double what it writes. Whoever asks
//! for events by resource catches up first, so the answer is as fresh as the events; a loop keeps the backlog short.

use std::time::{Duration, Instant};

use mintaka_core::records::{Configuration, Event, EventResource, configuration};
use mintaka_core::{Batch, Change, Error, Head, Json, Key, Record};

use super::cursor::Cursor;
use super::events::resources_of;
use crate::operations::Operations;

/// Row of the configuration that holds the cursor: up to where events have their rows.
const CURSOR: &str = "EVENT_RESOURCES_CURSOR";
/// Events of one batch. A longer one would hold up the writes that share its commit; a shorter one writes more.
const PAGE: u64 = 50;
/// Time between two rounds of [`keep_up`].
const PACE: Duration = Duration::from_secs(1);

/// Makes the rows of every event that was recorded before the call.
///
/// Safe to repeat and to run in several processes at once: the cursor moves in the batch of the rows, guarded by its
/// version.
///
/// # Errors
/// What the store answers.
pub async fn catch_up(ops: &Operations) -> Result<(), Error> {
    let heads = ops.heads().await?.writers;
    while advance(ops, &heads).await? {}
    Ok(())
}

/// Makes the rows of one page of events up to these positions. Whether there may be more.
async fn advance(ops: &Operations, until: &[Head]) -> Result<bool, Error> {
    let key = Key::Unique(vec![CURSOR.into()]);
    let seen = ops.find::<Configuration>(key).await?;
    let mut cursor: Cursor = match &seen {
        Some(row) => row.value.to()?,
        None => Cursor::default(),
    };
    let Some(&span) = cursor.ahead(until).first() else { return Ok(false) };
    let page = ops.select::<Event>(span.query(Event::TABLE)?.limit(PAGE)).await?;
    cursor.advance(span, page.last().filter(|_| page.len() as u64 == PAGE).map(|event| event.seq));

    let now = ops.now();
    let mut batch = Batch::new();
    match seen {
        Some(seen) => {
            let change =
                Change::default().set(configuration::value, Json::of(&cursor)).set(configuration::updated, now);
            batch = batch.version(&seen).update::<Configuration>(Key::id(seen.id), change);
        }
        None => {
            let (id, value) = (ops.new_id(), Json::of(&cursor));
            batch = batch.insert(Configuration { id, created: now, updated: now, key: CURSOR.into(), value });
        }
    }
    for recorded in &page {
        batch = resources_of(&recorded.record)?.into_iter().fold(batch, Batch::insert_or_skip::<EventResource>);
    }
    // A conflict means that another process was faster: the next round sees where it got to.
    ops.commit(batch).await?;
    Ok(true)
}

/// Catches up whenever something was committed, at most once a second, until it is dropped.
pub async fn keep_up(ops: Operations) {
    let mut committed = ops.committed();
    loop {
        if let Err(error) = catch_up_gently(&ops).await {
            tracing::warn!(%error, "the resources of events are behind");
        }
        tokio::time::sleep(PACE).await;
        if committed.changed().await.is_err() {
            return;
        }
    }
}

/// Catches up, and leaves half of the time to the writes of others.
async fn catch_up_gently(ops: &Operations) -> Result<(), Error> {
    let heads = ops.heads().await?.writers;
    loop {
        let begins = Instant::now();
        if !advance(ops, &heads).await? {
            return Ok(());
        }
        tokio::time::sleep(begins.elapsed()).await;
    }
}
