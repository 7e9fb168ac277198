//! Rows by key.

use mintaka_core::records::{Event, EventResource, Flow, FlowRun, flow, flow_run};
use mintaka_core::{Change, Error, Key, Record, Time, Value};

use crate::lab::Lab;
use crate::sample::{self, at, id, key};

super::cases! { "get":
    rows_come_in_the_order_of_the_keys_with_gaps_where_there_are_none ["G1"]
    no_key_gives_no_row ["G1"]
    a_row_is_found_by_its_unique_key ["G2"]
    a_row_whose_unique_key_has_a_null_is_found_by_its_primary_key_alone ["G2" "C20"]
    composite_keys_are_compared_as_a_whole ["G2"]
    a_unique_key_finds_the_row_that_has_it_now ["G2" "C21"]
    thousands_of_keys_may_be_asked_at_once ["G4" "G1"]
    a_malformed_key_is_invalid ["G3"]
}

async fn rows_come_in_the_order_of_the_keys_with_gaps_where_there_are_none(lab: Lab) -> Result<(), Error> {
    lab.seed([1, 2, 3].map(sample::flow)).await?;
    let keys = [3, 9, 1, 3, 2].map(key).to_vec();
    let rows = lab.backend().get(Flow::TABLE, keys).await?;
    let ids: Vec<Option<Value>> = rows.into_iter().map(|row| row.map(|r| r.values[0].clone())).collect();
    let expected = [Some(3), None, Some(1), Some(3), Some(2)].map(|n| n.map(|n| Value::Uuid(id(n))));
    assert_eq!(ids, expected);
    Ok(())
}

async fn no_key_gives_no_row(lab: Lab) -> Result<(), Error> {
    lab.seed([sample::flow(1)]).await?;
    assert_eq!(lab.backend().get(Flow::TABLE, Vec::new()).await?, []);
    Ok(())
}

async fn a_row_is_found_by_its_unique_key(lab: Lab) -> Result<(), Error> {
    lab.seed([1, 2].map(sample::flow)).await?;
    let by_name = |name: &str| Key::Unique(vec![name.into()]);
    let keys = vec![by_name("flow-2"), key(1), by_name("flow-3"), by_name("FLOW-1"), by_name("flow-1")];
    let rows = lab.backend().get(Flow::TABLE, keys).await?;
    let found: Vec<Option<u128>> =
        rows.into_iter().map(|r| r.and_then(|r| Flow::from_values(r.values).ok()).map(|f| f.id.as_u128())).collect();
    assert_eq!(found, [Some(2), Some(1), None, None, Some(1)]);
    Ok(())
}

async fn a_row_whose_unique_key_has_a_null_is_found_by_its_primary_key_alone(lab: Lab) -> Result<(), Error> {
    let keyed = FlowRun { idempotency_key: Some(String::new()), ..sample::flow_run(2, 1) };
    lab.seed([sample::flow_run(1, 1), keyed]).await?;
    assert!(lab.find::<FlowRun>(key(1)).await?.is_some());
    let empty = lab.get::<FlowRun>(Key::Unique(vec![id(1).into(), "".into()])).await?;
    assert_eq!(empty.id, id(2), "the empty text is not null");
    Ok(())
}

async fn composite_keys_are_compared_as_a_whole(lab: Lab) -> Result<(), Error> {
    lab.seed([sample::event_resource(1, 0), sample::event_resource(1, 1), sample::event_resource(2, 0)]).await?;
    lab.seed([sample::event(1)]).await?;
    let third = |n: u128, ordinal: i64| {
        let row = sample::event_resource(n, ordinal);
        Key::Primary(vec![row.event_id.into(), row.resource_id.into(), ordinal.into()])
    };
    assert!(lab.find::<EventResource>(third(1, 1)).await?.is_some());
    assert!(lab.find::<EventResource>(third(2, 1)).await?.is_none());
    let same_id_at = |time: Time| Key::Primary(vec![time.into(), id(1).into()]);
    assert!(lab.find::<Event>(same_id_at(at(1))).await?.is_some());
    assert!(lab.find::<Event>(same_id_at(at(1).plus_micros(1))).await?.is_none());
    Ok(())
}

async fn a_unique_key_finds_the_row_that_has_it_now(lab: Lab) -> Result<(), Error> {
    lab.seed([1, 2].map(sample::flow)).await?;
    let rename = Change::default().set(flow::name, "renamed");
    lab.done(mintaka_core::Batch::new().update::<Flow>(key(1), rename).delete::<Flow>(key(2))).await?;
    let by_name = |name: &str| Key::Unique(vec![name.into()]);
    assert!(lab.find::<Flow>(by_name("flow-1")).await?.is_none());
    assert!(lab.find::<Flow>(by_name("flow-2")).await?.is_none());
    assert_eq!(lab.get::<Flow>(by_name("renamed")).await?.id, id(1));
    Ok(())
}

async fn thousands_of_keys_may_be_asked_at_once(lab: Lab) -> Result<(), Error> {
    let there = |n: u128| n < 50 || n % 10_000 == 9_999;
    lab.seed((0..40_000).filter(|&n| there(n)).map(sample::flow)).await?;
    // More than a statement of most engines takes as variables; some of the rows are among the last of them.
    let rows = lab.backend().get(Flow::TABLE, (0..40_000).map(key).collect()).await?;
    assert_eq!(rows.len(), 40_000);
    for (row, n) in rows.into_iter().zip(0..) {
        let found = row.map(|row| row.values[flow::id.ordinal].clone());
        assert_eq!(found, there(n).then(|| id(n).into()), "key {n}");
    }
    Ok(())
}

async fn a_malformed_key_is_invalid(lab: Lab) -> Result<(), Error> {
    for (table, key) in [
        (Flow::TABLE, Key::Primary(Vec::new())),
        (Flow::TABLE, Key::Primary(vec![id(1).into(), id(2).into()])),
        (Flow::TABLE, Key::Primary(vec!["text".into()])),
        (Flow::TABLE, Key::Unique(vec![Value::Null])),
        (Flow::TABLE, Key::Primary(vec![Value::IdOf(0)])),
        (&flow_run::TABLE, Key::Unique(vec![id(1).into()])),
        (Event::TABLE, Key::Unique(vec![id(1).into()])),
        (Event::TABLE, Key::Primary(vec![at(1).into()])),
    ] {
        let answer = lab.backend().get(table, vec![key.clone()]).await;
        assert!(matches!(answer, Err(Error::Invalid(_))), "{key:?} of {}: {answer:?}", table.name);
    }
    Ok(())
}
