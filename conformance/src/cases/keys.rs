//! Primary and unique keys: collisions, upserts, and keys that move.

use mintaka_core::records::{
    Deployment, DeploymentSchedule, Flow, FlowRun, Log, TaskRun, deployment, flow, flow_run, log,
};
use mintaka_core::{Batch, Change, Cmp, Condition, Done, Error, Key, Op, Part, Query, Record};

use crate::lab::{Lab, is_committed};
use crate::sample::{self, at, id, key};

super::cases! { "key":
    a_new_row_has_version_one_and_its_key_is_said ["C9" "C24"]
    an_insert_collides_by_primary_and_by_unique_key ["C9" "C8"]
    the_row_with_the_primary_key_is_the_one_in_the_way ["C9" "C8"]
    an_insert_that_skips_names_the_row_it_found ["C10" "C24"]
    null_in_a_unique_key_collides_with_nothing ["C20" "C9"]
    an_upsert_inserts_or_changes_by_unique_key ["C11" "C24"]
    an_upsert_inserts_or_changes_by_primary_key ["C11"]
    an_upsert_whose_unique_key_has_a_null_goes_by_primary_key ["C11" "C20"]
    an_upsert_is_skipped_if_its_condition_fails ["C12" "C24"]
    an_upsert_collides_by_its_other_key ["C12" "C8"]
    an_upsert_that_changes_nothing_leaves_the_version ["C11" "C22"]
    an_update_to_a_taken_unique_key_is_a_conflict ["C21" "C8"]
    a_unique_key_that_is_given_up_is_free_in_the_same_batch ["C21" "C4"]
    a_unique_key_that_is_given_up_is_free_in_the_same_commit ["C21" "C2"]
    two_rows_may_swap_their_unique_keys ["C21" "C1"]
    unique_keys_may_rotate_among_many_rows_of_a_commit ["C21" "C2"]
    a_unique_key_may_become_null_and_back ["C20" "C21"]
    a_unique_key_may_pass_to_a_row_that_is_written_before ["C21" "C1"]
    a_unique_key_of_a_deleted_row_is_free ["C17" "C21"]
    a_unique_key_is_compared_as_a_whole ["C9" "C20"]
}

fn named(n: u128, name: &str) -> Flow {
    Flow { name: name.into(), ..sample::flow(n) }
}

fn rename(n: u128, name: &str) -> Batch {
    Batch::new().update::<Flow>(key(n), Change::default().set(flow::name, name))
}

fn done(applied: bool, inserted: bool, n: u128) -> Done {
    Done { applied, inserted, key: Some(vec![id(n).into()]) }
}

/// Ids and names of all flows.
async fn names(lab: &Lab) -> Result<Vec<(u128, String)>, Error> {
    let rows = lab.select(Query::of(&flow::TABLE)).await?;
    rows.into_iter().map(|row| Flow::from_values(row.values).map(|f| (f.id.as_u128(), f.name))).collect()
}

fn pairs(expected: &[(u128, &str)]) -> Vec<(u128, String)> {
    expected.iter().map(|&(n, name)| (n, name.to_owned())).collect()
}

async fn a_new_row_has_version_one_and_its_key_is_said(lab: Lab) -> Result<(), Error> {
    assert_eq!(lab.done(Batch::new().insert(sample::flow(1))).await?, [done(true, true, 1)]);
    let composite = lab.done(Batch::new().insert(sample::log(2))).await?;
    assert_eq!(composite[0].key, Some(vec![at(2).into(), id(2).into()]));
    let seen = lab.get::<Flow>(key(1)).await?;
    assert_eq!((seen.version, seen.record), (1, sample::flow(1)));
    Ok(())
}

