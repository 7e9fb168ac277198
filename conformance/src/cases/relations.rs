//! `Has`: rows by what they are related to.

use mintaka_core::records::{FlowRun, TaskRun, deployment, flow, flow_run, task_run, work_pool, work_queue};
use mintaka_core::{Cmp, Error, Filter, Query};

use crate::lab::Lab;
use crate::sample::{self, id};

super::cases! { "relation":
    a_child_is_found_by_its_parent ["S12"]
    a_parent_is_found_by_its_children ["S12"]
    null_is_related_to_nothing ["S12" "S2"]
    relations_nest_three_deep ["S12"]
    a_relation_under_not_is_the_absence_of_such_a_row ["S12" "S2"]
    a_relation_to_the_same_table_tells_the_rows_apart ["S12"]
    a_relation_may_be_over_text ["S12"]
    relations_join_limit_and_order ["S12" "S14" "S15"]
}

/// Flows 1 to 3; runs 11, 12 of flow 1, 13 of flow 2, 14 of a flow that is gone; tasks 21, 22 of run 11, 23 of run 13,
/// 24 of none; run 12 is a child of task 22; runs 11 and 13 are of deployment 31, which is of flow 1.
async fn a_family(lab: &Lab) -> Result<(), Error> {
    lab.seed([1, 2, 3].map(sample::flow)).await?;
    let run = |n, flow, deployment: Option<u128>, parent: Option<u128>| FlowRun {
        deployment_id: deployment.map(id),
        parent_task_run_id: parent.map(id),
        ..sample::flow_run(n, flow)
    };
    lab.seed([run(11, 1, Some(31), None), run(12, 1, None, Some(22)), run(13, 2, Some(31), None)]).await?;
    lab.seed([run(14, 9, None, None)]).await?;
    let task = |n, run| TaskRun { run_count: n as i64, ..sample::task_run(n, run) };
    lab.seed([task(21, Some(11)), task(22, Some(11)), task(23, Some(13)), task(24, None)]).await?;
    lab.seed([sample::deployment(31, 1)]).await
}

fn of_flow(filter: Filter) -> Filter {
    Filter::has(flow_run::flow_id, flow::id, filter)
}

fn with_task(filter: Filter) -> Filter {
    Filter::has(flow_run::id, task_run::flow_run_id, filter)
}

async fn a_child_is_found_by_its_parent(lab: Lab) -> Result<(), Error> {
    a_family(&lab).await?;
    let runs = &flow_run::TABLE;
    lab.meets(runs, of_flow(Filter::all()), &[11, 12, 13]).await?;
    lab.meets(runs, of_flow(Filter::eq(flow::name, "flow-2")), &[13]).await?;
    lab.meets(runs, of_flow(Filter::none()), &[]).await?;
    lab.meets(runs, of_flow(Filter::any(flow::name, ["flow-1", "flow-3"])), &[11, 12]).await
}

async fn a_parent_is_found_by_its_children(lab: Lab) -> Result<(), Error> {
    a_family(&lab).await?;
    let runs = &flow_run::TABLE;
    lab.meets(runs, with_task(Filter::all()), &[11, 13]).await?;
    lab.meets(runs, with_task(Filter::cmp(task_run::run_count, Cmp::Ge, 22)), &[11, 13]).await?;
    lab.meets(runs, with_task(Filter::eq(task_run::run_count, 22)), &[11]).await?;
    lab.meets(&flow::TABLE, Filter::has(flow::id, flow_run::flow_id, Filter::all()), &[1, 2]).await
}

async fn null_is_related_to_nothing(lab: Lab) -> Result<(), Error> {
    a_family(&lab).await?;
    let parent = Filter::has(flow_run::parent_task_run_id, task_run::id, Filter::all());
    lab.meets(&flow_run::TABLE, parent, &[12]).await?;
    let run = Filter::has(task_run::flow_run_id, flow_run::id, Filter::all());
    lab.meets(&task_run::TABLE, run, &[21, 22, 23]).await?;
    // Both sides null: runs 12 and 14 have no deployment, deployment 31 has no queue.
    let same = Filter::has(flow_run::deployment_id, deployment::work_queue_id, Filter::all());
    lab.meets(&flow_run::TABLE, same, &[]).await
}

