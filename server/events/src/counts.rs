//! Counts of events by time, name or resource.

use std::collections::BTreeMap;
use std::sync::Arc;

use mintaka_core::records::{Event, event};
use mintaka_core::{Aggregate, Col, Direction, Error, Group, Measure, Record, Time, Value};
use mintaka_http::{ApiError, When};
use mintaka_orchestration::Operations;
use mintaka_orchestration::ops::events::{Labels, RESOURCE_NAME};
use poem_openapi::{Enum, Object};
use serde::Serialize;

use crate::criteria::Criteria;
use crate::pages::first_of_each;
use crate::scan::Scan;

/// Bucket 0 of every width begins here (wire W12.6: 2024-04-01, a Monday).
const PIVOT: Time = Time::from_micros(1_711_929_600_000_000);
/// The most buckets of an answer (wire W12.6).
const MAX_BUCKETS: i64 = 1000;
/// The least multiple of a unit (wire W12.6).
const MIN_INTERVAL: f64 = 0.01;
/// The most names or resources of an answer: those with the most events.
const MAX_GROUPS: u64 = 10_000;
/// Resources whose names are read at once, each from a whole event.
const NAMES_AT_ONCE: usize = 50;

/// What events are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum Countable {
    /// Days.
    Day,
    /// Multiples of a unit of time.
    Time,
    /// Names of events.
    Event,
    /// Ids of the resources that they happened to.
    Resource,
}

/// A unit of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum TimeUnit {
    /// Seven days.
    Week,
    /// 24 hours.
    #[default]
    Day,
    /// 60 minutes.
    Hour,
    /// 60 seconds.
    Minute,
    /// A second.
    Second,
}

impl TimeUnit {
    fn micros(self) -> i64 {
        1_000_000
            * match self {
                TimeUnit::Week => 604_800,
                TimeUnit::Day => 86_400,
                TimeUnit::Hour => 3600,
                TimeUnit::Minute => 60,
                TimeUnit::Second => 1,
            }
    }
}

/// How many events have something in common.
#[derive(Clone, Debug, Object, Serialize)]
pub struct EventCount {
    /// What they have in common.
    pub value: String,
    /// The same for people.
    pub label: String,
    /// How many they are.
    pub count: i64,
    /// When the first occurred, or the bucket begins.
    pub start_time: When,
    /// When the last occurred, or the bucket ends.
    pub end_time: When,
}

/// Counts the events of a filter.
///
/// # Errors
/// 422 for buckets that are too small or too many; else what the store answers.
pub(crate) async fn count_by(
    store: &Operations,
    criteria: &Arc<Criteria>,
    countable: Countable,
    unit: TimeUnit,
    interval: f64,
) -> Result<Vec<EventCount>, ApiError> {
    let width = width_of(criteria, unit, interval)?;
    Ok(match countable {
        Countable::Day => buckets(store, criteria, TimeUnit::Day, TimeUnit::Day.micros()).await?,
        Countable::Time => buckets(store, criteria, unit, width).await?,
        Countable::Event => groups(store, criteria, event::event).await?,
        Countable::Resource => {
            let mut counts = groups(store, criteria, event::resource_id).await?;
            name(store, criteria, &mut counts).await?;
            counts
        }
    })
}

/// The width of a bucket, in microseconds.
fn width_of(criteria: &Arc<Criteria>, unit: TimeUnit, interval: f64) -> Result<i64, ApiError> {
    if interval.is_nan() || interval < MIN_INTERVAL {
        return Err(ApiError::member("time_interval", "Input should be greater than or equal to 0.01"));
    }
    let width = ((unit.micros() as f64 * interval).round() as i64).max(1);
    let span = criteria.until.micros() - criteria.since.micros();
    let buckets = span / width + i64::from(span % width > 0);
    if buckets > MAX_BUCKETS {
        return Err(ApiError::unprocessable(format!(
            "The given interval would create {buckets} buckets, which is too many. Please increase the interval or \
             reduce the time range to produce {MAX_BUCKETS} buckets or fewer."
        )));
    }
    Ok(width)
}