async fn an_insert_collides_by_primary_and_by_unique_key(lab: Lab) -> Result<(), Error> {
    lab.seed([sample::flow(1)]).await?;
    let seen = lab.row(&flow::TABLE, key(1)).await?;
    for other in [named(1, "other"), named(2, "flow-1"), sample::flow(1)] {
        let conflict = lab.conflict(Batch::new().insert(sample::flow(5)).insert(other)).await?;
        assert_eq!((conflict.part, conflict.table), (Part::Op(1), &flow::TABLE));
        assert_eq!(conflict.row, seen);
    }
    lab.seed([sample::log(1)]).await?;
    let later = Log { timestamp: at(1).plus_micros(1), ..sample::log(1) };
    lab.seed([later]).await?;
    lab.conflict(Batch::new().insert(sample::log(1))).await?;
    assert_eq!(lab.count(&log::TABLE).await?, 2);
    Ok(())
}

async fn the_row_with_the_primary_key_is_the_one_in_the_way(lab: Lab) -> Result<(), Error> {
    lab.seed([sample::flow(1), sample::flow(2)]).await?;
    let conflict = lab.conflict(Batch::new().insert(named(2, "flow-1"))).await?;
    assert_eq!(conflict.row.map(|row| row.values[0].clone()), Some(id(2).into()));
    let skipped = lab.done(Batch::new().insert_or_skip(named(2, "flow-1"))).await?;
    assert_eq!(skipped, [done(false, false, 2)]);
    Ok(())
}

async fn an_insert_that_skips_names_the_row_it_found(lab: Lab) -> Result<(), Error> {
    lab.seed([sample::flow(1)]).await?;
    let batch = Batch::new()
        .insert_or_skip(named(1, "other"))
        .insert_or_skip(named(2, "flow-1"))
        .insert_or_skip(named(3, "new"))
        .insert_or_skip(named(4, "new"));
    let expected = [done(false, false, 1), done(false, false, 1), done(true, true, 3), done(false, false, 3)];
    assert_eq!(lab.done(batch).await?, expected);
    assert_eq!(names(&lab).await?, pairs(&[(1, "flow-1"), (3, "new")]));
    assert_eq!(lab.get::<Flow>(key(1)).await?.version, 1);
    Ok(())
}

async fn null_in_a_unique_key_collides_with_nothing(lab: Lab) -> Result<(), Error> {
    let run = |n, key: Option<&str>| FlowRun { idempotency_key: key.map(Into::into), ..sample::flow_run(n, 1) };
    lab.seed([run(1, None), run(2, None), run(3, Some("")), run(4, Some("k"))]).await?;
    lab.seed([run(5, None)]).await?;
    lab.conflict(Batch::new().insert(run(6, Some("")))).await?;
    lab.conflict(Batch::new().insert(run(6, Some("k")))).await?;
    // A key of three columns, one of them null.
    let task = |n, run| TaskRun { dynamic_key: "same".into(), ..sample::task_run(n, run) };
    lab.seed([task(1, None), task(2, None), task(3, Some(1)), task(4, Some(2))]).await?;
    lab.conflict(Batch::new().insert(task(5, Some(1)))).await?;
    assert_eq!(lab.count(&flow_run::TABLE).await?, 5);
    Ok(())
}

fn upsert_deployment(n: u128, name: &str, paused: bool) -> Batch {
    let record = Deployment { name: name.into(), paused, ..sample::deployment(n, 1) };
    Batch::new().upsert(record, Change::default().set(deployment::paused, paused), Vec::new())
}

async fn an_upsert_inserts_or_changes_by_unique_key(lab: Lab) -> Result<(), Error> {
    assert_eq!(lab.done(upsert_deployment(1, "a", false)).await?, [done(true, true, 1)]);
    assert_eq!(lab.done(upsert_deployment(2, "a", true)).await?, [done(true, false, 1)]);
    let both = upsert_deployment(3, "b", false).extend(upsert_deployment(4, "b", true));
    assert_eq!(lab.done(both).await?, [done(true, true, 3), done(true, false, 3)]);
    let first = lab.get::<Deployment>(key(1)).await?;
    assert_eq!((first.paused, first.version, first.id), (true, 2, id(1)));
    let third = lab.get::<Deployment>(key(3)).await?;
    assert_eq!((third.paused, third.version), (true, 2));
    assert_eq!(lab.count(&deployment::TABLE).await?, 2);
    Ok(())
}

