//! What an update requires of its row, and when it is skipped.

use mintaka_core::records::{WorkQueue, work_queue};
use mintaka_core::{Batch, Change, Cmp, Col, Condition, Done, Error, Part, Sum, Value};

use crate::lab::{Lab, is_committed};
use crate::sample::{self, at, id, key};

super::cases! { "condition":
    a_required_condition_that_fails_is_a_conflict_with_the_row ["C16" "C8"]
    a_condition_of_when_that_fails_is_a_skip ["C16" "C24"]
    what_is_required_is_asked_before_what_is_wished ["C16"]
    a_missing_row_is_a_conflict_where_something_is_required ["C16" "C13" "C8"]
    sums_of_columns_and_constants_are_compared ["C16"]
    a_comparison_with_null_fails_and_its_complement_holds ["C16"]
    conditions_compare_every_kind ["C16"]
    all_conditions_must_hold ["C16"]
    conditions_see_the_ops_and_batches_before_them ["C16" "C4" "C2"]
}

/// Queue 1: priority 1, limit 10, no description, polled at second 5.
async fn a_queue(lab: &Lab) -> Result<(), Error> {
    let queue = WorkQueue { concurrency_limit: Some(10), last_polled: Some(at(5)), ..sample::work_queue(1, 1) };
    lab.seed([queue]).await
}

fn more() -> Change {
    Change::default().add(work_queue::priority, 1)
}

fn priority_is(n: i64) -> Condition {
    Condition::new(work_queue::priority, Cmp::Eq, n)
}

async fn priority(lab: &Lab) -> Result<i64, Error> {
    Ok(lab.get::<WorkQueue>(key(1)).await?.priority)
}

async fn a_required_condition_that_fails_is_a_conflict_with_the_row(lab: Lab) -> Result<(), Error> {
    a_queue(&lab).await?;
    let requiring = |n| Batch::new().update_requiring::<WorkQueue>(key(1), vec![priority_is(n)], more());
    lab.done(requiring(1)).await?;
    let conflict = lab.conflict(Batch::new().insert(sample::flow(1)).extend(requiring(1))).await?;
    assert_eq!((conflict.part, conflict.table), (Part::Op(1), &work_queue::TABLE));
    let row = conflict.row.map(|r| (r.version, r.values[work_queue::priority.ordinal].clone()));
    assert_eq!(row, Some((2, Value::Int(2))));
    assert_eq!(priority(&lab).await?, 2);
    Ok(())
}

async fn a_condition_of_when_that_fails_is_a_skip(lab: Lab) -> Result<(), Error> {
    a_queue(&lab).await?;
    let when = |n| Batch::new().update_when::<WorkQueue>(key(1), vec![priority_is(n)], more());
    let done = |applied| [Done { applied, inserted: false, key: Some(vec![id(1).into()]) }];
    assert_eq!(lab.done(when(1)).await?, done(true));
    assert_eq!(lab.done(when(1)).await?, done(false));
    let seen = lab.get::<WorkQueue>(key(1)).await?;
    assert_eq!((seen.priority, seen.version), (2, 2), "a skip bumps nothing");
    Ok(())
}

async fn what_is_required_is_asked_before_what_is_wished(lab: Lab) -> Result<(), Error> {
    a_queue(&lab).await?;
    let both = |require, when| {
        let mut batch = Batch::new().update_requiring::<WorkQueue>(key(1), vec![priority_is(require)], more());
        if let Some(mintaka_core::Op::Update { when: wished, .. }) = batch.ops.first_mut() {
            wished.push(priority_is(when));
        }
        batch
    };
    lab.conflict(both(9, 9)).await?;
    assert!(!lab.done(both(1, 9)).await?[0].applied);
    assert!(lab.done(both(1, 1)).await?[0].applied);
    Ok(())
}

async fn a_missing_row_is_a_conflict_where_something_is_required(lab: Lab) -> Result<(), Error> {
    let conflict =
        lab.conflict(Batch::new().update_requiring::<WorkQueue>(key(1), vec![priority_is(1).negate()], more())).await?;
    assert_eq!((conflict.part, conflict.row), (Part::Op(0), None));
    let none = [Done { applied: false, inserted: false, key: None }];
    assert_eq!(lab.done(Batch::new().update_when::<WorkQueue>(key(1), vec![priority_is(1)], more())).await?, none);
    assert_eq!(lab.done(Batch::new().update::<WorkQueue>(key(1), more())).await?, none);
    assert_eq!(lab.count(&work_queue::TABLE).await?, 0);
    Ok(())
}

