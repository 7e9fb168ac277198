//! What is there after a store was closed and opened again.

use mintaka_core::records::{Flow, FlowRun, Log, TABLES, WorkQueue, flow, log};
use mintaka_core::{Batch, Change, Direction, Error, Key, Outcome, Query, Record, Row};

use crate::lab::{Lab, is_committed};
use crate::sample::{self, at, json, key, tags};

super::cases! { "durability":
    what_was_committed_is_there_with_its_versions ["D1"]
    what_failed_and_what_was_deleted_is_not_there ["D1" "C1"]
    the_last_batch_of_a_group_is_there ["D1" "C3"]
    keys_hold_against_rows_from_before ["D2"]
    once_holds_against_rows_from_before ["D2" "C18"]
    positions_of_a_stream_are_never_given_again ["D3" "H6"]
    a_store_may_be_opened_many_times ["D1"]
}

async fn what_was_committed_is_there_with_its_versions(mut lab: Lab) -> Result<(), Error> {
    let run = FlowRun {
        tags: tags(&["b", "a", "b"]),
        parameters: json(r#"{"b": 1.0, "a":  "é"}"#),
        start_time: Some(at(1).plus_micros(1)),
        total_run_time: 0.1,
        ..sample::flow_run(1, 1)
    };
    lab.seed([run]).await?;
    lab.seed([sample::flow(1)]).await?;
    lab.seed([sample::work_queue(1, 1)]).await?;
    lab.done(Batch::new().update::<Flow>(key(1), Change::default().set(flow::name, "renamed"))).await?;
    let polled = Change::default().max(mintaka_core::records::work_queue::last_polled, at(3));
    lab.done(Batch::new().update::<WorkQueue>(key(1), polled)).await?;
    lab.seed([sample::event(1)]).await?;
    let before = everything(&lab).await?;
    lab.reopen().await?;
    assert_eq!(everything(&lab).await?, before);
    assert_eq!(lab.get::<Flow>(key(1)).await?.version, 2);
    Ok(())
}

/// The rows of all tables.
async fn everything(lab: &Lab) -> Result<Vec<(&'static str, Vec<Row>)>, Error> {
    let mut tables = Vec::new();
    for &table in TABLES {
        tables.push((table.name, lab.select(Query::of(table)).await?));
    }
    Ok(tables)
}

async fn what_failed_and_what_was_deleted_is_not_there(mut lab: Lab) -> Result<(), Error> {
    lab.seed([1, 2].map(sample::flow)).await?;
    lab.conflict(Batch::new().insert(sample::flow(3)).insert(sample::flow(1))).await?;
    lab.done(Batch::new().delete::<Flow>(key(2))).await?;
    lab.reopen().await?;
    assert_eq!(lab.ids(Query::of(&flow::TABLE)).await?, [1]);
    lab.seed([2, 3].map(sample::flow)).await
}

async fn the_last_batch_of_a_group_is_there(mut lab: Lab) -> Result<(), Error> {
    let outcomes = lab.commit_all((1..=5).map(|n| Batch::new().insert(sample::flow(n))).collect()).await?;
    assert!(outcomes.iter().all(is_committed));
    lab.reopen().await?;
    assert_eq!(lab.ids(Query::of(&flow::TABLE)).await?, [1, 2, 3, 4, 5]);
    Ok(())
}

async fn keys_hold_against_rows_from_before(mut lab: Lab) -> Result<(), Error> {
    lab.seed([sample::flow(1)]).await?;
    lab.reopen().await?;
    lab.conflict(Batch::new().insert(Flow { name: "flow-1".into(), ..sample::flow(2) })).await?;
    lab.conflict(Batch::new().insert(Flow { name: "other".into(), ..sample::flow(1) })).await?;
    assert!(lab.find::<Flow>(Key::Unique(vec!["flow-1".into()])).await?.is_some());
    Ok(())
}

async fn once_holds_against_rows_from_before(mut lab: Lab) -> Result<(), Error> {
    let batch = Batch::new().once(sample::event(1)).insert_or_skip(sample::flow(1));
    assert!(is_committed(&lab.commit(batch.clone()).await?));
    lab.reopen().await?;
    assert!(matches!(lab.commit(batch).await?, Outcome::Repeated(_)));
    Ok(())
}

async fn positions_of_a_stream_are_never_given_again(mut lab: Lab) -> Result<(), Error> {
    for n in 1..=4 {
        lab.seed([sample::log(n)]).await?;
        let heads = lab.backend().heads().await?;
        lab.reopen().await?;
        let reopened = lab.backend().heads().await?;
        for (writer, position) in heads.positions() {
            // A writer may be retired, but it is not forgotten, nor what it wrote.
            let now = reopened.positions().get(&writer).copied();
            assert!(now >= Some(position), "writer {writer} went from {position} to {now:?}");
        }
    }
    let query = Query::of(&log::TABLE).order(log::writer, Direction::Asc).order(log::seq, Direction::Asc);
    let rows = lab.select(query).await?;
    let stamps: Result<Vec<(i64, i64)>, Error> =
        rows.into_iter().map(|row| Log::from_values(row.values).map(|line| (line.writer, line.seq))).collect();
    let stamps = stamps?;
    assert!(stamps.len() == 4 && stamps.windows(2).all(|pair| pair[0] < pair[1]), "{stamps:?}");
    Ok(())
}

async fn a_store_may_be_opened_many_times(mut lab: Lab) -> Result<(), Error> {
    for n in 0..5 {
        assert_eq!(lab.count(&flow::TABLE).await?, n as usize);
        lab.seed([sample::flow(n)]).await?;
        lab.reopen().await?;
    }
    Ok(())
}
