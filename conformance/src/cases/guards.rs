//! What is asked before a batch is applied: guards, and `once`.

use mintaka_core::records::{Flow, WorkQueue, flow, flow_run, log};
use mintaka_core::{Batch, Change, Error, Guard, Key, Outcome, Part, Query, Record};

use crate::lab::{Lab, expect_conflict, is_committed};
use crate::sample::{self, id, key};

super::cases! { "guard":
    a_version_guard_holds_for_that_version_alone ["C5" "C8"]
    a_version_guard_sees_the_batches_before_it ["C5" "C2"]
    a_version_guard_of_a_missing_row_carries_no_row ["C5" "C8"]
    a_presence_guard_leaves_the_version_alone ["C6" "C8"]
    guards_take_unique_keys ["C5" "C6"]
    guards_are_judged_before_the_ops_of_their_batch ["C25"]
    the_first_guard_that_fails_is_named ["C8" "C25"]
    once_is_done_once ["C18"]
    once_finds_a_row_by_its_unique_key ["C18"]
    once_comes_before_the_guards ["C18" "C25"]
    once_of_two_batches_in_one_commit_is_done_once ["C18" "C2"]
    once_of_a_failed_batch_may_be_tried_again ["C18" "C1"]
}

fn rename(name: &str) -> Change {
    Change::default().set(flow::name, name)
}

fn guarded(guard: Guard) -> Batch {
    Batch { guards: vec![guard], ..Batch::new() }.update::<Flow>(key(1), rename("guarded"))
}

async fn a_version_guard_holds_for_that_version_alone(lab: Lab) -> Result<(), Error> {
    lab.seed([sample::flow(1)]).await?;
    lab.done(Batch::new().update::<Flow>(key(1), rename("two"))).await?;
    let seen = lab.get::<Flow>(key(1)).await?;
    for stale in [0, 1, 3, i64::MAX, -1] {
        let conflict = lab.conflict(guarded(Guard::Version(Flow::TABLE, key(1), stale))).await?;
        assert_eq!((conflict.part, conflict.table), (Part::Guard(0), Flow::TABLE));
        let row = conflict.row.map(|r| (r.version, r.values));
        assert_eq!(row, Some((2, seen.record.clone().into_values())), "the row as it is now");
    }
    lab.done(Batch::new().version(&seen).update::<Flow>(key(1), rename("three"))).await?;
    assert_eq!(lab.get::<Flow>(key(1)).await?.version, 3);
    Ok(())
}

async fn a_version_guard_sees_the_batches_before_it(lab: Lab) -> Result<(), Error> {
    lab.seed([sample::flow(1)]).await?;
    let seen = lab.get::<Flow>(key(1)).await?;
    let write = |name| Batch::new().version(&seen).update::<Flow>(key(1), rename(name));
    let outcomes = lab.commit_all(vec![write("winner"), write("loser"), write("loser")]).await?;
    assert!(is_committed(&outcomes[0]));
    for loser in &outcomes[1..] {
        let conflict = expect_conflict(loser.clone());
        let row = conflict.row.and_then(|row| Flow::from_values(row.values).ok());
        assert_eq!(row.map(|f| f.name), Some("winner".into()), "a loser gets the winner's row");
    }
    assert_eq!(lab.get::<Flow>(key(1)).await?.name, "winner");
    Ok(())
}

async fn a_version_guard_of_a_missing_row_carries_no_row(lab: Lab) -> Result<(), Error> {
    let batch = Batch { guards: vec![Guard::Version(Flow::TABLE, key(1), 1)], ..Batch::new() };
    let conflict = lab.conflict(batch.insert(sample::flow(2))).await?;
    assert_eq!((conflict.part, conflict.row), (Part::Guard(0), None));
    assert_eq!(lab.count(&flow::TABLE).await?, 0);
    Ok(())
}

async fn a_presence_guard_leaves_the_version_alone(lab: Lab) -> Result<(), Error> {
    lab.seed([sample::flow(1)]).await?;
    let run = |n, flow| Batch::new().present::<Flow>(key(flow)).insert(sample::flow_run(n, flow));
    lab.done(run(1, 1)).await?;
    assert_eq!(lab.get::<Flow>(key(1)).await?.version, 1);
    let conflict = lab.conflict(run(2, 2)).await?;
    assert_eq!((conflict.part, conflict.table, conflict.row), (Part::Guard(0), Flow::TABLE, None));
    assert_eq!(lab.ids(Query::of(&flow_run::TABLE)).await?, [1]);
    Ok(())
}

