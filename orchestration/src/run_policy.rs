//! `empirical_policy`: what a run says about its own retries and pauses.

use mintaka_core::Json;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::each_once::each_once;
use crate::object::Object;
use crate::state::null_is_default;

/// How a flow run is being retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryType {
    /// By the process that runs it; workers skip such runs.
    InProcess,
    /// By being scheduled again.
    Reschedule,
}

/// `empirical_policy` of a flow run. (wire W7.3)
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Object<SentFlowRunPolicy>")]
pub struct FlowRunPolicy {
    /// Deprecated; fills [`retries`](FlowRunPolicy::retries).
    pub max_retries: i64,
    /// Deprecated; fills [`retry_delay`](FlowRunPolicy::retry_delay).
    pub retry_delay_seconds: f64,
    /// How often a failed run is retried.
    pub retries: Option<i64>,
    /// Seconds before a retry.
    pub retry_delay: Option<i64>,
    /// Pauses that have fired, each once.
    pub pause_keys: Vec<String>,
    /// Whether the run resumes after a pause, so that its next RUNNING is not counted.
    pub resuming: Option<bool>,
    /// How it is being retried.
    pub retry_type: Option<RetryType>,
}

#[derive(Deserialize)]
#[serde(default)]
struct SentFlowRunPolicy {
    #[serde(deserialize_with = "null_is_default")]
    max_retries: i64,
    #[serde(deserialize_with = "null_is_default")]
    retry_delay_seconds: f64,
    retries: Option<i64>,
    retry_delay: Option<f64>,
    #[serde(deserialize_with = "null_is_default")]
    pause_keys: Vec<String>,
    resuming: Option<bool>,
    retry_type: Option<RetryType>,
}

impl Default for SentFlowRunPolicy {
    fn default() -> SentFlowRunPolicy {
        SentFlowRunPolicy {
            max_retries: 0,
            retry_delay_seconds: 0.0,
            retries: None,
            retry_delay: None,
            pause_keys: Vec::new(),
            resuming: Some(false),
            retry_type: None,
        }
    }
}

/// A field that its deprecated predecessor fills when it says nothing itself.
fn filled<T: Default + PartialEq>(field: Option<T>, predecessor: T) -> Option<T> {
    let zero = T::default();
    match field {
        Some(value) if value != zero => Some(value),
        _ if predecessor != zero => Some(predecessor),
        field => field,
    }
}

impl Default for FlowRunPolicy {
    fn default() -> FlowRunPolicy {
        Object(SentFlowRunPolicy::default()).into()
    }
}

impl From<Object<SentFlowRunPolicy>> for FlowRunPolicy {
    fn from(Object(sent): Object<SentFlowRunPolicy>) -> FlowRunPolicy {
        FlowRunPolicy {
            max_retries: sent.max_retries,
            retry_delay_seconds: sent.retry_delay_seconds,
            retries: filled(sent.retries, sent.max_retries),
            retry_delay: filled(sent.retry_delay, sent.retry_delay_seconds).map(|seconds| seconds as i64),
            pause_keys: each_once(sent.pause_keys),
            resuming: sent.resuming,
            retry_type: sent.retry_type,
        }
    }
}

impl FlowRunPolicy {
    /// The policy that is stored; damaged text reads as the default.
    pub fn of(stored: &Json) -> FlowRunPolicy {
        stored.to().unwrap_or_default()
    }

    /// Changes the policy that is stored.
    pub(crate) fn change(stored: &mut Json, change: impl FnOnce(&mut FlowRunPolicy)) {
        let mut policy = FlowRunPolicy::of(stored);
        change(&mut policy);
        *stored = Json::of(&policy);
    }

    /// Whether the run resumes after a pause.
    pub fn is_resuming(&self) -> bool {
        self.resuming == Some(true)
    }
}

/// Seconds before a retry: one number, or one per attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RetryDelay {
    /// The same for every attempt.
    Every(serde_json::Number),
    /// The nth for the nth retry, the last one for all later ones. At most 50.
    Each(Vec<serde_json::Number>),
}

impl RetryDelay {
    /// Seconds to wait after a run that was the `run_count`th.
    pub fn after(&self, run_count: i64) -> f64 {
        let number = match self {
            RetryDelay::Every(number) => Some(number),
            RetryDelay::Each(list) => match usize::try_from(run_count - 1) {
                Ok(nth) => list.get(nth).or(list.last()),
                Err(_) => list.last(),
            },
        };
        number.and_then(serde_json::Number::as_f64).unwrap_or(0.0)
    }
}

