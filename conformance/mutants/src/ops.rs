//! Mutants of single ops: inserts, upserts, updates and their conditions, deletes, versions.

use mintaka_core::records::flow_run;
use mintaka_core::{
    Batch, Batches, Change, Cmp, Col, Condition, Conflict, Done, Error, Filter, Key, OnExists, Op, Outcome, Part,
    Query, Table, Time, Value,
};

use super::Mutant;
use super::batches::one;
use super::fault::{Answer, Fault};
use super::store::MutantStore;

pub(super) static ALL: &[Mutant] = &[
    Mutant::new(
        "changed_rows_are_written_in_the_order_of_their_keys_whoever_holds_what",
        &["C21"],
        // As an engine does that checks unique keys row by row: a key is taken before it is given up.
        Fault::Outcome(|batch, outcome| {
            let set = |op: &Op| match op {
                Op::Update { table, key: Key::Primary(key), change, .. } if table.name == "flow_run" => {
                    let (_, value) = change.set.iter().find(|(c, _)| *c == flow_run::idempotency_key)?;
                    Some((key.first()?.clone(), value.is_null()))
                }
                _ => None,
            };
            let mut written: Vec<(Value, bool)> = batch.ops.iter().filter_map(set).collect();
            written.sort_by(|a, b| a.0.order(&b.0));
            if matches!(written[..], [(_, false), (_, true)]) {
                *outcome = Outcome::Failed(Error::Invalid("UNIQUE constraint failed".into()));
            }
        }),
    ),
    Mutant::new(
        "an_insert_goes_into_a_row_of_its_key",
        &["C9", "N2"],
        Fault::Op(|op| {
            if let Op::Insert { on_exists, .. } = op {
                *on_exists = OnExists::Skip;
            }
        }),
    ),
    Mutant::new(
        "an_insert_replaces_the_row_of_its_primary_key",
        &["C9"],
        Fault::Op(|op| {
            if let Op::Insert { table, values, on_exists: OnExists::Conflict } = op {
                let update = written_whole(table, values.clone());
                let (table, values) = (*table, std::mem::take(values));
                *op = Op::Upsert { table, by_unique: false, values, update, when: Vec::new() };
            }
        }),
    ),
    Mutant::new("versions_begin_with_zero", &["C9"], Fault::Row(|_, row| row.version -= 1)),
    Mutant::new(
        "an_insert_that_skips_names_the_row_that_it_was_given",
        &["C10"],
        Fault::Done(|op, done| {
            if let Op::Insert { table, values, .. } = op {
                done.key = Some(table.key_of(values));
            }
        }),
    ),
    Mutant::new(
        "an_upsert_looks_for_its_primary_key_alone",
        &["C11"],
        Fault::Op(|op| {
            if let Op::Upsert { by_unique, .. } = op {
                *by_unique = false;
            }
        }),
    ),
    Mutant::new(
        "an_upsert_leaves_the_row_it_finds",
        &["C11"],
        Fault::Op(|op| {
            if let Op::Upsert { update, .. } = op {
                *update = Change::default();
            }
        }),
    ),
    Mutant::new(
        "an_upsert_asks_for_no_condition",
        &["C12"],
        Fault::Op(|op| {
            if let Op::Upsert { when, .. } = op {
                when.clear();
            }
        }),
    ),
    Mutant::new(
        "an_upsert_that_collides_by_its_other_key_is_skipped",
        &["C12"],
        Fault::Outcome(|batch, outcome| {
            if let Outcome::Conflict(Conflict { part: Part::Op(n), .. }) = outcome
                && matches!(batch.ops.get(*n), Some(Op::Upsert { .. }))
            {
                let skipped = Done { applied: false, inserted: false, key: None };
                *outcome = Outcome::Committed { ops: vec![skipped; batch.ops.len()], stream: None };
            }
        }),
    ),
    Mutant::new(
        "an_update_writes_null_to_the_columns_it_does_not_name",
        &["C13"],
        Fault::Op(|op| {
            if let Op::Update { table, change, .. } = op {
                let nulls = vec![Value::Null; table.columns.len()];
                let named: Vec<usize> =
                    [&change.set, &change.add, &change.max].into_iter().flatten().map(|(c, _)| c.ordinal).collect();
                let unnamed = written_whole(table, nulls)
                    .set
                    .into_iter()
                    .filter(|(c, _)| c.def().nullable && !named.contains(&c.ordinal));
                change.set.extend(unnamed);
            }
        }),
    ),
    Mutant::new(
        "an_update_of_a_missing_row_is_a_conflict",
        &["C13"],
        Fault::Op(|op| {
            if let Op::Update { require, .. } = op {
                require.push(Condition::new(0, Cmp::Eq, 0));
            }
        }),
    ),
    Mutant::new(
        "a_composite_key_is_looked_for_by_its_last_part",
        &["C13"],
        Fault::Commit(|store, batches| Box::pin(by_the_last_part_of_keys(store, batches))),
    ),
    Mutant::new(
        "add_writes_what_it_should_add",
        &["C14"],
        Fault::Op(|op| {
            if let Op::Update { change, .. } = op {
                change.set.append(&mut change.add);
            }
        }),
    ),
    Mutant::new(
        "add_is_done_twice",
        &["C14"],
        Fault::Op(|op| {
            if let Op::Update { change, .. } = op {
                for (_, value) in &mut change.add {
                    *value = mintaka_core::plus(value, value);
                }
            }
        }),
    ),
    Mutant::new(
        "add_leaves_null_alone",
        &["C14"],
        Fault::Op(|op| {
            if let Op::Update { change, when, .. } = op {
                when.extend(change.add.iter().map(|&(column, _)| is_not_null(column)));
            }
        }),
    ),
    Mutant::new(
        "max_leaves_null_alone",
        &["C15"],
        Fault::Op(|op| {
            if let Op::Update { change, when, .. } = op {
                when.extend(change.max.iter().map(|&(column, _)| is_not_null(column)));
            }
        }),
    ),
    Mutant::new(
        "max_writes_what_it_is_given",
        &["C15"],
        Fault::Op(|op| {
            if let Op::Update { change, .. } = op {
                let (soft, plain) = std::mem::take(&mut change.max).into_iter().partition(|(c, _)| c.def().soft);
                change.max = soft;
                change.set.extend::<Vec<_>>(plain);
            }
        }),
    ),
    Mutant::new(
        "what_is_required_is_only_wished",
        &["C16"],
        Fault::Op(|op| {
            if let Op::Update { require, when, .. } = op {
                when.append(require);
            }
        }),
    ),
    Mutant::new(
        "what_is_wished_is_required",
        &["C16"],
        Fault::Op(|op| {
            if let Op::Update { require, when, .. } = op {
                require.append(when);
            }
        }),
    ),
    Mutant::new(
        "the_first_condition_is_enough",
        &["C16"],
        Fault::Op(|op| {
            if let Op::Update { require, when, .. } = op {
                require.truncate(1);
                when.truncate(1);
            }
        }),
    ),
    Mutant::new(
        "a_sum_is_of_its_columns_alone",
        &["C16"],
        Fault::Op(|op| {
            if let Op::Update { require, .. } = op {
                require.iter_mut().for_each(without_constants);
            }
        }),
    ),
    Mutant::new(
        "a_delete_leaves_the_row",
        &["C17"],
        Fault::Op(|op| {
            if let Op::Delete { table, key } = op {
                let (require, when, change) = Default::default();
                *op = Op::Update { table, key: key.clone(), require, when, change };
            }
        }),
    ),
    Mutant::new(
        "a_delete_of_a_missing_row_is_said_to_be_applied",
        &["C17"],
        Fault::Done(|op, done| done.applied |= matches!(op, Op::Delete { .. })),
    ),
    Mutant::new(
        "a_row_keeps_its_unique_key",
        &["C21"],
        Fault::Op(|op| {
            if let Op::Update { table, change, .. } = op {
                change.set.retain(|(column, _)| !table.unique.is_some_and(|unique| unique.contains(&column.ordinal)));
            }
        }),
    ),
    Mutant::new(
        "null_equals_null_in_a_unique_key",
        &["C20"],
        Fault::Commit(|store, batches| Box::pin(with_nulls_equal(store, batches))),
    ),
    Mutant::new(
        "a_soft_change_adds_to_the_version",
        &["C22"],
        Fault::Op(|op| {
            if let Op::Update { table, change, .. } = op
                && change.is_soft()
            {
                change.max.extend(changed_in_vain(table).max);
            }
        }),
    ),
    Mutant::new(
        "a_change_to_the_same_value_is_skipped",
        &["C22"],
        Fault::Op(|op| {
            if let Op::Update { change, when, .. } = op
                && let ([(column, value)], [], []) = (&change.set[..], &change.add[..], &change.max[..])
                && !matches!(value, Value::IdOf(_))
            {
                when.push(Condition::new(*column, Cmp::Eq, value.clone()).negate());
            }
        }),
    ),
    Mutant::new("the_version_of_a_row_stays_two", &["C22"], Fault::Row(|_, row| row.version = row.version.min(2))),
];

