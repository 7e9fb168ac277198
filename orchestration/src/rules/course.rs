//! The columns that a run has because of its states.

use mintaka_core::Time;
use mintaka_core::records::StateType;
use uuid::Uuid;

/// The columns of a run that follow from its states, whatever kind of run it is.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)] // named and documented as in the records
pub struct Course {
    pub state_id: Option<Uuid>,
    pub state_type: Option<StateType>,
    pub state_name: Option<String>,
    pub state_timestamp: Option<Time>,
    pub expected_start_time: Option<Time>,
    pub next_scheduled_start_time: Option<Time>,
    pub start_time: Option<Time>,
    pub end_time: Option<Time>,
    pub total_run_time: f64,
    pub sort_time: Option<Time>,
    pub start_delay: Option<f64>,
}

impl Course {
    /// Sets the columns that follow from other columns of the run.
    pub fn derive(&mut self) {
        self.sort_time = self.start_time.or(self.expected_start_time);
        self.start_delay = match (self.start_time, self.expected_start_time) {
            (Some(start), Some(expected)) => Some(start.seconds_since(expected).max(0.0)),
            (Some(_), None) => Some(0.0),
            (None, _) => None,
        };
    }
}
