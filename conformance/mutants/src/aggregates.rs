//! Mutants of groups and measures.

use mintaka_core::{Aggregate, Direction, Filter, Group, Measure, Time, Value};

use super::Mutant;
use super::fault::{Fault, Lines};

pub(super) static ALL: &[Mutant] = &[
    Mutant::new(
        "a_sum_stays_at_the_greatest_number",
        &["A9"],
        Fault::Lines(|aggregate, lines| match lines {
            Err(_) if aggregate.check().is_ok() => Ok(vec![vec![Value::Int(i64::MAX)]]),
            lines => lines,
        }),
    ),
    Mutant::new("a_count_is_of_all_rows", &["A1"], Fault::Aggregate(|aggregate| aggregate.filter = Filter::all())),
    Mutant::new(
        "an_aggregate_of_no_rows_has_no_line",
        &["A1"],
        Fault::Lines(|_, lines| Ok(lines?.into_iter().filter(|line| line[0] != Value::Int(0)).collect())),
    ),
    Mutant::new(
        "rows_are_left_out_of_groups_of_null",
        &["A2"],
        Fault::Lines(|aggregate, lines| {
            let groups = aggregate.by.len();
            Ok(lines?.into_iter().filter(|line| !line[..groups].contains(&Value::Null)).collect())
        }),
    ),
    Mutant::new(
        "groups_of_no_rows_have_a_line",
        &["A2"],
        Fault::Lines(|aggregate, lines| {
            let mut lines = lines?;
            if lines.is_empty() {
                lines.push(vec![Value::Null; aggregate.by.len() + aggregate.measures.len()]);
            }
            Ok(lines)
        }),
    ),
    Mutant::new(
        "rows_are_grouped_by_the_first_column_alone",
        &["A2"],
        Fault::Lines(|aggregate, lines| {
            let mut lines = lines?;
            if !aggregate.by.is_empty() {
                lines.dedup_by(|next, line| next[0] == line[0]);
            }
            Ok(lines)
        }),
    ),
    Mutant::new(
        "time_buckets_are_numbered_towards_zero",
        &["A3"],
        Fault::Lines(|aggregate, lines| {
            buckets(aggregate, lines, |bucket| {
                if let Value::Int(n @ ..0) = bucket {
                    *n += 1;
                }
            })
        }),
    ),
    Mutant::new(
        "time_buckets_begin_in_1970",
        &["A3"],
        Fault::Aggregate(|aggregate| {
            for group in &mut aggregate.by {
                if let Group::Bucket { origin, .. } = group {
                    *origin = Time::from_micros(0);
                }
            }
        }),
    ),
    Mutant::new(
        "a_null_time_is_in_the_first_bucket",
        &["A3"],
        Fault::Lines(|aggregate, lines| {
            buckets(aggregate, lines, |bucket| {
                if bucket.is_null() {
                    *bucket = Value::Int(0);
                }
            })
        }),
    ),
    Mutant::new(
        "a_sum_of_nothing_is_zero",
        &["A4"],
        Fault::Lines(|aggregate, lines| {
            measures(aggregate, lines, |measure, value| {
                if matches!(measure, Measure::Sum(_)) && value.is_null() {
                    *value = Value::Int(0);
                }
            })
        }),
    ),
    Mutant::new(
        "a_sum_of_integers_is_a_float",
        &["A4"],
        Fault::Lines(|aggregate, lines| {
            measures(aggregate, lines, |measure, value| {
                if let (Measure::Sum(_), Value::Int(n)) = (measure, &value) {
                    *value = Value::float(*n as f64);
                }
            })
        }),
    ),
    Mutant::new(
        "a_sum_of_times_is_counted_from_1970",
        &["A5"],
        Fault::Aggregate(|aggregate| {
            for measure in &mut aggregate.measures {
                if let Measure::SumSince(_, origin) = measure {
                    *origin = Time::from_micros(0);
                }
            }
        }),
    ),
    Mutant::new(
        "a_sum_of_times_is_an_integer",
        &["A5"],
        Fault::Lines(|aggregate, lines| {
            measures(aggregate, lines, |measure, value| {
                if let (Measure::SumSince(..), Value::Float(sum)) = (measure, &value) {
                    *value = Value::Int(*sum as i64);
                }
            })
        }),
    ),
    Mutant::new(
        "distinct_values_are_counted_as_rows",
        &["A6"],
        Fault::Aggregate(|aggregate| {
            for measure in &mut aggregate.measures {
                if let Measure::CountDistinct(_) = measure {
                    *measure = Measure::Count;
                }
            }
        }),
    ),
    Mutant::new(
        "the_least_value_is_the_greatest",
        &["A6"],
        Fault::Aggregate(|aggregate| {
            for measure in &mut aggregate.measures {
                if let Measure::Min(column) = measure {
                    *measure = Measure::Max(*column);
                }
            }
        }),
    ),
    Mutant::new("lines_come_by_group_alone", &["A7"], Fault::Aggregate(|aggregate| aggregate.order.clear())),
    Mutant::new(
        "lines_that_tie_come_in_the_other_direction",
        &["A7"],
        Fault::Aggregate(|aggregate| {
            aggregate.order.extend((0..aggregate.by.len()).map(|group| (group, Direction::Desc)));
        }),
    ),
    Mutant::new("the_limit_of_lines_is_left_out", &["A7"], Fault::Aggregate(|aggregate| aggregate.limit = u64::MAX)),
    Mutant::new("a_malformed_aggregate_has_no_line", &["A8"], Fault::Lines(|_, lines| lines.or(Ok(Vec::new())))),
];

/// Lines with a change to the numbers of time buckets.
fn buckets(aggregate: &Aggregate, lines: Lines, change: fn(&mut Value)) -> Lines {
    let mut lines = lines?;
    for line in &mut lines {
        for (group, value) in aggregate.by.iter().zip(line) {
            if matches!(group, Group::Bucket { .. }) {
                change(value);
            }
        }
    }
    Ok(lines)
}

/// Lines with a change to what was measured.
fn measures(aggregate: &Aggregate, lines: Lines, change: fn(&Measure, &mut Value)) -> Lines {
    let mut lines = lines?;
    for line in &mut lines {
        let values = &mut line[aggregate.by.len()..];
        aggregate.measures.iter().zip(values).for_each(|(measure, value)| change(measure, value));
    }
    Ok(lines)
}
