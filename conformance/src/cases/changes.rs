//! What an update does to its row.

use mintaka_core::records::{FlowRun, Log, WorkQueue, flow_run, log, work_queue};
use mintaka_core::{Batch, Change, Error, Key, Record, Value};

use crate::lab::Lab;
use crate::sample::{self, at, id, json, key, tags};

super::cases! { "change":
    an_update_changes_the_columns_it_names_alone ["C13" "V5"]
    an_update_of_a_missing_row_makes_none ["C13"]
    add_counts_null_as_zero_and_saturates ["C14"]
    add_takes_floats_and_negative_numbers ["C14"]
    max_raises_and_never_lowers ["C15"]
    every_change_of_a_row_adds_one_to_its_version ["C22"]
    a_change_of_soft_columns_alone_leaves_the_version ["C22" "C15"]
    a_soft_change_beside_another_adds_one ["C22"]
    a_change_to_the_same_value_is_a_change ["C22"]
    a_deleted_row_is_gone_and_its_deletion_is_said ["C17" "C24"]
    a_delete_by_unique_key_names_the_primary_key ["C17" "C24"]
    an_update_by_composite_key_changes_that_row_alone ["C13" "G2"]
}

async fn an_update_changes_the_columns_it_names_alone(lab: Lab) -> Result<(), Error> {
    // Of every kind there is a column with a value that is not named.
    let run = FlowRun {
        run_count: 3,
        state_name: Some("Late".into()),
        deployment_id: Some(id(5)),
        flow_version: Some("v1".into()),
        expected_start_time: Some(at(2)),
        total_run_time: 0.5,
        start_delay: Some(1.5),
        auto_scheduled: true,
        parameters: json("{\"n\": 1}"),
        job_variables: Some(json("[]")),
        tags: tags(&["b", "a"]),
        ..sample::flow_run(1, 1)
    };
    lab.seed([run.clone(), sample::flow_run(2, 1)]).await?;
    let change = Change::default()
        .set(flow_run::name, "renamed")
        .set(flow_run::state_name, Value::Null)
        .set(flow_run::start_time, at(4))
        .add(flow_run::run_count, 2)
        .max(flow_run::updated, at(9));
    lab.done(Batch::new().update::<FlowRun>(key(1), change)).await?;
    let expected = FlowRun {
        name: "renamed".into(),
        state_name: None,
        start_time: Some(at(4)),
        run_count: 5,
        updated: at(9),
        ..run
    };
    assert_eq!(lab.get::<FlowRun>(key(1)).await?.record, expected);
    assert_eq!(lab.get::<FlowRun>(key(2)).await?.record, sample::flow_run(2, 1));
    Ok(())
}

async fn an_update_of_a_missing_row_makes_none(lab: Lab) -> Result<(), Error> {
    let change = Change::default().set(flow_run::name, "x");
    let done = lab.done(Batch::new().update::<FlowRun>(key(1), change)).await?;
    assert!(!done[0].applied && done[0].key.is_none());
    assert_eq!(lab.count(&flow_run::TABLE).await?, 0);
    Ok(())
}

async fn add_counts_null_as_zero_and_saturates(lab: Lab) -> Result<(), Error> {
    lab.seed([sample::work_queue(1, 1)]).await?;
    let add =
        |n: i64| Batch::new().update::<WorkQueue>(key(1), Change::default().add(work_queue::concurrency_limit, n));
    for (n, expected) in [(5, 5), (-7, -2), (i64::MAX, i64::MAX - 2), (10, i64::MAX), (-1, i64::MAX - 1)] {
        lab.done(add(n)).await?;
        assert_eq!(lab.get::<WorkQueue>(key(1)).await?.concurrency_limit, Some(expected), "after adding {n}");
    }
    Ok(())
}

async fn add_takes_floats_and_negative_numbers(lab: Lab) -> Result<(), Error> {
    lab.seed([sample::flow_run(1, 1)]).await?;
    let add = Change::default().add(flow_run::total_run_time, 1.5).add(flow_run::start_delay, -0.25);
    let add = add.add(flow_run::run_count, -4);
    let twice = Batch::new().update::<FlowRun>(key(1), add.clone()).update::<FlowRun>(key(1), add);
    lab.done(twice).await?;
    let run = lab.get::<FlowRun>(key(1)).await?;
    assert_eq!((run.total_run_time, run.start_delay, run.run_count), (3.0, Some(-0.5), -8));
    Ok(())
}

async fn max_raises_and_never_lowers(lab: Lab) -> Result<(), Error> {
    lab.seed([sample::work_queue(1, 1)]).await?;
    let raise = |second| Change::default().max(work_queue::last_polled, at(second)).max(work_queue::priority, second);
    for (second, polled, priority) in [(-5, -5, 1), (7, 7, 7), (3, 7, 7), (8, 8, 8)] {
        lab.done(Batch::new().update::<WorkQueue>(key(1), raise(second))).await?;
        let queue = lab.get::<WorkQueue>(key(1)).await?;
        assert_eq!((queue.last_polled, queue.priority), (Some(at(polled)), priority), "after {second}");
    }
    let null = Change::default().max(work_queue::last_polled, Value::Null);
    lab.done(Batch::new().update::<WorkQueue>(key(1), null)).await?;
    assert_eq!(lab.get::<WorkQueue>(key(1)).await?.last_polled, Some(at(8)), "null is the least");
    Ok(())
}

