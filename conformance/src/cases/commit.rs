//! Batches as wholes: atomicity, order, references between ops.

use mintaka_core::records::{Flow, FlowRun, Log, WorkQueue, flow, flow_run, log, work_queue};
use mintaka_core::{
    Batch, Change, Cmp, Condition, Done, Error, Guard, Key, OnExists, Op, Outcome, Part, Query, Record, Store, Value,
};

use crate::lab::{Lab, expect_conflict, is_committed};
use crate::sample::{self, at, id, key};

super::cases! { "commit":
    a_batch_that_fails_leaves_no_trace ["C1"]
    a_commit_of_nothing_and_a_batch_of_nothing_are_fine ["C1" "C24"]
    batches_are_judged_in_order ["C2" "C8"]
    a_batch_that_fails_does_not_disturb_the_others ["C3" "C2" "C1"]
    a_batch_after_a_failed_one_sees_the_store_without_it ["C2" "C3"]
    ops_see_the_ones_before_them ["C4" "C24"]
    a_row_may_come_and_go_within_a_batch_and_a_commit ["C4" "C2" "C17"]
    a_value_may_be_the_id_of_the_row_of_an_earlier_op ["C19"]
    a_reference_to_an_op_without_a_row_fails_its_batch_alone ["C19" "C23" "C3"]
    a_malformed_batch_is_invalid ["C23"]
    a_batch_of_many_rows_is_one_batch ["C1"]
    a_commit_of_many_batches_answers_each ["C2" "C3"]
}

fn rename(name: &str) -> Change {
    Change::default().set(flow::name, name)
}

async fn a_batch_that_fails_leaves_no_trace(lab: Lab) -> Result<(), Error> {
    lab.seed([1, 2].map(sample::flow)).await?;
    lab.seed([sample::work_queue(1, 1)]).await?;
    let before = (lab.select(Query::of(&flow::TABLE)).await?, lab.select(Query::of(&work_queue::TABLE)).await?);
    let failing = Batch::new()
        .insert(sample::flow(3))
        .update::<Flow>(key(1), rename("renamed"))
        .update::<WorkQueue>(key(1), Change::default().max(work_queue::last_polled, at(9)))
        .delete::<Flow>(key(2))
        .insert(sample::log(1))
        .insert(Flow { name: "renamed".into(), ..sample::flow(4) });
    lab.conflict(failing).await?;
    let after = (lab.select(Query::of(&flow::TABLE)).await?, lab.select(Query::of(&work_queue::TABLE)).await?);
    assert_eq!(after, before);
    assert_eq!(lab.count(&log::TABLE).await?, 0);
    lab.seed([sample::flow(3)]).await
}

async fn a_commit_of_nothing_and_a_batch_of_nothing_are_fine(lab: Lab) -> Result<(), Error> {
    assert_eq!(lab.commit_all(Vec::new()).await?, []);
    assert_eq!(lab.commit(Batch::new()).await?, Outcome::Committed { ops: Vec::new(), stream: None });
    Ok(())
}

async fn batches_are_judged_in_order(lab: Lab) -> Result<(), Error> {
    let outcomes = lab
        .commit_all(vec![
            Batch::new().insert(sample::flow(1)),
            Batch::new().insert(Flow { name: "other".into(), ..sample::flow(1) }),
            Batch::new().present::<Flow>(key(1)).update::<Flow>(key(1), rename("renamed")),
            Batch::new().insert(Flow { name: "flow-1".into(), ..sample::flow(2) }),
        ])
        .await?;
    let conflict = expect_conflict(outcomes[1].clone());
    assert_eq!(conflict.row.map(|r| r.version), Some(1));
    assert!(is_committed(&outcomes[0]) && is_committed(&outcomes[2]) && is_committed(&outcomes[3]), "{outcomes:?}");
    assert_eq!(lab.get::<Flow>(key(1)).await?.version, 2);
    Ok(())
}

