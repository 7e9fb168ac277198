//! What a backend says of itself, and how it ends.

use mintaka_core::records::{Flow, FlowRunInput, flow, flow_run_input};
use mintaka_core::{Aggregate, Batch, Durability, Error, Filter, Outcome, Query, Record, Value};

use crate::lab::{Lab, is_committed};
use crate::sample;

super::cases! { "caps":
    what_a_backend_says_of_itself_stays_the_same ["K1"]
    a_row_above_the_limit_fails_its_batch_alone ["K2" "C3"]
    a_backend_that_promises_durability_can_be_opened_again ["K4"]
    a_closed_store_refuses_every_call ["K3"]
}

async fn what_a_backend_says_of_itself_stays_the_same(lab: Lab) -> Result<(), Error> {
    let before = lab.backend().caps();
    assert!(!before.name.is_empty());
    assert!(before.max_row_bytes >= 1 << 20, "a row may have at least a MiB: a log line or a parameter can");
    lab.seed([sample::flow(1)]).await?;
    assert_eq!(lab.backend().caps(), before);
    Ok(())
}

async fn a_row_above_the_limit_fails_its_batch_alone(lab: Lab) -> Result<(), Error> {
    let input =
        |n: u128, bytes: usize| FlowRunInput { value: "x".repeat(bytes), ..sample::flow_run_input(n, n, "key") };
    let limit = lab.backend().caps().max_row_bytes;
    let rest: usize = input(1, 0).into_values().iter().map(Value::size).sum();
    // Where the limit is too far away to be reached here, what is shown is that a row of 16 MiB is taken.
    let largest = (limit - rest).min(16 << 20);
    lab.seed([input(1, largest)]).await?;
    if largest + rest == limit {
        let outcomes = lab
            .commit_all(vec![
                Batch::new().insert(sample::flow(1)),
                Batch::new().insert(sample::flow(2)).insert(input(2, largest + 1)),
                Batch::new().insert(sample::flow(3)),
            ])
            .await?;
        assert!(matches!(outcomes[1], Outcome::Failed(_)), "{:?}", outcomes[1]);
        assert!(is_committed(&outcomes[0]) && is_committed(&outcomes[2]));
        assert_eq!(lab.ids(Query::of(&flow::TABLE)).await?, [1, 3]);
    }
    let stored = lab.get::<FlowRunInput>(sample::key(1)).await?;
    assert_eq!(stored.value.len(), largest);
    assert_eq!(lab.count(&flow_run_input::TABLE).await?, 1);
    Ok(())
}

async fn a_backend_that_promises_durability_can_be_opened_again(mut lab: Lab) -> Result<(), Error> {
    let durable = lab.backend().caps().durability != Durability::Process;
    assert!(lab.keeps() || !durable, "its provision must keep stores, or what it promises cannot be shown");
    if lab.keeps() {
        let before = lab.backend().caps();
        lab.seed([sample::flow(1)]).await?;
        lab.reopen().await?;
        assert_eq!(lab.backend().caps(), before);
        lab.seed([sample::flow(2)]).await?;
    }
    Ok(())
}

async fn a_closed_store_refuses_every_call(lab: Lab) -> Result<(), Error> {
    let store = lab.backend();
    lab.seed([sample::flow(1)]).await?;
    store.close().await;
    store.close().await;
    assert_eq!(store.heads().await.err(), Some(Error::Closed));
    assert_eq!(store.get(Flow::TABLE, vec![sample::key(1)]).await.err(), Some(Error::Closed));
    assert_eq!(store.select(Query::of(Flow::TABLE)).await.err(), Some(Error::Closed));
    let count = Aggregate::count(Flow::TABLE, Filter::all());
    assert_eq!(store.aggregate(count).await.err(), Some(Error::Closed));
    let batch = Batch::new().insert(sample::flow(2));
    assert_eq!(store.commit(vec![batch].into()).await.err(), Some(Error::Closed));
    Ok(())
}