/// All buckets between the bounds of the filter, in order, the empty ones too.
async fn buckets(
    store: &Operations,
    criteria: &Arc<Criteria>,
    unit: TimeUnit,
    width: i64,
) -> Result<Vec<EventCount>, Error> {
    let number = |time: Time| (time.micros() - PIVOT.micros()).div_euclid(width);
    let by = Group::Bucket { column: event::occurred, origin: PIVOT, width };
    let bucket_of = |event: &Event| Value::Int(number(event.occurred));
    let counted = tally(store, criteria, by, &bucket_of, vec![(0, Direction::Asc)], u64::MAX >> 1).await?;
    let counted: BTreeMap<i64, i64> = counted
        .into_iter()
        .filter_map(|(value, tally)| if let Value::Int(n) = value { Some((n, tally.count)) } else { None })
        .collect();
    // No bucket begins after the unit of time that is now (wire W12.6).
    let now = store.now();
    let unit = unit.micros();
    let end_of_now = PIVOT.plus_micros(((now.micros() - PIVOT.micros()).div_euclid(unit) + 1) * unit - 1);
    let end = if criteria.until > now { end_of_now } else { criteria.until };
    let begin = |n: i64| PIVOT.plus_micros(n.saturating_mul(width));
    let first = number(criteria.since);
    let buckets = (first..).take_while(|&n| begin(n) < end).take(MAX_BUCKETS as usize + 2).zip(0..);
    Ok(buckets
        .map(|(n, index): (i64, i64)| EventCount {
            value: index.to_string(),
            label: begin(n).to_chrono().to_rfc3339(),
            count: counted.get(&n).copied().unwrap_or(0),
            start_time: When(begin(n)),
            end_time: When(begin(n + 1).plus_micros(-1)),
        })
        .collect())
}

/// Counts by a text column, the most first.
async fn groups(store: &Operations, criteria: &Arc<Criteria>, column: Col) -> Result<Vec<EventCount>, Error> {
    let key_of = move |event: &Event| {
        Value::Text(if column == event::event { event.event.clone() } else { event.resource_id.clone() })
    };
    let order = vec![(1, Direction::Desc), (0, Direction::Asc)];
    let counted = tally(store, criteria, Group::Column(column), &key_of, order, MAX_GROUPS).await?;
    Ok(counted
        .into_iter()
        .filter_map(|(value, tally)| match value {
            Value::Text(text) => Some(EventCount {
                value: text.clone(),
                label: text,
                count: tally.count,
                start_time: When(tally.first),
                end_time: When(tally.last),
            }),
            _ => None,
        })
        .collect())
}

/// Gives resources the name that their latest event tells.
async fn name(store: &Operations, criteria: &Arc<Criteria>, counts: &mut [EventCount]) -> Result<(), Error> {
    let latest = Arc::new(Criteria::clone(criteria).in_order(Direction::Desc));
    for some in counts.chunks_mut(NAMES_AT_ONCE) {
        let resources = some.iter().map(|count| Value::text(count.value.as_str())).collect();
        let events = first_of_each(store, &latest, resources).await?;
        for count in some {
            let event = events.iter().find(|event| event.resource_id == count.value);
            let labels = event.and_then(|event| event.resource.to::<Labels>().ok()).unwrap_or_default();
            if let Some(name) = labels.get(RESOURCE_NAME).or_else(|| labels.get("prefect.name")) {
                count.label = name.to_owned();
            }
        }
    }
    counts.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.label.cmp(&b.label)));
    Ok(())
}

struct Tally {
    count: i64,
    first: Time,
    last: Time,
}

/// Number, first and last of the events of each group: by the store, or on the rows that it finds if it cannot judge
/// all of the criteria.
async fn tally(
    store: &Operations,
    criteria: &Arc<Criteria>,
    by: Group,
    key_of: &(dyn Fn(&Event) -> Value + Sync),
    order: Vec<(usize, Direction)>,
    limit: u64,
) -> Result<Vec<(Value, Tally)>, Error> {
    if criteria.is_exact() {
        let measures = vec![Measure::Count, Measure::Min(event::occurred), Measure::Max(event::occurred)];
        let filter = criteria.filter.clone();
        let rows =
            store.aggregate(Aggregate { table: Event::TABLE, filter, by: vec![by], measures, order, limit }).await?;
        return rows.into_iter().map(tallied).collect();
    }
    let mut tallies: Vec<(Value, Tally)> = Vec::new();
    let mut places: BTreeMap<mintaka_core::Ordered, usize> = BTreeMap::new();
    let mut scan = Scan::new(store, criteria);
    while let Some(page) = scan.next().await? {
        for event in page.rows {
            let (key, at) = (key_of(&event), event.occurred);
            let place = *places.entry(mintaka_core::Ordered(key.clone())).or_insert(tallies.len());
            match tallies.get_mut(place) {
                Some((_, tally)) => {
                    tally.count += 1;
                    tally.first = tally.first.min(at);
                    tally.last = tally.last.max(at);
                }
                None => tallies.push((key, Tally { count: 1, first: at, last: at })),
            }
        }
    }
    tallies.sort_by(|(a, ta), (b, tb)| tb.count.cmp(&ta.count).then_with(|| a.order(b)));
    Ok(tallies)
}

fn tallied(row: Vec<Value>) -> Result<(Value, Tally), Error> {
    match <[Value; 4]>::try_from(row) {
        Ok([key, Value::Int(count), Value::Time(first), Value::Time(last)]) => Ok((key, Tally { count, first, last })),
        other => Err(Error::Corrupt(format!("counts answered {other:?}"))),
    }
}