async fn a_batch_that_fails_does_not_disturb_the_others(lab: Lab) -> Result<(), Error> {
    lab.seed([sample::flow(9)]).await?;
    let collides = Flow { name: "flow-9".into(), ..sample::flow(5) };
    let outcomes = lab
        .commit_all(vec![
            Batch::new().insert(sample::flow(1)),
            Batch::new().insert(sample::flow(2)).insert(collides),
            Batch::new().insert(sample::flow(3)),
            Batch::new().update_requiring::<Flow>(key(77), Vec::new(), rename("x")).delete::<Flow>(key(9)),
            Batch::new().present::<Flow>(key(78)).insert(sample::flow(6)),
            Batch::new().insert(sample::flow(4)),
        ])
        .await?;
    let committed: Vec<bool> = outcomes.iter().map(is_committed).collect();
    // Nothing is required of row 77, so a missing row is a skip.
    assert_eq!(committed, [true, false, true, true, false, true]);
    assert_eq!(lab.ids(Query::of(&flow::TABLE)).await?, [1, 3, 4]);
    Ok(())
}

async fn a_batch_after_a_failed_one_sees_the_store_without_it(lab: Lab) -> Result<(), Error> {
    lab.seed([1, 2].map(sample::flow)).await?;
    let outcomes = lab
        .commit_all(vec![
            // Renames 1, frees its name, takes 3, and then fails.
            Batch::new().update::<Flow>(key(1), rename("new")).insert(sample::flow(3)).insert(sample::flow(2)),
            Batch::new().insert(Flow { name: "flow-1".into(), ..sample::flow(4) }),
            Batch::new().insert(Flow { name: "new".into(), ..sample::flow(3) }),
            Batch { guards: vec![Guard::Version(Flow::TABLE, key(1), 1)], ..Batch::new() },
        ])
        .await?;
    assert_eq!(outcomes.iter().map(is_committed).collect::<Vec<_>>(), [false, false, true, true]);
    let in_the_way = expect_conflict(outcomes[1].clone()).row.map(|r| r.values[0].clone());
    assert_eq!(in_the_way, Some(id(1).into()));
    assert_eq!(lab.ids(Query::of(&flow::TABLE)).await?, [1, 2, 3]);
    Ok(())
}

async fn ops_see_the_ones_before_them(lab: Lab) -> Result<(), Error> {
    let done = lab
        .done(
            Batch::new()
                .insert(sample::flow(1))
                .update::<Flow>(key(1), rename("second"))
                .update::<Flow>(Key::Unique(vec!["second".into()]), rename("third"))
                .update::<Flow>(Key::Unique(vec!["second".into()]), rename("never"))
                .insert_or_skip(Flow { name: "third".into(), ..sample::flow(2) })
                .delete::<Flow>(key(2)),
        )
        .await?;
    let of = |applied, inserted, n: Option<u128>| Done { applied, inserted, key: n.map(|n| vec![id(n).into()]) };
    assert_eq!(
        done,
        [
            of(true, true, Some(1)),
            of(true, false, Some(1)),
            of(true, false, Some(1)),
            of(false, false, None),
            of(false, false, Some(1)),
            of(false, false, None),
        ]
    );
    let seen = lab.get::<Flow>(key(1)).await?;
    assert_eq!((seen.name.as_str(), seen.version), ("third", 3));
    Ok(())
}