/// An upsert of a flow by its primary key that renames the flow it finds.
fn upsert_by_primary(n: u128, name: &str) -> Batch {
    let update = Change::default().set(flow::name, name);
    let values = named(n, name).into_values();
    let op = Op::Upsert { table: Flow::TABLE, by_unique: false, values, update, when: Vec::new() };
    Batch { ops: vec![op], ..Batch::new() }
}

async fn an_upsert_inserts_or_changes_by_primary_key(lab: Lab) -> Result<(), Error> {
    assert_eq!(lab.done(upsert_by_primary(1, "a")).await?, [done(true, true, 1)]);
    assert_eq!(lab.done(upsert_by_primary(1, "b")).await?, [done(true, false, 1)]);
    assert_eq!(names(&lab).await?, pairs(&[(1, "b")]));
    // A table without a unique key is looked up by its primary one.
    let again = |message| Batch::new().upsert(sample::log(1), Change::default().set(log::message, message), Vec::new());
    lab.done(again("first")).await?;
    lab.done(again("second")).await?;
    let line = lab.get::<Log>(Key::Primary(vec![at(1).into(), id(1).into()])).await?;
    assert_eq!((line.message.as_str(), line.version), ("second", 2));
    Ok(())
}

async fn an_upsert_whose_unique_key_has_a_null_goes_by_primary_key(lab: Lab) -> Result<(), Error> {
    let upsert = |n, max| {
        let schedule = DeploymentSchedule { max_scheduled_runs: Some(max), ..sample::deployment_schedule(n, 1) };
        let update = Change::default().set(mintaka_core::records::deployment_schedule::max_scheduled_runs, max);
        Batch::new().upsert(schedule, update, Vec::new())
    };
    assert_eq!(lab.done(upsert(1, 1)).await?, [done(true, true, 1)]);
    assert_eq!(lab.done(upsert(2, 2)).await?, [done(true, true, 2)], "another row without a slug");
    assert_eq!(lab.done(upsert(1, 3)).await?, [done(true, false, 1)]);
    assert_eq!(lab.get::<DeploymentSchedule>(key(1)).await?.max_scheduled_runs, Some(3));
    Ok(())
}

async fn an_upsert_is_skipped_if_its_condition_fails(lab: Lab) -> Result<(), Error> {
    let upsert = |n, second| {
        let record = Flow { updated: at(second), ..named(n, "same") };
        let newer = Condition::new(flow::updated, Cmp::Lt, at(second));
        Batch::new().upsert(record, Change::default().set(flow::updated, at(second)), vec![newer])
    };
    assert_eq!(lab.done(upsert(1, 5)).await?, [done(true, true, 1)], "a condition is about a row that is there");
    assert_eq!(lab.done(upsert(2, 4)).await?, [done(false, false, 1)]);
    assert_eq!(lab.done(upsert(3, 6)).await?, [done(true, false, 1)]);
    let seen = lab.get::<Flow>(key(1)).await?;
    assert_eq!((seen.updated, seen.version), (at(6), 2));
    Ok(())
}

async fn an_upsert_collides_by_its_other_key(lab: Lab) -> Result<(), Error> {
    lab.seed([named(1, "a"), named(2, "b")]).await?;
    let by_unique = Batch::new().upsert(named(1, "c"), Change::default(), Vec::new());
    let conflict = lab.conflict(by_unique).await?;
    assert_eq!((conflict.part, conflict.row.map(|r| r.values[0].clone())), (Part::Op(0), Some(id(1).into())));
    let inserted = lab.conflict(upsert_by_primary(3, "a")).await?;
    assert_eq!(inserted.row.map(|r| r.values[0].clone()), Some(id(1).into()));
    let changed = lab.conflict(upsert_by_primary(2, "a")).await?;
    assert_eq!(changed.row.map(|r| r.values[0].clone()), Some(id(1).into()));
    assert_eq!(names(&lab).await?, pairs(&[(1, "a"), (2, "b")]));
    Ok(())
}

