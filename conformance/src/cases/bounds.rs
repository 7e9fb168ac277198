//! Much, long and great: where engines have limits of their own, which nobody must notice.

use mintaka_core::records::{BlockSchema, Flow, WorkQueue, block_schema, flow, work_queue};
use mintaka_core::{
    Aggregate, Batch, Change, Cmp, Col, Condition, Direction, Each, Error, Filter, Group, Key, MAX_KEY_BYTES, Measure,
    Query, Record, Sum, Value,
};

use crate::lab::Lab;
use crate::sample::{self, at, id, key};

super::cases! { "bounds":
    thousands_of_rows_lines_and_groups_come_whole_and_in_order ["S21" "G4"]
    keys_whose_texts_look_the_same_when_joined_are_two ["G5" "C9"]
    a_key_longer_than_any_is_found_nowhere ["G6"]
    sums_of_conditions_stay_at_the_ends ["C26" "C16"]
    the_greatest_of_the_ends_is_an_end ["C26" "C15"]
}

async fn thousands_of_rows_lines_and_groups_come_whole_and_in_order(lab: Lab) -> Result<(), Error> {
    const ROWS: u128 = 2_600;
    lab.seed((0..ROWS).map(sample::flow)).await?;
    let all: Vec<u128> = (0..ROWS).collect();
    let newest = Query::of(Flow::TABLE).order(flow::created, Direction::Desc).limit(100_000);
    assert_eq!(lab.ids(newest.clone()).await?, all.iter().rev().copied().collect::<Vec<_>>());
    // A page larger than what follows it, and one smaller.
    for (limit, last) in [(10_000, 0), (2_100, 200)] {
        let page = newest.clone().after(vec![at(2_300).into(), id(2_300).into()]).limit(limit);
        assert_eq!(lab.ids(page).await?, (last..2_300).rev().collect::<Vec<_>>());
    }
    let keys = (0..ROWS).map(key).collect();
    let found = lab.backend().get(Flow::TABLE, keys).await?;
    assert_eq!(found.into_iter().flatten().count(), all.len(), "by key");
    let ids: Vec<Value> = (0..ROWS).map(|n| id(n).into()).collect();
    let listed = Query::of(Flow::TABLE).filter(Filter::In(flow::id, ids.clone())).limit(100_000);
    assert_eq!(lab.ids(listed).await?, all, "by a list of ids");
    let each = Each { column: flow::id, values: ids[..1_100].to_vec(), k: 3 };
    assert_eq!(lab.ids(Query { each: Some(each), ..Query::of(Flow::TABLE) }).await?, all[..1_100], "as groups");
    let mut lines = Aggregate::count(Flow::TABLE, Filter::all());
    lines.by = vec![Group::Column(flow::created)];
    lines.measures = vec![Measure::Count];
    lines.limit = 100_000;
    let expected: Vec<Vec<Value>> = all.iter().map(|&n| vec![at(n as i64).into(), Value::Int(1)]).collect();
    assert_eq!(lab.aggregate(lines).await?, expected, "as lines");
    Ok(())
}

async fn keys_whose_texts_look_the_same_when_joined_are_two(lab: Lab) -> Result<(), Error> {
    let pairs = [
        ("a", "bc"),
        ("ab", "c"),
        ("abc", ""),
        ("", "abc"),
        ("a,b", "c"),
        ("a", "b,c"),
        ("a\u{1}b", "c"),
        ("a", "b\u{1}c"),
        ("a'", "b"),
        ("a", "'b"),
        ("a/", "b"),
        ("a", "/b"),
        ("\u{ff}", "\u{100}"),
        ("\u{ff}\u{100}", ""),
    ];
    let schema = |n: usize| BlockSchema {
        id: id(n as u128),
        created: at(0),
        updated: at(0),
        checksum: pairs[n].0.into(),
        version: pairs[n].1.into(),
        block_type_id: id(1),
        ..BlockSchema::default()
    };
    let unique = |n: usize| Key::Unique(vec![pairs[n].0.into(), pairs[n].1.into()]);
    for n in 0..pairs.len() {
        lab.seed([schema(n)]).await?;
    }
    let found = lab.backend().get(BlockSchema::TABLE, (0..pairs.len()).map(unique).collect()).await?;
    for (n, row) in found.into_iter().enumerate() {
        assert_eq!(row.map(|row| row.values[0].clone()), Some(id(n as u128).into()), "{:?}", pairs[n]);
    }
    // One commit, in which each is found by its own key and no other's.
    let rename = |n: usize| {
        let named = Change::default().set(block_schema::fields, sample::json(&n.to_string()));
        Batch::new().update::<BlockSchema>(unique(n), named)
    };
    lab.commit_all((0..pairs.len()).map(rename).collect()).await?;
    for (n, pair) in pairs.iter().enumerate() {
        let schema = lab.get::<BlockSchema>(key(n as u128)).await?;
        assert_eq!((schema.version, schema.fields.text()), (2, n.to_string().as_str()), "{pair:?}");
    }
    Ok(())
}

