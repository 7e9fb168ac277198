//! What a backend says of itself, and how it ends.

use mintaka_core::records::{Flow, FlowRun, FlowRunInput, flow, flow_run_input, log};
use mintaka_core::{
    Aggregate, Batch, Change, Durability, Error, Filter, Key, MAX_KEY_BYTES, MAX_ROW_BYTES, Outcome, Query, Record,
    Value,
};

use crate::lab::{Lab, is_committed};
use crate::sample;

super::cases! { "caps":
    what_a_backend_says_of_itself_stays_the_same ["K1"]
    a_row_above_the_limit_fails_its_batch_alone ["K2" "C3"]
    what_is_searched_by_has_a_longest_text ["C7" "C3"]
    a_backend_that_promises_durability_can_be_opened_again ["K4"]
    a_backend_for_many_processes_can_be_opened_beside_itself ["K5"]
    a_closed_store_refuses_every_call ["K3"]
}

async fn what_a_backend_says_of_itself_stays_the_same(lab: Lab) -> Result<(), Error> {
    let before = lab.backend().caps();
    assert!(!before.name.is_empty());
    assert!(before.writers > 0);
    lab.seed([sample::flow(1)]).await?;
    assert_eq!(lab.backend().caps(), before);
    Ok(())
}

async fn a_row_above_the_limit_fails_its_batch_alone(lab: Lab) -> Result<(), Error> {
    let input =
        |n: u128, bytes: usize| FlowRunInput { value: "x".repeat(bytes), ..sample::flow_run_input(n, n, "key") };
    let rest: usize = input(1, 0).into_values().iter().map(Value::size).sum();
    let largest = MAX_ROW_BYTES - rest;
    lab.seed([input(1, largest)]).await?;
    let grown = Change::default().set(flow_run_input::value, "y".repeat(largest + 1));
    let outcomes = lab
        .commit_all(vec![
            Batch::new().insert(sample::flow(1)),
            Batch::new().insert(sample::flow(2)).insert(input(2, largest + 1)),
            Batch::new().insert(sample::flow(4)).update::<FlowRunInput>(sample::key(1), grown),
            Batch::new().insert(sample::flow(3)),
        ])
        .await?;
    for outcome in &outcomes[1..3] {
        let named = |text: &str| text.contains("flow_run_input.value");
        assert!(matches!(outcome, Outcome::Failed(Error::TooLarge(text)) if named(text)), "{outcome:?}");
    }
    assert!(is_committed(&outcomes[0]) && is_committed(&outcomes[3]));
    assert_eq!(lab.ids(Query::of(&flow::TABLE)).await?, [1, 3]);
    let stored = lab.get::<FlowRunInput>(sample::key(1)).await?;
    assert_eq!(stored.value.len(), largest);
    assert_eq!(lab.count(&flow_run_input::TABLE).await?, 1);
    Ok(())
}

async fn what_is_searched_by_has_a_longest_text(lab: Lab) -> Result<(), Error> {
    let named = |n: u128, bytes: usize| Flow { name: "x".repeat(bytes), ..sample::flow(n) };
    // Beside the name, its entry has the primary key.
    let longest = MAX_KEY_BYTES - 16;
    lab.seed([named(1, longest)]).await?;
    assert!(lab.row(Flow::TABLE, Key::Unique(vec!["x".repeat(longest).into()])).await?.is_some());
    let renamed = Change::default().set(flow::name, "y".repeat(longest + 1));
    let tagged = FlowRun { tags: sample::tags(&["short", &"x".repeat(MAX_KEY_BYTES)]), ..sample::flow_run(1, 1) };
    let outcomes = lab
        .commit_all(vec![
            Batch::new().insert(sample::log(1)).insert(named(2, longest + 1)),
            Batch::new().insert(sample::log(2)).update::<Flow>(sample::key(1), renamed),
            Batch::new().insert(sample::log(3)).insert(tagged),
            Batch::new().insert(sample::flow(3)),
        ])
        .await?;
    for (outcome, name) in outcomes.iter().zip(["flow.name", "flow.name", "flow_run.tags"]) {
        let named = |text: &str| text.contains(name);
        assert!(matches!(outcome, Outcome::Failed(Error::TooLarge(text)) if named(text)), "{outcome:?}");
    }
    assert!(is_committed(&outcomes[3]));
    assert_eq!((lab.ids(Query::of(&flow::TABLE)).await?, lab.count(&log::TABLE).await?), (vec![1, 3], 0));
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

async fn a_backend_for_many_processes_can_be_opened_beside_itself(lab: Lab) -> Result<(), Error> {
    let many = lab.backend().caps().many_processes;
    assert!(lab.shares() || !many, "its provision must share stores, or what it promises cannot be shown");
    if lab.shares() {
        let other = lab.another().await?;
        assert_eq!(other.backend().caps(), lab.backend().caps());
        other.seed([sample::flow(1)]).await?;
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