async fn guards_take_unique_keys(lab: Lab) -> Result<(), Error> {
    lab.seed([sample::flow(1)]).await?;
    let by_name = |name: &str| Key::Unique(vec![name.into()]);
    let guards =
        vec![Guard::Version(Flow::TABLE, by_name("flow-1"), 1), Guard::Present(Flow::TABLE, by_name("flow-1"))];
    lab.done(Batch { guards, ..Batch::new() }).await?;
    for guard in [Guard::Version(Flow::TABLE, by_name("flow-2"), 1), Guard::Present(Flow::TABLE, by_name("flow-2"))] {
        lab.conflict(Batch { guards: vec![guard], ..Batch::new() }).await?;
    }
    Ok(())
}

async fn guards_are_judged_before_the_ops_of_their_batch(lab: Lab) -> Result<(), Error> {
    lab.seed([sample::flow(1)]).await?;
    // Had the ops been first, each of these would come out the other way.
    let guards =
        vec![Guard::Version(Flow::TABLE, key(1), 1), Guard::Present(Flow::TABLE, Key::Unique(vec!["flow-1".into()]))];
    let batch = Batch { guards, ..Batch::new() };
    lab.done(batch.update::<Flow>(key(1), rename("x")).insert(sample::flow(2))).await?;
    lab.conflict(Batch::new().present::<Flow>(key(3)).insert(sample::flow(3))).await.map(drop)
}

async fn the_first_guard_that_fails_is_named(lab: Lab) -> Result<(), Error> {
    lab.seed([sample::flow(1)]).await?;
    let guards = vec![
        Guard::Present(Flow::TABLE, key(1)),
        Guard::Version(Flow::TABLE, key(1), 1),
        Guard::Present(WorkQueue::TABLE, key(1)),
        Guard::Present(Flow::TABLE, key(9)),
    ];
    let conflict = lab.conflict(Batch { guards, ..Batch::new() }.insert(sample::flow(1))).await?;
    assert_eq!((conflict.part, conflict.table, conflict.row), (Part::Guard(2), WorkQueue::TABLE, None));
    Ok(())
}

async fn once_is_done_once(lab: Lab) -> Result<(), Error> {
    let batch = Batch::new().once(sample::event(1)).insert_or_skip(sample::flow(1)).insert(sample::log(1));
    match lab.commit(batch.clone()).await? {
        Outcome::Committed { ops, .. } => assert_eq!(ops.len(), 2, "`once` is no op"),
        other => panic!("{other:?}"),
    }
    lab.done(Batch::new().delete::<Flow>(key(1))).await?;
    let Outcome::Repeated(row) = lab.commit(batch).await? else { panic!("the second time is a repetition") };
    assert_eq!(row.version, 1);
    assert_eq!(row.values[1], id(1).into());
    assert_eq!((lab.count(&flow::TABLE).await?, lab.count(&log::TABLE).await?), (0, 1), "nothing was done");
    Ok(())
}

async fn once_finds_a_row_by_its_unique_key(lab: Lab) -> Result<(), Error> {
    lab.seed([sample::flow(1)]).await?;
    let same_name = Flow { name: "flow-1".into(), ..sample::flow(2) };
    let Outcome::Repeated(row) = lab.commit(Batch::new().once(same_name).insert(sample::log(1))).await? else {
        panic!("a row with the unique key is a repetition")
    };
    assert_eq!(row.values[0], id(1).into());
    assert_eq!(lab.count(&log::TABLE).await?, 0);
    Ok(())
}

async fn once_comes_before_the_guards(lab: Lab) -> Result<(), Error> {
    lab.seed([sample::flow(1)]).await?;
    let missing = Batch::new().once(sample::flow(1)).present::<WorkQueue>(key(5));
    assert!(matches!(lab.commit(missing).await?, Outcome::Repeated(_)));
    let own = Batch::new().present::<Flow>(key(1)).once(sample::flow(2)).update::<Flow>(key(2), rename("named"));
    lab.done(own).await?;
    assert_eq!(lab.get::<Flow>(key(2)).await?.name, "named", "its ops see the row");
    Ok(())
}

async fn once_of_two_batches_in_one_commit_is_done_once(lab: Lab) -> Result<(), Error> {
    let batch = |n| Batch::new().once(sample::flow(1)).insert(sample::log(n));
    let outcomes = lab.commit_all(vec![batch(1), batch(2)]).await?;
    assert!(is_committed(&outcomes[0]) && matches!(outcomes[1], Outcome::Repeated(_)), "{outcomes:?}");
    assert_eq!(lab.ids(Query::of(&log::TABLE)).await?, [1]);
    Ok(())
}

async fn once_of_a_failed_batch_may_be_tried_again(lab: Lab) -> Result<(), Error> {
    let batch = || Batch::new().once(sample::flow(1)).present::<WorkQueue>(key(1));
    lab.conflict(batch()).await?;
    assert_eq!(lab.count(&flow::TABLE).await?, 0);
    lab.seed([sample::work_queue(1, 1)]).await?;
    lab.done(batch()).await?;
    assert_eq!(lab.count(&flow::TABLE).await?, 1);
    Ok(())
}