/// A condition that holds unless the column is null, which equals nothing.
fn is_not_null(column: Col) -> Condition {
    Condition::new(column, Cmp::Eq, column)
}

/// Takes the constants out of the sums of a condition that have columns.
fn without_constants(condition: &mut Condition) {
    match condition {
        Condition::Not(condition) => without_constants(condition),
        Condition::Compare(a, _, b) => {
            [a, b].into_iter().filter(|sum| !sum.columns.is_empty()).for_each(|sum| sum.constant = None);
        }
    }
}

/// A change of all columns but the primary key and the soft ones.
fn written_whole(table: &'static Table, values: Vec<Value>) -> Change {
    let columns = values.into_iter().enumerate().map(|(ordinal, value)| (Col { table, ordinal }, value));
    let set = columns.filter(|(column, _)| !table.key.contains(&column.ordinal) && !column.def().soft).collect();
    Change { set, ..Change::default() }
}

/// A change that leaves every value as it is, and is a change all the same.
pub(super) fn changed_in_vain(table: &'static Table) -> Change {
    match table.ordinal("updated") {
        Some(ordinal) => Change::default().max(Col { table, ordinal }, Time::MIN),
        None => Change::default(),
    }
}

async fn with_nulls_equal(store: &MutantStore, batches: Batches) -> Answer {
    let mut outcomes = Vec::new();
    for batch in batches.iter() {
        outcomes.push(match null_collision(store, batch).await? {
            Some(conflict) => Outcome::Conflict(conflict),
            None => one(store, batch.clone()).await?,
        });
    }
    Ok(outcomes)
}

