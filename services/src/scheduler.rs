//! Keeps the runs of every active schedule made ahead of their time.

use std::collections::BTreeMap;

use async_trait::async_trait;
use mintaka_core::records::{Deployment, DeploymentSchedule, FlowRun, StateType, deployment_schedule, flow_run};
use mintaka_core::{Aggregate, Cmp, Direction, Error, Filter, Group, Measure, Query, Reader, Record, Time, Value};
use mintaka_orchestration::ops::schedule_runs::{Window, schedule_deployment_runs};
use mintaka_orchestration::{OpError, Operations};
use uuid::Uuid;

use crate::each::each;
use crate::service::{Work, periodic};
use crate::{Ctx, SchedulerSettings, Service, Settings};

/// Its name.
pub const NAME: &str = "scheduler";

/// The service under these settings.
pub fn service(settings: &Settings) -> Box<dyn Service> {
    periodic(NAME, settings.scheduler.every, Scheduler(settings.scheduler.clone()))
}

struct Scheduler(SchedulerSettings);

#[async_trait]
impl Work for Scheduler {
    async fn work(&self, ctx: &Ctx) -> Result<(), OpError> {
        let mut query = Query::of(DeploymentSchedule::TABLE)
            .filter(Filter::eq(deployment_schedule::active, true))
            .order(deployment_schedule::deployment_id, Direction::Asc)
            .limit(self.0.deployment_batch_size.max(1));
        while !ctx.cancel.is_cancelled() {
            let schedules = ctx.reader.select::<DeploymentSchedule>(query.clone()).await?;
            let Some(last) = schedules.last() else { break };
            query.after = Some(vec![last.deployment_id.into(), last.id.into()]);
            let full = schedules.len() as u64 == query.limit;

            let mut counts: BTreeMap<Uuid, usize> = BTreeMap::new();
            for schedule in &schedules {
                *counts.entry(schedule.deployment_id).or_default() += 1;
            }
            if full {
                // The next page may hold more schedules of the last deployment.
                *counts.entry(last.deployment_id).or_default() += 1;
            }
            let due = self.due(&ctx.reader, counts).await?;
            schedule_all(&ctx.ops, &self.0, due).await;
            if !full {
                break;
            }
        }
        Ok(())
    }
}

impl Scheduler {
    /// Of deployments with so many active schedules, those that are not paused and may lack runs: too few of them, or
    /// none far enough ahead. Runs are counted per deployment, so one with several schedules is always looked at.
    async fn due(&self, reader: &Reader, schedules: BTreeMap<Uuid, usize>) -> Result<Vec<Uuid>, Error> {
        let ids: Vec<Uuid> = schedules.keys().copied().collect();
        let now = reader.now();
        let ahead = runs_ahead(reader, &ids, now).await?;
        let enough = now + self.0.min_scheduled_time;
        let lacks_runs = |id: &Uuid| {
            schedules.get(id).is_some_and(|n| *n > 1)
                || ahead.get(id).is_none_or(|&(n, last)| n < self.0.min_runs as i64 || last < enough)
        };
        let deployments = reader.get_all::<Deployment>(&ids).await?;
        let open = deployments.into_iter().flatten().filter(|deployment| !deployment.paused);
        Ok(open.map(|deployment| deployment.id).filter(lacks_runs).collect())
    }
}

/// How many runs of each deployment were made ahead, and when the last of them starts.
async fn runs_ahead(reader: &Reader, deployments: &[Uuid], now: Time) -> Result<BTreeMap<Uuid, (i64, Time)>, Error> {
    let rows = reader
        .aggregate(Aggregate {
            table: FlowRun::TABLE,
            filter: Filter::any(flow_run::deployment_id, deployments.iter().copied())
                .and(Filter::eq(flow_run::state_type, StateType::Scheduled))
                .and(Filter::cmp(flow_run::next_scheduled_start_time, Cmp::Ge, now))
                .and(Filter::eq(flow_run::auto_scheduled, true)),
            by: vec![Group::Column(flow_run::deployment_id)],
            measures: vec![Measure::Count, Measure::Max(flow_run::next_scheduled_start_time)],
            order: Vec::new(),
            limit: deployments.len().max(1) as u64,
        })
        .await?;
    let read = |row: &Vec<Value>| match row[..] {
        [Value::Uuid(deployment), Value::Int(n), Value::Time(last)] => Some((deployment, (n, last))),
        _ => None,
    };
    Ok(rows.iter().filter_map(read).collect())
}

/// Makes the runs of these deployments. What fails is logged and left to the next tick.
pub(crate) async fn schedule_all(ops: &Operations, settings: &SchedulerSettings, deployments: Vec<Uuid>) -> usize {
    let settings = settings.clone();
    let made = each(ops, deployments, "scheduling a deployment", move |ops, id| {
        let now = ops.now();
        let window = Window {
            start: now,
            end: now + settings.max_scheduled_time,
            min_time: settings.min_scheduled_time,
            min_runs: settings.min_runs,
            max_runs: settings.max_runs,
        };
        async move {
            let runs = schedule_deployment_runs(&ops, id, window, now).await?;
            if runs > 0 {
                tracing::debug!(deployment.id = %id, runs, "scheduled");
            }
            Ok::<_, Error>(runs > 0)
        }
    })
    .await;
    if made > 0 {
        tracing::info!(deployments = made, "scheduled runs");
    }
    made
}