async fn an_upsert_that_changes_nothing_leaves_the_version(lab: Lab) -> Result<(), Error> {
    let find_or_make = |n| Batch::new().upsert(named(n, "same"), Change::default(), Vec::new());
    lab.done(find_or_make(1)).await?;
    assert_eq!(lab.done(find_or_make(2)).await?[0].key, Some(vec![id(1).into()]));
    assert_eq!(lab.get::<Flow>(key(1)).await?.version, 1);
    Ok(())
}

async fn an_update_to_a_taken_unique_key_is_a_conflict(lab: Lab) -> Result<(), Error> {
    lab.seed([named(1, "a"), named(2, "b")]).await?;
    let conflict = lab.conflict(rename(1, "b")).await?;
    assert_eq!((conflict.part, conflict.row.map(|r| r.values[0].clone())), (Part::Op(0), Some(id(2).into())));
    lab.done(rename(1, "a")).await?;
    assert_eq!(names(&lab).await?, pairs(&[(1, "a"), (2, "b")]));
    Ok(())
}

async fn a_unique_key_that_is_given_up_is_free_in_the_same_batch(lab: Lab) -> Result<(), Error> {
    lab.seed([named(1, "a"), named(2, "b"), named(3, "c")]).await?;
    let batch = rename(1, "x").insert(named(4, "a")).delete::<Flow>(key(2)).extend(rename(3, "b")).upsert(
        named(5, "c"),
        Change::default(),
        Vec::new(),
    );
    lab.done(batch).await?;
    assert_eq!(names(&lab).await?, pairs(&[(1, "x"), (3, "b"), (4, "a"), (5, "c")]));
    for (name, n) in [("x", 1), ("b", 3), ("a", 4), ("c", 5)] {
        assert_eq!(lab.get::<Flow>(Key::Unique(vec![name.into()])).await?.id, id(n));
    }
    Ok(())
}

async fn a_unique_key_that_is_given_up_is_free_in_the_same_commit(lab: Lab) -> Result<(), Error> {
    lab.seed([named(1, "a"), named(2, "b")]).await?;
    let outcomes = lab
        .commit_all(vec![
            rename(1, "x"),
            Batch::new().insert(named(3, "a")),
            Batch::new().insert(named(4, "a")),
            Batch::new().delete::<Flow>(key(3)),
            Batch::new().insert(named(5, "a")),
            Batch::new().delete::<Flow>(key(2)),
            rename(1, "b"),
        ])
        .await?;
    assert_eq!(outcomes.iter().map(is_committed).collect::<Vec<_>>(), [true, true, false, true, true, true, true]);
    assert_eq!(names(&lab).await?, pairs(&[(1, "b"), (5, "a")]));
    Ok(())
}

async fn a_unique_key_may_pass_to_a_row_that_is_written_before(lab: Lab) -> Result<(), Error> {
    let run = |n: u128, key: Option<&str>| FlowRun { idempotency_key: key.map(Into::into), ..sample::flow_run(n, 1) };
    let set = |n: u128, to: Option<&str>| {
        Batch::new().update::<FlowRun>(key(n), Change::default().set(flow_run::idempotency_key, to.map(str::to_owned)))
    };
    let holder = async |name: &str| {
        let run = lab.get::<FlowRun>(Key::Unique(vec![id(1).into(), name.into()])).await?;
        Ok::<u128, Error>(run.id.as_u128())
    };
    lab.seed([run(1, None), run(2, Some("k")), run(3, Some("m")), run(4, Some("n"))]).await?;
    // From the second row to the first, in both orders of the ops; then along a chain that ends at a null.
    lab.done(set(2, None).extend(set(1, Some("k")))).await?;
    assert_eq!(holder("k").await?, 1);
    lab.done(set(1, None).extend(set(2, Some("k")))).await?;
    assert_eq!(holder("k").await?, 2);
    let outcomes = lab.commit_all(vec![set(4, None), set(3, Some("n")), set(2, Some("m")), set(1, Some("k"))]).await?;
    assert!(outcomes.iter().all(is_committed), "{outcomes:?}");
    assert_eq!((holder("k").await?, holder("m").await?, holder("n").await?), (1, 2, 3));
    lab.conflict(set(4, Some("k"))).await.map(drop)
}