/// The conflict of the first insert whose unique key a row has, if null equals null.
async fn null_collision(store: &MutantStore, batch: &Batch) -> Result<Option<Conflict>, Error> {
    for (n, op) in batch.ops.iter().enumerate() {
        let Op::Insert { table, values, on_exists: OnExists::Conflict } = op else { continue };
        let Some(unique) = table.unique else { continue };
        if table.check_row(values).is_err() || !unique.iter().any(|&i| values[i].is_null()) {
            continue;
        }
        let same = |&ordinal: &usize| match (Col { table, ordinal }, &values[ordinal]) {
            (column, Value::Null) => Filter::IsNull(column),
            (column, value) => Filter::eq(column, value.clone()),
        };
        let query = Query::of(table).filter(Filter::And(unique.iter().map(same).collect())).limit(1);
        if let Some(row) = store.inner.select(query).await?.pop() {
            return Ok(Some(Conflict { part: Part::Op(n), table, row: Some(row) }));
        }
    }
    Ok(None)
}

async fn by_the_last_part_of_keys(store: &MutantStore, batches: Batches) -> Answer {
    let mut changed = batches.to_vec();
    for batch in changed.iter_mut().filter(|batch| batch.check().is_ok()) {
        for op in batch.ops.clone() {
            if let Op::Update { table, key: Key::Primary(values), require, when, change } = op
                && let ([_, .., ordinal], [_, .., last]) = (table.key, &values[..])
            {
                let same = Filter::eq(Col { table, ordinal: *ordinal }, last.clone());
                for row in store.inner.select(Query::of(table).filter(same)).await? {
                    let (key, require) = (Key::Primary(table.key_of(&row.values)), require.clone());
                    let (when, change) = (when.clone(), change.clone());
                    batch.ops.push(Op::Update { table, key, require, when, change });
                }
            }
        }
    }
    store.applied(changed.into()).await
}