async fn a_key_longer_than_any_is_found_nowhere(lab: Lab) -> Result<(), Error> {
    // As long as a name can be.
    let longest = "x".repeat(MAX_KEY_BYTES - 16);
    lab.seed([Flow { name: longest.clone(), ..sample::flow(1) }]).await?;
    for more in [1, 1_000, 1 << 20] {
        let name = longest.clone() + &"x".repeat(more);
        let by_name = || Key::Unique(vec![name.as_str().into()]);
        assert_eq!(lab.row(Flow::TABLE, by_name()).await?, None, "{more} bytes too long");
        let filters = [
            Filter::eq(flow::name, name.as_str()),
            Filter::In(flow::name, vec![name.as_str().into()]),
            Filter::StartsWith(flow::name, name.clone()),
        ];
        for filter in filters {
            lab.meets(Flow::TABLE, filter, &[]).await?;
        }
        lab.conflict(Batch::new().present::<Flow>(by_name())).await?;
        let renamed = Change::default().set(flow::name, "renamed");
        let done = lab.done(Batch::new().update::<Flow>(by_name(), renamed).delete::<Flow>(by_name())).await?;
        assert!(done.iter().all(|op| !op.applied), "{done:?}");
    }
    Ok(())
}

async fn sums_of_conditions_stay_at_the_ends(lab: Lab) -> Result<(), Error> {
    let queue = |n: u128, priority: i64, limit: i64| WorkQueue {
        priority,
        concurrency_limit: Some(limit),
        ..sample::work_queue(n, 1)
    };
    lab.seed([queue(1, i64::MAX, i64::MAX), queue(2, i64::MIN, i64::MIN)]).await?;
    let both = |constant| Sum::of(vec![work_queue::priority, work_queue::concurrency_limit], constant);
    let one = |constant| Sum::of(vec![work_queue::priority], constant);
    let cases = [
        (1, Condition::new(one(1), Cmp::Le, i64::MAX), true),
        (1, Condition::new(one(1), Cmp::Gt, work_queue::concurrency_limit), false),
        (1, Condition::new(both(0), Cmp::Eq, i64::MAX), true),
        (1, Condition::new(both(-1), Cmp::Eq, i64::MAX - 1), true), // from left to right
        (1, Condition::new(one(i64::MIN), Cmp::Eq, -1_i64), true),
        (2, Condition::new(one(-1), Cmp::Ge, i64::MIN), true),
        (2, Condition::new(both(0), Cmp::Lt, 0_i64), true),
        (2, Condition::new(both(1), Cmp::Eq, i64::MIN + 1), true),
        (2, Condition::new(one(i64::MAX), Cmp::Eq, -1_i64), true),
    ];
    for (n, condition, holds) in cases {
        let named = format!("{condition:?}");
        let update = Change::default().set(work_queue::description, named.as_str());
        let done = lab.done(Batch::new().update_when::<WorkQueue>(key(n), vec![condition], update)).await?;
        assert_eq!(done[0].applied, holds, "{named} on queue {n}");
    }
    Ok(())
}

async fn the_greatest_of_the_ends_is_an_end(lab: Lab) -> Result<(), Error> {
    lab.seed([sample::work_queue(1, 1)]).await?;
    let limit: Col = work_queue::concurrency_limit;
    for (n, expected) in [(i64::MIN, i64::MIN), (-1, -1), (i64::MAX, i64::MAX), (i64::MIN, i64::MAX), (0, i64::MAX)] {
        lab.done(Batch::new().update::<WorkQueue>(key(1), Change::default().max(limit, n))).await?;
        assert_eq!(lab.get::<WorkQueue>(key(1)).await?.concurrency_limit, Some(expected), "after {n}");
    }
    // An addition in the same batch goes from the end.
    let down = Change::default().add(limit, i64::MIN);
    lab.done(Batch::new().update::<WorkQueue>(key(1), down.clone()).update::<WorkQueue>(key(1), down)).await?;
    assert_eq!(lab.get::<WorkQueue>(key(1)).await?.concurrency_limit, Some(i64::MIN));
    Ok(())
}