async fn two_rows_may_swap_their_unique_keys(lab: Lab) -> Result<(), Error> {
    lab.seed([named(1, "a"), named(2, "b")]).await?;
    lab.done(rename(1, "between").extend(rename(2, "a")).extend(rename(1, "b"))).await?;
    assert_eq!(names(&lab).await?, pairs(&[(1, "b"), (2, "a")]));
    assert_eq!(lab.get::<Flow>(Key::Unique(vec!["a".into()])).await?.id, id(2));
    let versions: Vec<i64> = lab.select(Query::of(&flow::TABLE)).await?.iter().map(|row| row.version).collect();
    assert_eq!(versions, [3, 2]);
    Ok(())
}

async fn unique_keys_may_rotate_among_many_rows_of_a_commit(lab: Lab) -> Result<(), Error> {
    lab.seed((0..20).map(|n| named(n, &n.to_string()))).await?;
    let mut batches = vec![rename(0, "free")];
    batches.extend((1..20).map(|n| rename(n, &(n - 1).to_string())));
    batches.push(rename(0, "19"));
    let outcomes = lab.commit_all(batches).await?;
    assert!(outcomes.iter().all(is_committed), "{outcomes:?}");
    for n in 0..20 {
        let name = ((n + 19) % 20).to_string();
        assert_eq!(lab.get::<Flow>(Key::Unique(vec![name.into()])).await?.id, id(n));
    }
    lab.conflict(Batch::new().insert(named(99, "7"))).await.map(drop)
}

async fn a_unique_key_may_become_null_and_back(lab: Lab) -> Result<(), Error> {
    let run = |n, key: Option<&str>| FlowRun { idempotency_key: key.map(Into::into), ..sample::flow_run(n, 1) };
    let set = |n, value: Option<&str>| {
        let value = mintaka_core::Value::from(value.map(str::to_owned));
        Batch::new().update::<FlowRun>(key(n), Change::default().set(flow_run::idempotency_key, value))
    };
    lab.seed([run(1, Some("k")), run(2, None)]).await?;
    lab.conflict(set(2, Some("k"))).await?;
    lab.done(set(1, None).extend(set(2, Some("k")))).await?;
    lab.conflict(set(1, Some("k"))).await?;
    lab.done(set(2, None)).await?;
    lab.done(set(1, Some("k"))).await?;
    let found = lab.get::<FlowRun>(Key::Unique(vec![id(1).into(), "k".into()])).await?;
    assert_eq!(found.id, id(1));
    Ok(())
}

async fn a_unique_key_of_a_deleted_row_is_free(lab: Lab) -> Result<(), Error> {
    lab.seed([named(1, "a")]).await?;
    lab.done(Batch::new().delete::<Flow>(Key::Unique(vec!["a".into()]))).await?;
    lab.seed([named(2, "a")]).await?;
    assert_eq!(lab.get::<Flow>(Key::Unique(vec!["a".into()])).await?.id, id(2));
    Ok(())
}

async fn a_unique_key_is_compared_as_a_whole(lab: Lab) -> Result<(), Error> {
    let of = |n, flow, name: &str| Deployment { name: name.into(), ..sample::deployment(n, flow) };
    lab.seed([of(1, 1, "a"), of(2, 2, "a"), of(3, 1, "A"), of(4, 1, "a ")]).await?;
    lab.conflict(Batch::new().insert(of(5, 2, "a"))).await?;
    let found = lab.get::<Deployment>(Key::Unique(vec![id(2).into(), "a".into()])).await?;
    assert_eq!(found.id, id(2));
    Ok(())
}
