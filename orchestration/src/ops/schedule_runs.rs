//! Runs that follow from the schedules of a deployment: made ahead of their time, and taken back when it is edited.
//!
//! A run is made once per schedule and date by its idempotency key, and only while deployment and schedule are as they
//! were read: their versions guard every insert. Whoever edits a schedule bumps its deployment, commits, and then calls
//! [`delete_scheduled_runs`]; so a run of the old schedule either is deleted or was never inserted.

use std::time::Duration;

use mintaka_core::records::{
    Deployment, DeploymentSchedule, FlowRun, FlowRunState, StateType, deployment_schedule, flow_run, flow_run_state,
};
use mintaka_core::{
    Batch, Cmp, Conflict, Direction, Error, Filter, Json, Key, Outcome, Query, Reader, Record, Tags, Time, Versioned,
};
use mintaka_schedule::{Schedule, date_text};
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::names::random_name;
use crate::operations::Operations;
use crate::ops::optimistic::{Attempts, Decision, Lost, optimistic};
use crate::ops::sweep;
use crate::run_policy::FlowRunPolicy;
use crate::state::Proposed;

/// Runs of one round of deletes.
const PAGE: u64 = 200;

/// How far ahead runs are made. (wire W10.5)
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// No run before.
    pub start: Time,
    /// No run after.
    pub end: Time,
    /// Runs are made until at least so long after `start`, …
    pub min_time: Duration,
    /// … and until there are at least so many; then it is enough.
    pub min_runs: usize,
    /// Never more than so many runs of one schedule.
    pub max_runs: usize,
}

impl Window {
    /// The dates of a schedule that fall due for scheduling.
    pub fn dates(&self, schedule: &Schedule) -> Vec<(Time, String)> {
        let enough = self.start + self.min_time;
        let mut dates = Vec::new();
        for date in schedule.dates(self.start.to_chrono(), Some(self.end.to_chrono()), self.max_runs) {
            let time = Time::from(date.to_utc());
            dates.push((time, date_text(&date)));
            if dates.len() >= self.min_runs && time >= enough {
                break;
            }
        }
        dates
    }
}

/// Makes the runs of every active schedule of a deployment that are not there yet, and answers how many.
///
/// A paused deployment is scheduled too: whoever asks decides. An unknown deployment has no runs. A schedule that
/// cannot be read is logged and skipped.
///
/// # Errors
/// What the store answers; [`Error::Unavailable`] if the deployment is edited faster than it can be scheduled.
pub async fn schedule_deployment_runs(
    ops: &Operations,
    deployment_id: Uuid,
    window: Window,
    now: Time,
) -> Result<usize, Error> {
    let mut made = 0;
    let mut attempts = Attempts::at(ops, "the deployment");
    loop {
        let Some(deployment) = ops.get::<Deployment>(deployment_id).await? else { return Ok(made) };
        let active = Filter::eq(deployment_schedule::deployment_id, deployment_id)
            .and(Filter::eq(deployment_schedule::active, true));
        let mut edited = None;
        for schedule in ops.all::<DeploymentSchedule>(active).await? {
            let round = schedule_runs_of(ops, &deployment, &schedule, window, now).await?;
            made += round.made;
            edited = edited.or(round.edited);
        }
        match edited {
            None => return Ok(made),
            Some(conflict) => _ = attempts.lost(&conflict).await?,
        }
    }
}

struct Round {
    made: usize,
    /// Somebody changed deployment or schedule meanwhile.
    edited: Option<Conflict>,
}