async fn a_row_may_come_and_go_within_a_batch_and_a_commit(lab: Lab) -> Result<(), Error> {
    lab.done(Batch::new().insert(sample::flow(1)).delete::<Flow>(key(1))).await?;
    assert_eq!(lab.count(&flow::TABLE).await?, 0);
    lab.seed([sample::flow(1)]).await?;
    lab.done(Batch::new().update::<Flow>(key(1), rename("x"))).await?;
    lab.commit_all(vec![
        Batch::new().delete::<Flow>(key(1)),
        Batch::new().insert(Flow { name: "again".into(), ..sample::flow(1) }),
        Batch::new().insert(sample::flow(2)).delete::<Flow>(key(2)).insert(sample::flow(2)).insert(sample::flow(3)),
        Batch::new().delete::<Flow>(key(3)),
    ])
    .await?;
    let again = lab.get::<Flow>(key(1)).await?;
    assert_eq!((again.name.as_str(), again.version), ("again", 1), "a row that comes again is a new row");
    assert_eq!(lab.ids(Query::of(&flow::TABLE)).await?, [1, 2]);
    Ok(())
}

/// An insert of a run whose flow is the row of an earlier op.
fn run_of_op(n: u128, op: usize) -> Op {
    let mut values = sample::flow_run(n, 0).into_values();
    values[flow_run::flow_id.ordinal] = Value::IdOf(op);
    Op::Insert { table: FlowRun::TABLE, values, on_exists: OnExists::Conflict }
}

async fn a_value_may_be_the_id_of_the_row_of_an_earlier_op(lab: Lab) -> Result<(), Error> {
    lab.seed([sample::flow(7)]).await?;
    let named = |n, name: &str| Flow { name: name.into(), ..sample::flow(n) };
    let mut batch = Batch::new()
        .upsert(named(1, "new"), Change::default(), Vec::new())
        .upsert(named(2, "flow-7"), Change::default(), Vec::new())
        .insert_or_skip(named(3, "flow-7"))
        .update::<Flow>(Key::Unique(vec!["new".into()]), rename("newer"));
    batch.ops.extend([run_of_op(10, 0), run_of_op(11, 1), run_of_op(12, 2), run_of_op(13, 3)]);
    let batch = batch.update::<FlowRun>(key(13), Change::default().set(flow_run::state_id, Value::IdOf(4)));
    lab.done(batch).await?;
    for (run, flow) in [(10, 1), (11, 7), (12, 7), (13, 1)] {
        assert_eq!(lab.get::<FlowRun>(key(run)).await?.flow_id, id(flow), "run {run}");
    }
    assert_eq!(lab.get::<FlowRun>(key(13)).await?.state_id, Some(id(10)));
    Ok(())
}

async fn a_reference_to_an_op_without_a_row_fails_its_batch_alone(lab: Lab) -> Result<(), Error> {
    let mut batch = Batch::new().insert(sample::flow(5)).update::<Flow>(key(77), rename("missing"));
    batch.ops.push(run_of_op(1, 1));
    let outcomes =
        lab.commit_all(vec![Batch::new().insert(sample::flow(1)), batch, Batch::new().insert(sample::flow(2))]).await?;
    assert!(is_committed(&outcomes[0]) && is_committed(&outcomes[2]));
    assert!(matches!(outcomes[1], Outcome::Failed(Error::Invalid(_))), "{:?}", outcomes[1]);
    assert_eq!(lab.ids(Query::of(&flow::TABLE)).await?, [1, 2]);
    Ok(())
}

