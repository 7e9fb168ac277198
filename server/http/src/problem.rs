//! The faults of a request body: the first few, and how many more there are.

use serde::Serialize;
use serde_json::Value;

use crate::{Client, echo};

/// So many problems of a request are told; of the rest the number.
pub(crate) const MAX_PROBLEMS: usize = 10;

/// One fault of a request body (wire W2.6).
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    /// A short name of the kind of fault.
    pub r#type: String,
    /// Where: `body`, then names of members and positions in lists.
    pub loc: Vec<Value>,
    /// What is wrong.
    pub msg: String,
    /// What was sent there; clients of the 2.x line are not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
}

impl Problem {
    /// A value that breaks a rule of its member.
    pub fn value(member: &str, msg: impl Into<String>) -> Problem {
        Problem { loc: vec!["body".into(), member.into()], msg: msg.into(), r#type: "value_error".into(), input: None }
    }

    /// A member of `place` (`body`, `query`) that is needed and not there, as the client's line calls it. `input` is what
    /// was sent instead: the whole body, or null.
    pub fn missing(place: &str, member: &str, input: &Value, client: &Client) -> Problem {
        let (msg, kind, input) = match client.is_v2() {
            true => ("field required", "value_error.missing", None),
            false => ("Field required", "missing", Some(echo::shown(input, echo::VALUE))),
        };
        Problem { loc: vec![place.into(), member.into()], msg: msg.into(), r#type: kind.into(), input }
    }

    /// The same as an answer may repeat it.
    fn public(self) -> Problem {
        let secret = |input: &Value| self.loc.iter().filter_map(Value::as_str).any(|name| echo::is_secret(name, input));
        let input = self.input.as_ref().map(|input| match secret(input) {
            true => echo::hidden(),
            false => echo::shown(input, echo::VALUE),
        });
        let loc = self.loc.iter().map(|step| echo::shown(step, echo::NAME)).collect();
        Problem { r#type: self.r#type, loc, msg: echo::cut(&self.msg, echo::TEXT).into_owned(), input }
    }
}

/// Collects problems. Those past the first few are not even made: a body can have as many as it has values.
#[derive(Default)]
pub(crate) struct Problems {
    first: Vec<Problem>,
    more: usize,
}

impl Problems {
    /// Adds one.
    pub(crate) fn add(&mut self, problem: impl FnOnce() -> Problem) {
        match self.first.len() {
            MAX_PROBLEMS.. => self.more += 1,
            _ => self.first.push(problem()),
        }
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// As they are told: the last says how many there are beside.
    pub(crate) fn told(self) -> Vec<Problem> {
        let more = (self.more > 0).then(|| Problem {
            r#type: "too_many_problems".into(),
            loc: vec!["body".into()],
            msg: format!("There are {} more problems; correct these first.", self.more),
            input: None,
        });
        self.first.into_iter().map(Problem::public).chain(more).collect()
    }
}

impl From<Vec<Problem>> for Problems {
    fn from(mut all: Vec<Problem>) -> Problems {
        let more = all.len().saturating_sub(MAX_PROBLEMS);
        all.truncate(MAX_PROBLEMS);
        Problems { first: all, more }
    }
}