/// Asserts that a condition holds, or not, on queue 1; and the reverse of its complement.
async fn holds(lab: &Lab, condition: Condition, expected: bool) -> Result<(), Error> {
    for (condition, expected) in [(condition.clone(), expected), (condition.negate(), !expected)] {
        let change = Change::default().set(work_queue::is_paused, false);
        let batch = Batch::new().update_requiring::<WorkQueue>(key(1), vec![condition.clone()], change);
        assert_eq!(is_committed(&lab.commit(batch).await?), expected, "{condition:?}");
    }
    Ok(())
}

async fn sums_of_columns_and_constants_are_compared(lab: Lab) -> Result<(), Error> {
    a_queue(&lab).await?;
    let sum = |columns: &[Col], constant| Sum::of(columns.to_vec(), constant);
    let (priority, limit) = (work_queue::priority, work_queue::concurrency_limit);
    holds(&lab, Condition::new(sum(&[priority], 9), Cmp::Le, limit), true).await?;
    holds(&lab, Condition::new(sum(&[priority], 10), Cmp::Le, limit), false).await?;
    holds(&lab, Condition::new(sum(&[priority, limit], -1), Cmp::Eq, 10), true).await?;
    holds(&lab, Condition::new(sum(&[priority, priority, priority], 0), Cmp::Eq, 3), true).await?;
    holds(&lab, Condition::new(sum(&[limit], i64::MAX), Cmp::Gt, limit), true).await?;
    holds(&lab, Condition::new(limit, Cmp::Gt, priority), true).await?;
    holds(&lab, Condition::new(5, Cmp::Lt, 4), false).await
}

async fn a_comparison_with_null_fails_and_its_complement_holds(lab: Lab) -> Result<(), Error> {
    lab.seed([sample::work_queue(1, 1)]).await?;
    let limit = work_queue::concurrency_limit;
    for cmp in [Cmp::Eq, Cmp::Lt, Cmp::Le, Cmp::Gt, Cmp::Ge] {
        holds(&lab, Condition::new(limit, cmp, 1), false).await?;
        holds(&lab, Condition::new(limit, cmp, limit), false).await?;
        holds(&lab, Condition::new(Sum::of(vec![limit, work_queue::priority], 1), cmp, 1), false).await?;
        holds(&lab, Condition::new(work_queue::priority, cmp, Value::Null), false).await?;
    }
    Ok(())
}

async fn conditions_compare_every_kind(lab: Lab) -> Result<(), Error> {
    a_queue(&lab).await?;
    holds(&lab, Condition::new(work_queue::name, Cmp::Eq, "queue-1"), true).await?;
    holds(&lab, Condition::new(work_queue::name, Cmp::Lt, "QUEUE-2"), false).await?;
    holds(&lab, Condition::new(work_queue::last_polled, Cmp::Lt, at(6)), true).await?;
    holds(&lab, Condition::new(work_queue::work_pool_id, Cmp::Eq, id(1)), true).await?;
    holds(&lab, Condition::new(work_queue::id, Cmp::Eq, work_queue::work_pool_id), true).await?;
    holds(&lab, Condition::new(work_queue::is_paused, Cmp::Eq, true), false).await?;
    holds(&lab, Condition::new(work_queue::updated, Cmp::Ge, work_queue::created), true).await
}

async fn all_conditions_must_hold(lab: Lab) -> Result<(), Error> {
    a_queue(&lab).await?;
    let paused = || Condition::new(work_queue::is_paused, Cmp::Eq, true);
    lab.conflict(Batch::new().update_requiring::<WorkQueue>(key(1), vec![priority_is(1), paused()], more())).await?;
    let skipped = Batch::new().update_when::<WorkQueue>(key(1), vec![paused(), priority_is(1)], more());
    assert!(!lab.done(skipped).await?[0].applied);
    let both = vec![priority_is(1), paused().negate()];
    assert!(lab.done(Batch::new().update_when::<WorkQueue>(key(1), both, more())).await?[0].applied);
    Ok(())
}

async fn conditions_see_the_ops_and_batches_before_them(lab: Lab) -> Result<(), Error> {
    a_queue(&lab).await?;
    let take = || {
        let below = Condition::new(Sum::of(vec![work_queue::priority], 2), Cmp::Le, work_queue::concurrency_limit);
        Batch::new().update_requiring::<WorkQueue>(key(1), vec![below], Change::default().add(work_queue::priority, 2))
    };
    // From 1 by twos up to 10: four fit, and two of them in one batch.
    let outcomes = lab.commit_all(vec![take().extend(take()), take(), take(), take(), take()]).await?;
    assert_eq!(outcomes.iter().map(is_committed).collect::<Vec<_>>(), [true, true, true, false, false]);
    assert_eq!(priority(&lab).await?, 9);
    Ok(())
}