async fn relations_nest_three_deep(lab: Lab) -> Result<(), Error> {
    a_family(&lab).await?;
    // Tasks whose run's flow has a deployment of this name.
    let deployed = Filter::has(flow::id, deployment::flow_id, Filter::eq(deployment::name, "deployment-31"));
    let filter = Filter::has(task_run::flow_run_id, flow_run::id, of_flow(deployed));
    lab.meets(&task_run::TABLE, filter, &[21, 22]).await?;
    // Flows that have a run with a task that is the parent of a run.
    let parents = Filter::has(task_run::id, flow_run::parent_task_run_id, Filter::all());
    let filter = Filter::has(flow::id, flow_run::flow_id, with_task(parents));
    lab.meets(&flow::TABLE, filter, &[1]).await
}

async fn a_relation_under_not_is_the_absence_of_such_a_row(lab: Lab) -> Result<(), Error> {
    a_family(&lab).await?;
    let runs = &flow_run::TABLE;
    lab.meets(runs, with_task(Filter::eq(task_run::run_count, 21)).negate(), &[12, 13, 14]).await?;
    // Not the same: a run that has a task which is not 21.
    lab.meets(runs, with_task(Filter::eq(task_run::run_count, 21).negate()), &[11, 13]).await?;
    let without_runs = Filter::has(flow::id, flow_run::flow_id, Filter::all()).negate();
    lab.meets(&flow::TABLE, without_runs, &[3]).await?;
    let childless = of_flow(Filter::has(flow::id, deployment::flow_id, Filter::all()).negate());
    lab.meets(runs, childless, &[13]).await
}

async fn a_relation_to_the_same_table_tells_the_rows_apart(lab: Lab) -> Result<(), Error> {
    a_family(&lab).await?;
    // Runs whose flow has a run called run-12, be it another one.
    let sibling = Filter::has(flow_run::flow_id, flow_run::flow_id, Filter::eq(flow_run::name, "run-12"));
    lab.meets(&flow_run::TABLE, sibling.clone(), &[11, 12]).await?;
    lab.meets(&flow_run::TABLE, sibling.and(Filter::eq(flow_run::name, "run-11")), &[11]).await?;
    let deep = Filter::has(
        flow_run::flow_id,
        flow_run::flow_id,
        Filter::some(flow_run::parent_task_run_id).and(Filter::has(
            flow_run::flow_id,
            flow_run::flow_id,
            Filter::some(flow_run::deployment_id),
        )),
    );
    lab.meets(&flow_run::TABLE, deep, &[11, 12]).await
}

async fn a_relation_may_be_over_text(lab: Lab) -> Result<(), Error> {
    let run = |n, queue: Option<&str>| FlowRun { work_queue_name: queue.map(Into::into), ..sample::flow_run(n, 1) };
    lab.seed([run(1, Some("queue-1")), run(2, Some("QUEUE-1")), run(3, None), run(4, Some("queue-2"))]).await?;
    lab.seed([sample::work_pool(5)]).await?;
    lab.seed([sample::work_queue(1, 5), sample::work_queue(2, 6)]).await?;
    let named = |filter| Filter::has(flow_run::work_queue_name, work_queue::name, filter);
    lab.meets(&flow_run::TABLE, named(Filter::all()), &[1, 4]).await?;
    let of_pool = Filter::has(work_queue::work_pool_id, work_pool::id, Filter::eq(work_pool::name, "pool-5"));
    lab.meets(&flow_run::TABLE, named(of_pool), &[1]).await
}

async fn relations_join_limit_and_order(lab: Lab) -> Result<(), Error> {
    a_family(&lab).await?;
    // Run 11 has two tasks, and is still one row.
    let query = Query::of(&flow_run::TABLE).filter(with_task(Filter::all())).limit(2);
    assert_eq!(lab.ids(query.clone()).await?, [11, 13]);
    let newest = query.order(flow_run::name, mintaka_core::Direction::Desc).limit(1);
    assert_eq!(lab.ids(newest.clone()).await?, [13]);
    assert_eq!(lab.ids(newest.offset(1)).await?, [11]);
    Ok(())
}
