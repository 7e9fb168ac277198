//! What every written state does to the row of its run: type, name, times, counts.

use mintaka_core::Time;
use mintaka_core::records::{FlowRun, StateType, TaskRun};

use super::course::Course;
use super::rule::{Effect, FlowAround, Run, TaskAround};
use crate::caller::Caller;
use crate::run_policy::FlowRunPolicy;
use crate::state::{State, StateDetails};

type Step = fn(&mut Course, Option<&State>, &State);

/// In this order; each sees what the ones before it did.
const STEPS: &[Step] = &[
    set_state,
    set_start_time,
    set_end_time,
    add_run_time,
    set_expected_start_time,
    set_next_scheduled_start_time,
    |course, _, _| course.derive(),
];

/// Lets a run enter a state: sets the columns that follow from it, and stamps the state's details.
pub(super) fn enter<R: Run>(run: &mut R, initial: Option<&State>, state: &mut State, caller: &Caller) {
    run.stamp(&mut state.state_details);
    let mut course = run.course();
    for step in STEPS {
        step(&mut course, initial, state);
    }
    run.set_course(course);
    run.count(state, caller);
}

fn set_state(course: &mut Course, _: Option<&State>, state: &State) {
    course.state_id = Some(state.id);
    course.state_type = Some(state.r#type);
    course.state_name = Some(state.name.clone());
    course.state_timestamp = Some(state.timestamp);
}

/// The first entry into RUNNING.
fn set_start_time(course: &mut Course, _: Option<&State>, state: &State) {
    if state.r#type == StateType::Running && course.start_time.is_none() {
        course.start_time = Some(state.timestamp);
    }
}

/// The first entry into a terminal state. A run that ends without having run began then as well, so that it has a
/// place in time.
fn set_end_time(course: &mut Course, initial: Option<&State>, state: &State) {
    if !state.r#type.is_terminal() {
        if initial.is_some_and(|s| s.r#type.is_terminal()) {
            course.end_time = None;
        }
    } else if course.end_time.is_none() {
        course.start_time.get_or_insert(state.timestamp);
        course.end_time = Some(state.timestamp);
    }
}

fn add_run_time(course: &mut Course, initial: Option<&State>, state: &State) {
    if let Some(left) = initial.filter(|s| s.r#type == StateType::Running) {
        course.total_run_time += state.timestamp.seconds_since(left.timestamp);
    }
}

fn set_expected_start_time(course: &mut Course, _: Option<&State>, state: &State) {
    if course.expected_start_time.is_none() {
        course.expected_start_time = scheduled_time(state).or(Some(state.timestamp));
    }
}

fn set_next_scheduled_start_time(course: &mut Course, initial: Option<&State>, state: &State) {
    if initial.is_some_and(|s| s.r#type == StateType::Scheduled) {
        course.next_scheduled_start_time = None;
    }
    if state.r#type == StateType::Scheduled {
        course.next_scheduled_start_time = scheduled_time(state);
    }
}

fn scheduled_time(state: &State) -> Option<Time> {
    state.state_details.scheduled_time.filter(|_| state.r#type == StateType::Scheduled)
}

macro_rules! course_columns {
    () => {
        fn course(&self) -> Course {
            Course {
                state_id: self.state_id,
                state_type: self.state_type,
                state_name: self.state_name.clone(),
                state_timestamp: self.state_timestamp,
                expected_start_time: self.expected_start_time,
                next_scheduled_start_time: self.next_scheduled_start_time,
                start_time: self.start_time,
                end_time: self.end_time,
                total_run_time: self.total_run_time,
                sort_time: self.sort_time,
                start_delay: self.start_delay,
            }
        }
        fn set_course(&mut self, course: Course) {
            self.state_id = course.state_id;
            self.state_type = course.state_type;
            self.state_name = course.state_name;
            self.state_timestamp = course.state_timestamp;
            self.expected_start_time = course.expected_start_time;
            self.next_scheduled_start_time = course.next_scheduled_start_time;
            self.start_time = course.start_time;
            self.end_time = course.end_time;
            self.total_run_time = course.total_run_time;
            self.sort_time = course.sort_time;
            self.start_delay = course.start_delay;
        }
    };
}

impl Run for FlowRun {
    type Around = FlowAround;
    course_columns!();

    fn stamp(&self, details: &mut StateDetails) {
        details.flow_run_id = Some(self.id);
        if self.parent_task_run_id.is_some() {
            details.task_run_id = self.parent_task_run_id;
        }
    }

    /// A RUNNING that resumes after a pause is not counted; RUNNING and the end clear that mark.
    fn count(&mut self, state: &State, caller: &Caller) {
        let is_running = state.r#type == StateType::Running;
        if !is_running && !state.r#type.is_terminal() {
            return;
        }
        let resumes = caller.knows_pauses() && FlowRunPolicy::of(&self.empirical_policy).is_resuming();
        if is_running && !resumes {
            self.run_count += 1;
        }
        if resumes {
            FlowRunPolicy::change(&mut self.empirical_policy, |policy| policy.resuming = Some(false));
        }
    }

    fn consequences(&self) -> Vec<Effect> {
        self.parent_task_run_id.map(|_| Effect::MirrorToParentTask).into_iter().collect()
    }
}

impl Run for TaskRun {
    type Around = TaskAround;
    course_columns!();

    fn stamp(&self, details: &mut StateDetails) {
        details.flow_run_id = self.flow_run_id;
        details.task_run_id = Some(self.id);
    }

    fn count(&mut self, state: &State, _: &Caller) {
        if state.r#type == StateType::Running {
            self.run_count += 1;
        }
    }

    fn consequences(&self) -> Vec<Effect> {
        Vec::new()
    }
}