async fn version(lab: &Lab) -> Result<i64, Error> {
    Ok(lab.get::<WorkQueue>(key(1)).await?.version)
}

async fn every_change_of_a_row_adds_one_to_its_version(lab: Lab) -> Result<(), Error> {
    lab.seed([sample::work_queue(1, 1)]).await?;
    assert_eq!(version(&lab).await?, 1);
    let set = || Batch::new().update::<WorkQueue>(key(1), Change::default().set(work_queue::is_paused, true));
    lab.done(set()).await?;
    assert_eq!(version(&lab).await?, 2);
    lab.done(set().extend(set())).await?;
    assert_eq!(version(&lab).await?, 4, "two ops of a batch");
    lab.commit_all(vec![set(), set(), set()]).await?;
    assert_eq!(version(&lab).await?, 7, "three batches of a commit");
    lab.done(Batch::new().update::<WorkQueue>(key(1), Change::default().add(work_queue::priority, 1))).await?;
    assert_eq!(version(&lab).await?, 8);
    Ok(())
}

async fn a_change_of_soft_columns_alone_leaves_the_version(lab: Lab) -> Result<(), Error> {
    lab.seed([sample::work_queue(1, 1)]).await?;
    let seen = lab.get::<WorkQueue>(key(1)).await?;
    let poll =
        |second| Batch::new().update::<WorkQueue>(key(1), Change::default().max(work_queue::last_polled, at(second)));
    assert!(lab.done(poll(3)).await?[0].applied);
    lab.done(poll(1)).await?;
    let polled = lab.get::<WorkQueue>(key(1)).await?;
    assert_eq!((polled.version, polled.last_polled), (1, Some(at(3))));
    lab.done(Batch::new().version(&seen).update::<WorkQueue>(key(1), Change::default().add(work_queue::priority, 1)))
        .await?;
    assert_eq!(lab.get::<WorkQueue>(key(1)).await?.last_polled, Some(at(3)), "a later change keeps it");
    Ok(())
}

async fn a_soft_change_beside_another_adds_one(lab: Lab) -> Result<(), Error> {
    lab.seed([sample::work_queue(1, 1)]).await?;
    let both = Change::default().max(work_queue::last_polled, at(3)).set(work_queue::is_paused, true);
    lab.done(Batch::new().update::<WorkQueue>(key(1), both)).await?;
    assert_eq!(version(&lab).await?, 2);
    lab.done(Batch::new().update::<WorkQueue>(key(1), Change::default().max(work_queue::priority, 5))).await?;
    assert_eq!(version(&lab).await?, 3, "the greater of a column that is not soft");
    Ok(())
}

async fn a_change_to_the_same_value_is_a_change(lab: Lab) -> Result<(), Error> {
    lab.seed([sample::work_queue(1, 1)]).await?;
    let same = Change::default().set(work_queue::name, "queue-1");
    assert!(lab.done(Batch::new().update::<WorkQueue>(key(1), same)).await?[0].applied);
    assert_eq!(version(&lab).await?, 2);
    Ok(())
}

async fn a_deleted_row_is_gone_and_its_deletion_is_said(lab: Lab) -> Result<(), Error> {
    lab.seed([1, 2].map(sample::flow)).await?;
    let delete = |n| Batch::new().delete::<mintaka_core::records::Flow>(key(n));
    let done = lab.done(delete(1)).await?;
    assert!(done[0].applied && !done[0].inserted);
    assert_eq!(done[0].key, Some(vec![id(1).into()]));
    let again = lab.done(delete(1)).await?;
    assert!(!again[0].applied);
    assert_eq!(again[0].key, None);
    assert_eq!(lab.count(mintaka_core::records::Flow::TABLE).await?, 1);
    lab.seed([sample::flow(1)]).await
}

async fn a_delete_by_unique_key_names_the_primary_key(lab: Lab) -> Result<(), Error> {
    lab.seed([1, 2].map(|n| sample::work_queue(n, 5))).await?;
    let unique = Key::Unique(vec![id(5).into(), "queue-2".into()]);
    let done = lab.done(Batch::new().delete::<WorkQueue>(unique)).await?;
    assert_eq!(done[0].key, Some(vec![id(2).into()]));
    assert_eq!(lab.ids(mintaka_core::Query::of(&work_queue::TABLE)).await?, [1]);
    Ok(())
}

async fn an_update_by_composite_key_changes_that_row_alone(lab: Lab) -> Result<(), Error> {
    // The same instant, and the same id at another one.
    let line = |n, second| Log { timestamp: at(second), ..sample::log(n) };
    lab.seed([line(1, 1), line(2, 1), line(1, 2), line(1, 3)]).await?;
    let of = |n, second| Key::Primary(vec![at(second).into(), id(n).into()]);
    let edit = Change::default().set(log::message, "edited");
    lab.done(Batch::new().update::<Log>(of(1, 1), edit).delete::<Log>(of(1, 2))).await?;
    assert_eq!(lab.get::<Log>(of(1, 1)).await?.message, "edited");
    assert_eq!(lab.get::<Log>(of(2, 1)).await?.message, "line 2");
    assert_eq!(lab.get::<Log>(of(1, 3)).await?.message, "line 1");
    assert!(lab.find::<Log>(of(1, 2)).await?.is_none());
    Ok(())
}
