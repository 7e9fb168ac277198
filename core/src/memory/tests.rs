//! What the reference backend does besides the contract, which the conformance suite holds it to.

use std::sync::Arc;

use crate::memory::MemoryStore;
use crate::records::{Flow, flow};
use crate::{Backend, Batch, Change, Error, Filter, Json, Key, ManualClock, Outcome, Query, Store, Tags, Time};
use uuid::Uuid;

fn a_flow(n: u128, name: &str) -> Flow {
    let now = Time::from_micros(0);
    Flow {
        id: Uuid::from_u128(n),
        created: now,
        updated: now,
        name: name.into(),
        tags: Tags::default(),
        labels: Json::object(),
    }
}

#[tokio::test]
async fn a_store_over_it_writes_reads_and_counts() -> Result<(), Error> {
    let store = Store::new(Arc::new(MemoryStore::new()));
    let committed = store.commit(Batch::new().insert(a_flow(1, "one")).insert(a_flow(2, "two"))).await?;
    assert!(matches!(committed, Outcome::Committed { .. }));
    let seen = store.first::<Flow>(Query::of(&flow::TABLE).filter(Filter::eq(flow::name, "two"))).await?;
    assert_eq!(seen.map(|f| f.record.id), Some(Uuid::from_u128(2)));
    assert_eq!(store.count::<Flow>(Filter::all()).await?, 2);
    Ok(())
}

#[tokio::test]
async fn a_batch_that_fails_halfway_leaves_no_trace() -> Result<(), Error> {
    let store = MemoryStore::new();
    store.commit(vec![Batch::new().insert(a_flow(1, "one"))].into()).await?;
    let renamed = Batch::new()
        .update::<Flow>(Key::id(Uuid::from_u128(1)), Change::default().set(flow::name, "two"))
        .insert(a_flow(2, "one"))
        .delete::<Flow>(Key::id(Uuid::from_u128(1)))
        .insert(a_flow(3, "one"));
    let outcomes = store.commit(vec![renamed].into()).await?.outcomes;
    assert!(matches!(outcomes[0], Outcome::Conflict(_)));
    let by_name = |name: &str| Key::Unique(vec![name.into()]);
    let rows = store.get(&flow::TABLE, vec![by_name("one"), by_name("two"), Key::id(Uuid::from_u128(2))]).await?;
    assert_eq!(rows[0].as_ref().map(|r| r.version), Some(1));
    assert_eq!((&rows[1], &rows[2]), (&None, &None));
    Ok(())
}

#[tokio::test]
async fn its_clock_is_the_one_it_was_given_and_it_refuses_calls_once_closed() -> Result<(), Error> {
    let clock = ManualClock::at(Time::from_micros(7));
    let store = MemoryStore::with_clock(Arc::new(clock.clone()));
    assert_eq!(store.heads().await?.now, Time::from_micros(7));
    clock.advance_seconds(1.0);
    assert_eq!(store.heads().await?.now, Time::from_micros(1_000_007));
    store.close().await;
    assert_eq!(store.heads().await, Err(Error::Closed));
    Ok(())
}