/// `empirical_policy` of a task run. (wire W7.4)
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Object<SentTaskRunPolicy>")]
pub struct TaskRunPolicy {
    /// Deprecated; fills [`retries`](TaskRunPolicy::retries).
    pub max_retries: i64,
    /// Deprecated; fills [`retry_delay`](TaskRunPolicy::retry_delay).
    pub retry_delay_seconds: f64,
    /// How often a failed run is retried.
    pub retries: Option<i64>,
    /// Seconds before a retry.
    pub retry_delay: Option<RetryDelay>,
    /// By which share a delay may be longer.
    pub retry_jitter_factor: Option<f64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SentTaskRunPolicy {
    #[serde(deserialize_with = "null_is_default")]
    max_retries: i64,
    #[serde(deserialize_with = "null_is_default")]
    retry_delay_seconds: f64,
    retries: Option<i64>,
    #[serde(deserialize_with = "few_delays")]
    retry_delay: Option<RetryDelay>,
    #[serde(deserialize_with = "not_negative")]
    retry_jitter_factor: Option<f64>,
}

/// The most delays that a task run may list.
const MAX_DELAYS: usize = 50;

fn few_delays<'de, D: Deserializer<'de>>(d: D) -> Result<Option<RetryDelay>, D::Error> {
    match Option::deserialize(d)? {
        Some(RetryDelay::Each(list)) if list.len() > MAX_DELAYS => {
            Err(D::Error::custom(format!("Can not configure more than {MAX_DELAYS} retry delays per task.")))
        }
        delay => Ok(delay),
    }
}

fn not_negative<'de, D: Deserializer<'de>>(d: D) -> Result<Option<f64>, D::Error> {
    match Option::deserialize(d)? {
        Some(factor) if factor < 0.0 => Err(D::Error::custom("`retry_jitter_factor` must be >= 0.")),
        factor => Ok(factor),
    }
}

impl From<Object<SentTaskRunPolicy>> for TaskRunPolicy {
    fn from(Object(sent): Object<SentTaskRunPolicy>) -> TaskRunPolicy {
        let is_zero = match &sent.retry_delay {
            None => true,
            Some(RetryDelay::Every(n)) => n.as_f64() == Some(0.0),
            Some(RetryDelay::Each(list)) => list.is_empty(),
        };
        let from_seconds = (is_zero && sent.retry_delay_seconds != 0.0)
            .then(|| serde_json::Number::from_f64(sent.retry_delay_seconds).map(RetryDelay::Every))
            .flatten();
        TaskRunPolicy {
            max_retries: sent.max_retries,
            retry_delay_seconds: sent.retry_delay_seconds,
            retries: filled(sent.retries, sent.max_retries),
            retry_delay: from_seconds.or(sent.retry_delay),
            retry_jitter_factor: sent.retry_jitter_factor,
        }
    }
}

impl TaskRunPolicy {
    /// The policy that is stored; damaged text reads as the default.
    pub fn of(stored: &Json) -> TaskRunPolicy {
        stored.to().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_and_deprecated_fields_are_filled_in() {
        let flow = |text: &str| serde_json::to_string(&serde_json::from_str::<FlowRunPolicy>(text).unwrap()).unwrap();
        assert_eq!(
            flow("{}"),
            r#"{"max_retries":0,"retry_delay_seconds":0.0,"retries":null,"retry_delay":null,"pause_keys":[],"resuming":false,"retry_type":null}"#
        );
        assert_eq!(
            flow(r#"{"max_retries":2,"retry_delay_seconds":1.5,"pause_keys":["a","a"],"retry_type":"in_process"}"#),
            r#"{"max_retries":2,"retry_delay_seconds":1.5,"retries":2,"retry_delay":1,"pause_keys":["a"],"resuming":false,"retry_type":"in_process"}"#
        );
        let task = |text: &str| serde_json::to_string(&serde_json::from_str::<TaskRunPolicy>(text).unwrap()).unwrap();
        assert_eq!(
            task("{}"),
            r#"{"max_retries":0,"retry_delay_seconds":0.0,"retries":null,"retry_delay":null,"retry_jitter_factor":null}"#
        );
        assert_eq!(
            task(r#"{"max_retries":1,"retry_delay":[1,2.5]}"#),
            r#"{"max_retries":1,"retry_delay_seconds":0.0,"retries":1,"retry_delay":[1,2.5],"retry_jitter_factor":null}"#
        );
    }

    #[test]
    fn policies_that_make_no_sense_are_refused() {
        let refusal = |text: &str| serde_json::from_str::<TaskRunPolicy>(text).unwrap_err().to_string();
        assert!(refusal(r#"{"retry_jitter_factor": -1}"#).contains("`retry_jitter_factor` must be >= 0."));
        let many = format!(r#"{{"retry_delay": {:?}}}"#, vec![1; MAX_DELAYS + 1]);
        assert!(refusal(&many).contains("Can not configure more than 50 retry delays per task."));
    }

    #[test]
    fn a_list_of_delays_ends_with_its_last() {
        let delay: RetryDelay = serde_json::from_str("[1, 5, 9]").unwrap();
        for (run_count, seconds) in [(0, 9.0), (1, 1.0), (2, 5.0), (3, 9.0), (7, 9.0)] {
            assert_eq!(delay.after(run_count), seconds, "{run_count}");
        }
        assert_eq!(serde_json::from_str::<RetryDelay>("[]").unwrap().after(1), 0.0);
    }
}