async fn schedule_runs_of(
    ops: &Operations,
    deployment: &Versioned<Deployment>,
    schedule: &Versioned<DeploymentSchedule>,
    window: Window,
    now: Time,
) -> Result<Round, Error> {
    let read = match Schedule::parse(&schedule.schedule.value()) {
        Ok(read) => read,
        Err(reason) => {
            tracing::warn!(deployment.id = %deployment.id, schedule.id = %schedule.id, %reason, "schedule is unreadable");
            return Ok(Round { made: 0, edited: None });
        }
    };
    let runs = runs_of(ops, deployment, schedule, &read, window.dates(&read), now);
    let keys =
        runs.iter().map(|run| Key::Unique(vec![run.flow_id.into(), run.idempotency_key.clone().into()])).collect();
    let known = ops.find_all::<FlowRun>(keys).await?;

    let mut commits = JoinSet::new();
    for (mut run, known) in runs.into_iter().zip(known) {
        if known.is_some() {
            continue;
        }
        let state = first_state(ops, &mut run, now);
        let batch = Batch::new().once(run).version(deployment).version(schedule).insert(state);
        let ops = ops.clone();
        commits.spawn(async move { ops.commit(batch).await });
    }
    let mut round = Round { made: 0, edited: None };
    while let Some(outcome) = commits.join_next().await {
        match outcome.map_err(|_| Error::Indeterminate("scheduling was interrupted".into()))?? {
            Outcome::Committed { .. } => round.made += 1,
            Outcome::Conflict(conflict) => round.edited = Some(conflict),
            Outcome::Repeated(_) | Outcome::Failed(_) => {}
        }
    }
    Ok(round)
}

/// The runs of some dates, without their first state. (wire W10.7)
fn runs_of(
    reader: &Reader,
    deployment: &Deployment,
    schedule: &DeploymentSchedule,
    read: &Schedule,
    dates: Vec<(Time, String)>,
    now: Time,
) -> Vec<FlowRun> {
    let parameters = merged([&deployment.parameters, &schedule.parameters]);
    let own_labels = Json::from(json!({
        "prefect.flow.id": deployment.flow_id,
        "prefect.deployment.id": deployment.id,
    }));
    let labels = merged([&deployment.labels, &own_labels]);
    let tags: Tags = std::iter::once("auto-scheduled".to_owned()).chain(deployment.tags.0.iter().cloned()).collect();
    let created_by = Json::from(json!({
        "id": schedule.id,
        "type": "SCHEDULE",
        "display_value": schedule.slug.as_deref().filter(|slug| !slug.is_empty()).unwrap_or(read.kind()),
    }));
    let policy = Json::of(&FlowRunPolicy { resuming: Some(false), ..FlowRunPolicy::default() });
    let run = |(date, text): (Time, String)| FlowRun {
        id: reader.new_id(),
        created: now,
        updated: now,
        name: random_name(),
        flow_id: deployment.flow_id,
        deployment_id: Some(deployment.id),
        work_queue_id: deployment.work_queue_id,
        work_queue_name: deployment.work_queue_name.clone(),
        deployment_version: deployment.version.clone(),
        parameters: parameters.clone(),
        idempotency_key: Some(format!("scheduled {} {} {text}", deployment.id, schedule.id)),
        empirical_policy: policy.clone(),
        tags: tags.clone(),
        labels: labels.clone(),
        state_type: Some(StateType::Scheduled),
        state_name: Some(StateType::Scheduled.default_name()),
        state_timestamp: Some(now),
        expected_start_time: Some(date),
        next_scheduled_start_time: Some(date),
        auto_scheduled: true,
        infrastructure_document_id: deployment.infrastructure_document_id,
        job_variables: Some(Json::object()),
        sort_time: Some(date),
        ..FlowRun::default()
    };
    dates.into_iter().map(|date| run(date).made_by(Some(created_by.clone()))).collect()
}

/// The state that a scheduled run begins with; the run refers to it afterwards.
fn first_state(reader: &Reader, run: &mut FlowRun, now: Time) -> FlowRunState {
    let mut state = Proposed::new(StateType::Scheduled).saying("Flow run scheduled");
    state.details.scheduled_time = run.expected_start_time;
    state.details.flow_run_id = Some(run.id);
    let state = state.into_state(reader.new_id(), now);
    run.state_id = Some(state.id);
    state.into_flow_run_state(run.id, now)
}