async fn a_malformed_batch_is_invalid(lab: Lab) -> Result<(), Error> {
    lab.seed([sample::flow(1)]).await?;
    let store = Store::new(lab.backend().clone());
    let insert = |values| Op::Insert { table: Flow::TABLE, values, on_exists: OnExists::Conflict };
    let op = |op| Batch { ops: vec![op], ..Batch::new() };
    let change = |change| Batch::new().update::<Flow>(key(1), change);
    let with = |column: usize, value: Value| {
        let mut values = sample::flow(2).into_values();
        values[column] = value;
        op(insert(values))
    };
    let require = |condition| Batch::new().update_requiring::<Flow>(key(1), vec![condition], rename("x"));
    let mut once = Batch::new().once(sample::flow_run(2, 2));
    if let Some((_, values)) = &mut once.once {
        values[flow_run::flow_id.ordinal] = Value::IdOf(0);
    }
    let malformed = [
        op(insert(Vec::new())),
        with(flow::name.ordinal, Value::Null),
        with(flow::name.ordinal, Value::Int(1)),
        with(flow::id.ordinal, "text".into()),
        op(run_of_op(1, 0)),
        op(run_of_op(1, 5)),
        once,
        change(Change::default().set(flow::id, id(2))),
        change(Change::default().set(flow::created, "text")),
        change(Change::default().set(flow::name, Value::Null)),
        change(Change::default().add(flow::name, 1)),
        change(Change::default().max(flow::labels, Value::Json("{}".into()))),
        change(Change::default().set(log::level, 1)),
        Batch::new().update::<FlowRun>(key(1), Change::default().set(flow_run::state_id, Value::IdOf(0))),
        Batch::new().update::<WorkQueue>(key(1), Change::default().set(work_queue::last_polled, at(0))),
        Batch::new().update::<Flow>(Key::Primary(Vec::new()), rename("x")),
        Batch::new().update::<Flow>(Key::Unique(vec![Value::Null]), rename("x")),
        Batch::new().delete::<Flow>(Key::id("text")),
        Batch::new().delete::<Log>(Key::Unique(vec![id(1).into()])),
        Batch::new().delete::<Flow>(Key::Primary(vec![Value::IdOf(0)])),
        Batch::new().present::<Flow>(Key::id(1)),
        require(Condition::new(log::level, Cmp::Eq, 1)),
        require(Condition::new(flow::id, Cmp::Eq, Value::IdOf(0))),
    ];
    for batch in malformed {
        let answer = store.commit(batch.clone()).await;
        assert!(matches!(answer, Err(Error::Invalid(_))), "{batch:?}: {answer:?}");
        // The store checks first; a backend that is asked directly may answer either way, but applies nothing.
        match lab.backend().commit(vec![batch.clone()].into()).await {
            Err(Error::Invalid(_)) => {}
            Ok(answer) => {
                let refused = matches!(answer.outcomes[..], [Outcome::Failed(Error::Invalid(_))]);
                assert!(refused, "{batch:?}: {answer:?}");
            }
            other => panic!("{batch:?}: {other:?}"),
        }
    }
    assert_eq!((lab.count(&flow::TABLE).await?, lab.count(&flow_run::TABLE).await?), (1, 0));
    assert_eq!(lab.get::<Flow>(key(1)).await?.version, 1);
    Ok(())
}

async fn a_batch_of_many_rows_is_one_batch(lab: Lab) -> Result<(), Error> {
    lab.seed([Flow { name: "flow-1500".into(), ..sample::flow(9_999) }]).await?;
    let many = |names: std::ops::Range<u128>| names.map(sample::flow).fold(Batch::new(), Batch::insert);
    let conflict = lab.conflict(many(0..2_000)).await?;
    assert_eq!(conflict.part, Part::Op(1_500));
    assert_eq!(lab.count(&flow::TABLE).await?, 1);
    let done = lab.done(many(0..1_500)).await?;
    assert!(done.iter().all(|d| d.applied && d.inserted));
    assert_eq!(lab.count(&flow::TABLE).await?, 1_501);
    Ok(())
}

async fn a_commit_of_many_batches_answers_each(lab: Lab) -> Result<(), Error> {
    // Every third batch takes a name that is taken already.
    let name = |n: u128| if n % 3 == 2 { "flow-0".into() } else { format!("flow-{n}") };
    let batches = (0..300).map(|n| Batch::new().insert(Flow { name: name(n), ..sample::flow(n) })).collect();
    let outcomes = lab.commit_all(batches).await?;
    for (n, outcome) in outcomes.iter().enumerate() {
        assert_eq!(is_committed(outcome), n % 3 != 2, "batch {n}: {outcome:?}");
    }
    assert_eq!(lab.count(&flow::TABLE).await?, 200);
    Ok(())
}
