//! States that runs have been in: distinct names, with first and last sight.

use std::collections::BTreeMap;

use mintaka_core::records::{FlowRunState, StateType, TaskRunState, flow_run_state, task_run_state};
use mintaka_core::{Aggregate, Col, Field, Filter, Group, Measure, Record, Time};
use mintaka_http::{ApiError, Ctx, Out, When};
use poem_openapi::param::Query;
use poem_openapi::{Enum, Object, OpenApi};
use serde::Serialize;

use crate::Tag;

/// At most so many states, and so many when nothing is asked (wire W8.8).
const MOST: usize = 200;
/// The longest text to search for, in characters.
const LONGEST_QUERY: usize = 100;

/// A state that runs have been in.
#[derive(Object, Serialize)]
struct ObservedState {
    state_type: String,
    state_name: String,
    /// When a run first entered it.
    first_seen: When,
    /// When a run last entered it.
    last_seen: When,
}

/// Orders of observed states.
#[derive(Clone, Copy, Enum)]
enum ObservedStateSort {
    #[oai(rename = "LAST_SEEN_DESC")]
    LastSeen,
    #[oai(rename = "NAME_ASC")]
    Name,
}

#[derive(Clone)]
pub(crate) struct ObservedApi {
    pub ctx: Ctx,
}

#[OpenApi(tag = "Tag::ObservedStates")]
impl ObservedApi {
    /// Distinct states in the histories of runs, found by how their type or name begins.
    #[oai(path = "/observed-states", method = "get", operation_id = "read_observed_states")]
    async fn read(
        &self,
        query: Query<Option<String>>,
        order_by: Query<Option<ObservedStateSort>>,
        limit: Query<Option<usize>>,
    ) -> Result<Out<Vec<ObservedState>>, ApiError> {
        let limit = limit.0.unwrap_or(MOST);
        if !(1..=MOST).contains(&limit) {
            return Err(ApiError::member("limit", format!("must be between 1 and {MOST}")));
        }
        let prefix = query.0.unwrap_or_default();
        if prefix.chars().count() > LONGEST_QUERY {
            return Err(ApiError::member("query", format!("must have at most {LONGEST_QUERY} characters")));
        }
        let prefix = prefix.trim().to_lowercase();
        let mut seen = Seen::default();
        self.gather::<FlowRunState>(
            [flow_run_state::r#type, flow_run_state::name],
            flow_run_state::timestamp,
            &mut seen,
        )
        .await?;
        self.gather::<TaskRunState>(
            [task_run_state::r#type, task_run_state::name],
            task_run_state::timestamp,
            &mut seen,
        )
        .await?;
        let mut states: Vec<ObservedState> = seen
            .into_iter()
            .filter(|((kind, name), _)| [*kind, name].iter().any(|text| text.to_lowercase().starts_with(&prefix)))
            .map(|((kind, name), (first, last))| ObservedState {
                state_type: kind.to_owned(),
                state_name: name,
                first_seen: When(first),
                last_seen: When(last),
            })
            .collect();
        if matches!(order_by.0, None | Some(ObservedStateSort::LastSeen)) {
            // Stable: states seen at the same time stay in the order of type and name.
            states.sort_by_key(|state| std::cmp::Reverse(state.last_seen.0));
        }
        states.truncate(limit);
        Ok(Out(states))
    }
}

/// First and last sight, by type and name.
type Seen = BTreeMap<(&'static str, String), (Time, Time)>;

impl ObservedApi {
    async fn gather<R: Record>(&self, by: [Col; 2], time: Col, seen: &mut Seen) -> Result<(), ApiError> {
        let aggregate = Aggregate {
            table: R::TABLE,
            filter: Filter::all(),
            by: by.into_iter().map(Group::Column).collect(),
            measures: vec![Measure::Min(time), Measure::Max(time)],
            order: Vec::new(),
            limit: 10_000,
        };
        for group in self.ctx.reader.aggregate(aggregate).await? {
            let Ok([kind, name, first, last]) = <[_; 4]>::try_from(group) else { continue };
            let kind = StateType::from_value(kind)?.as_str();
            let (first, last) = (Time::from_value(first)?, Time::from_value(last)?);
            let range = seen.entry((kind, String::from_value(name)?)).or_insert((first, last));
            *range = (range.0.min(first), range.1.max(last));
        }
        Ok(())
    }
}