/// One object of the members of all; later ones win.
fn merged(objects: [&Json; 2]) -> Json {
    let mut all = Map::new();
    for object in objects {
        if let Value::Object(members) = object.value() {
            all.extend(members);
        }
    }
    Value::Object(all).into()
}

/// Why runs that were made ahead are taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The deployment or one of its schedules was edited.
    Edited,
    /// A schedule was deleted, or the deployment was paused.
    Stopped,
    /// The deployment was deleted: runs that people scheduled go too.
    Deleted,
}

/// Which runs a cause takes back: not those that have run before or wait for a slot, nor after an edit those that are due.
/// (wire W9.9, for the 3.x line; the 2.x line takes those too, and with them what they did)
fn taken_back(deployment_id: Uuid, cause: Cause, now: Time) -> Filter {
    let mut filter = Filter::eq(flow_run::deployment_id, deployment_id)
        .and(Filter::eq(flow_run::state_type, StateType::Scheduled))
        .and(Filter::eq(flow_run::state_name, "AwaitingConcurrencySlot").negate())
        .and(Filter::eq(flow_run::run_count, 0));
    if cause != Cause::Deleted {
        filter = filter.and(Filter::eq(flow_run::auto_scheduled, true));
    }
    if cause == Cause::Edited {
        filter = filter.and(Filter::cmp(flow_run::next_scheduled_start_time, Cmp::Gt, now));
    }
    filter
}

/// Deletes runs of a deployment that were made ahead, with their states, and answers how many.
///
/// A run that leaves SCHEDULED meanwhile stays. Call it after the edit that makes it necessary was committed.
///
/// # Errors
/// What the store answers.
pub async fn delete_scheduled_runs(ops: &Operations, deployment_id: Uuid, cause: Cause) -> Result<usize, Error> {
    let mut query = Query::of(FlowRun::TABLE)
        .filter(taken_back(deployment_id, cause, ops.now()))
        .order(flow_run::next_scheduled_start_time, Direction::Asc)
        .limit(PAGE);
    let mut deleted = 0;
    loop {
        let runs = ops.select::<FlowRun>(query.clone()).await?;
        let Some(last) = runs.last() else { return Ok(deleted) };
        query.after = Some(vec![last.next_scheduled_start_time.into(), last.id.into()]);
        let full = runs.len() as u64 == PAGE;
        let mut commits = JoinSet::new();
        for run in runs {
            let ops = ops.clone();
            commits.spawn(async move { delete_scheduled_run(&ops, run).await });
        }
        while let Some(outcome) = commits.join_next().await {
            let gone = outcome.map_err(|_| Error::Indeterminate("deleting was interrupted".into()))??;
            deleted += usize::from(gone);
        }
        if !full {
            return Ok(deleted);
        }
    }
}

/// Deletes a run that is still SCHEDULED, then what belongs to it; false if it is not any more.
async fn delete_scheduled_run(ops: &Operations, run: Versioned<FlowRun>) -> Result<bool, Error> {
    let id = run.id;
    let run = &run;
    let deleted = optimistic(ops, "the run", |lost: Option<Lost>| async move {
        // That it was marked late, say, does not make it run.
        let still = |now: &Versioned<FlowRun>| now.state_type == Some(StateType::Scheduled) && now.run_count == 0;
        let now = match lost {
            None => Some(run.clone()),
            Some(lost) => match lost.current::<FlowRun>()? {
                Some(now) => Some(now),
                None => ops.get::<FlowRun>(id).await?,
            }
            .filter(still),
        };
        let Some(now) = now else { return Ok::<_, Error>(Decision::Answer(false)) };
        Ok(Decision::Commit(Batch::new().version(&now).delete::<FlowRun>(Key::id(id)), true))
    })
    .await?;
    if !deleted {
        return Ok(false);
    }
    sweep::<FlowRunState>(ops, Filter::eq(flow_run_state::flow_run_id, id)).await?;
    Ok(true)
}
