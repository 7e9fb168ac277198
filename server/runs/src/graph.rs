//! `/flow_runs/{id}/graph` and `graph-v2`: the task runs of a flow run and who takes whose result.

use std::collections::{HashMap, HashSet};

use mintaka_api_filters::wire::{Documented, Plain, object};
use mintaka_api_filters::{by_id, task_run_views};
use mintaka_core::records::{
    Artifact, ArtifactCollection, Flow, FlowRun, StateType, TaskRun, artifact, artifact_collection, flow_run, task_run,
};
use mintaka_core::{Direction, Filter, Json, Query, Reader, Record, Time};
use mintaka_http::{ApiError, Client, Ctx, Out, When};
use mintaka_orchestration::State;
use poem::http::StatusCode;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query as Param};
use poem_openapi::registry::MetaSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::graph_edges::{Ends, edges, sources};
use crate::{Chapter, states};

/// wire W8.5: the greatest number of nodes; a greater graph is refused.
const MAX_NODES: usize = 10_000;
/// wire W8.5: the greatest number of artifacts; later ones are left out.
const MAX_ARTIFACTS: u64 = 10_000;
/// Ids of one look-up.
const CHUNK: usize = 500;

/// A task run and what it takes, of the older graph.
#[derive(Serialize)]
pub(crate) struct Dependency {
    id: Uuid,
    upstream_dependencies: Vec<Source>,
    state: Option<State>,
    expected_start_time: Option<Time>,
    name: String,
    start_time: Option<Time>,
    end_time: Option<Time>,
    total_run_time: f64,
    estimated_run_time: f64,
    untrackable_result: bool,
}

#[derive(Serialize)]
struct Source {
    input_type: &'static str,
    id: Uuid,
}

impl Documented for Dependency {
    const NAME: &'static str = "DependencyResult";
    fn schema() -> MetaSchema {
        object(
            &[
                ("id", "uuid"),
                ("name", "string"),
                ("upstream_dependencies", "[]"),
                ("state", "#State"),
                ("expected_start_time", "date-time"),
                ("start_time", "date-time"),
                ("end_time", "date-time"),
                ("total_run_time", "number"),
                ("estimated_run_time", "number"),
                ("untrackable_result", "boolean"),
            ],
            &["id", "name", "upstream_dependencies", "untrackable_result"],
        )
    }
}

/// A graph as the web UI draws it.
#[derive(Serialize)]
pub(crate) struct Graph {
    start_time: Option<Time>,
    end_time: Option<Time>,
    root_node_ids: Vec<Uuid>,
    nodes: Vec<(Uuid, Node)>,
    artifacts: Vec<GraphArtifact>,
    states: Vec<GraphState>,
}

impl Documented for Graph {
    const NAME: &'static str = "Graph";
    fn schema() -> MetaSchema {
        let members = [
            ("start_time", "date-time"),
            ("end_time", "date-time"),
            ("root_node_ids", "[]"),
            ("nodes", "[]"),
            ("artifacts", "[]"),
            ("states", "[]"),
        ];
        object(&members, &["root_node_ids", "nodes", "artifacts", "states"])
    }
}

#[derive(Serialize)]
struct Node {
    kind: &'static str,
    id: Uuid,
    label: String,
    state_type: Option<StateType>,
    start_time: Time,
    end_time: Option<Time>,
    parents: Vec<Edge>,
    children: Vec<Edge>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encapsulating: Option<Vec<Edge>>,
    artifacts: Vec<GraphArtifact>,
}

#[derive(Serialize)]
struct Edge {
    id: Uuid,
}

#[derive(Serialize)]
struct GraphArtifact {
    id: Uuid,
    created: Time,
    key: Option<String>,
    r#type: Option<String>,
    is_latest: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Option<Json>>,
}

#[derive(Serialize)]
struct GraphState {
    id: Uuid,
    timestamp: Time,
    r#type: StateType,
    name: String,
}

fn as_edges(ids: Vec<Uuid>) -> Vec<Edge> {
    ids.into_iter().map(|id| Edge { id }).collect()
}

/// The graphs.
#[derive(Clone)]
pub(crate) struct Graphs {
    pub(crate) ctx: Ctx,
}

#[OpenApi(prefix_path = "/flow_runs", tag = "Chapter::FlowRuns")]
impl Graphs {
    /// The task runs of a flow run with what they take.
    #[oai(path = "/:id/graph", method = "get", operation_id = "read_flow_run_graph_v1")]
    async fn read_flow_run_graph_v1(&self, id: Path<Uuid>) -> Result<Out<Vec<Plain<Dependency>>>, ApiError> {
        let unknown = || format!("Flow run with id {} not found", id.0);
        self.run(id.0, unknown).await?;
        let runs = self.ctx.reader.all::<TaskRun>(Filter::eq(task_run::flow_run_id, id.0)).await?;
        let views = task_run_views(&self.ctx, runs).await?;
        let dependency = |view: mintaka_api_filters::TaskRunView| {
            let (run, extra) = (view.record, view.extra);
            let mut seen = HashSet::new();
            let upstream = sources(&run.task_inputs.value()).into_iter().filter(|id| seen.insert(*id));
            let state = extra.state.map(|state| state.0);
            Plain(Dependency {
                id: run.id,
                upstream_dependencies: upstream.map(|id| Source { input_type: "task_run", id }).collect(),
                untrackable_result: state.as_ref().is_some_and(|state| state.state_details.untrackable_result),
                state,
                expected_start_time: run.expected_start_time,
                name: run.name,
                start_time: run.start_time,
                end_time: run.end_time,
                total_run_time: run.total_run_time,
                estimated_run_time: extra.estimated_run_time,
            })
        };
        Ok(Out(views.into_iter().map(dependency).collect()))
    }

    /// The graph of a flow run: a node per task run, or per flow run that one stands for.
    #[oai(path = "/:id/graph-v2", method = "get", operation_id = "read_flow_run_graph_v2")]
    async fn read_flow_run_graph_v2(
        &self,
        client: Client,
        id: Path<Uuid>,
        since: Param<Option<When>>,
    ) -> Result<Out<Plain<Graph>>, ApiError> {
        let run = self.run(id.0, || format!("Flow run {} not found", id.0)).await?;
        let mut artifacts = self.artifacts(id.0, &client).await?;
        let mut nodes = self.nodes(id.0, since.0.map(|time| time.0), &mut artifacts, &client).await?;
        nodes.sort_by_key(|node| (node.start_time, node.end_time));
        let states = states::of_flow_run(&self.ctx, id.0).await?;
        let shown = |state: State| GraphState {
            id: state.id,
            timestamp: state.timestamp,
            r#type: state.r#type,
            name: state.name,
        };
        Ok(Out(Plain(Graph {
            start_time: run.start_time.or(run.expected_start_time),
            end_time: run.end_time,
            root_node_ids: nodes.iter().filter(|node| node.parents.is_empty()).map(|node| node.id).collect(),
            nodes: nodes.into_iter().map(|node| (node.id, node)).collect(),
            artifacts: artifacts.remove(&None).unwrap_or_default(),
            states: states.into_iter().map(shown).collect(),
        })))
    }
}

/// A task run, and the flow run that it stands for, if there is one.
type Pair = (TaskRun, Option<FlowRun>);

impl Graphs {
    async fn run(&self, id: Uuid, unknown: impl FnOnce() -> String) -> Result<FlowRun, ApiError> {
        let run = self.ctx.reader.get::<FlowRun>(id).await?;
        run.map(|run| run.record).ok_or_else(|| ApiError::message(StatusCode::NOT_FOUND, unknown()))
    }

    async fn nodes(
        &self,
        id: Uuid,
        since: Option<Time>,
        artifacts: &mut HashMap<Option<Uuid>, Vec<GraphArtifact>>,
        client: &Client,
    ) -> Result<Vec<Node>, ApiError> {
        let pairs = self.pairs(id).await?;
        let flow_ids = pairs.iter().filter_map(|(_, run)| run.as_ref().map(|run| run.flow_id));
        let flows: HashMap<Uuid, Flow> = by_id(&self.ctx.reader, flow_ids).await?;
        let times = |pair: &Pair| start_of(pair, client.is_v2()).map(|start| (start, end_of(pair, client.is_v2())));
        let timed: Vec<(Pair, (Time, Option<Time>))> =
            pairs.into_iter().filter_map(|pair| Some(times(&pair)?).map(|times| (pair, times))).collect();
        let ends: Vec<Ends> = timed
            .iter()
            .map(|((task, run), _)| Ends {
                id: run.as_ref().map_or(task.id, |run| run.id),
                inputs: task.task_inputs.value(),
            })
            .collect();
        let mut edges = edges(&ends, !client.is_v2());

        let mut nodes = Vec::new();
        for ((task, run), (start_time, end_time)) in timed {
            if since.is_some_and(|since| end_time.is_some_and(|end| end < since)) {
                continue;
            }
            if nodes.len() == MAX_NODES {
                let text = format!("The graph of flow run {id} has more than {MAX_NODES} nodes.");
                return Err(ApiError::detail(StatusCode::BAD_REQUEST, text));
            }
            let (kind, id, label, state_type) = match run {
                Some(run) => {
                    let flow = flows.get(&run.flow_id).map_or("", |flow| flow.name.as_str());
                    ("flow-run", run.id, format!("{flow} / {}", run.name), run.state_type.or(task.state_type))
                }
                None => ("task-run", task.id, task.name, task.state_type),
            };
            let own = edges.remove(&id).unwrap_or_default();
            nodes.push(Node {
                kind,
                id,
                label,
                state_type,
                start_time,
                end_time,
                parents: as_edges(own.parents),
                children: as_edges(own.children),
                encapsulating: (!client.is_v2()).then(|| as_edges(own.within)),
                artifacts: artifacts.remove(&Some(id)).unwrap_or_default(),
            });
        }
        Ok(nodes)
    }

    /// The task runs of a flow run, each with every flow run that it stands for.
    async fn pairs(&self, id: Uuid) -> Result<Vec<Pair>, ApiError> {
        let tasks = self.ctx.reader.all::<TaskRun>(Filter::eq(task_run::flow_run_id, id)).await?;
        let ids: Vec<Uuid> = tasks.iter().map(|task| task.id).collect();
        let subflows =
            all_in::<FlowRun>(&self.ctx.reader, &ids, |ids| Filter::any(flow_run::parent_task_run_id, ids)).await?;
        let mut by_task: HashMap<Uuid, Vec<FlowRun>> = HashMap::new();
        for run in subflows {
            if let Some(task) = run.parent_task_run_id {
                by_task.entry(task).or_default().push(run);
            }
        }
        let mut pairs: Vec<Pair> = Vec::with_capacity(tasks.len());
        for task in tasks {
            match by_task.remove(&task.id) {
                Some(runs) => pairs.extend(runs.into_iter().map(|run| (task.record.clone(), Some(run)))),
                None => pairs.push((task.record, None)),
            }
        }
        Ok(pairs)
    }

    /// The artifacts that a flow run shows, by task run; results are none.
    async fn artifacts(
        &self,
        id: Uuid,
        client: &Client,
    ) -> Result<HashMap<Option<Uuid>, Vec<GraphArtifact>>, ApiError> {
        let shown = Filter::And(vec![
            Filter::eq(artifact::flow_run_id, id),
            Filter::some(artifact::r#type),
            Filter::eq(artifact::r#type, "result").negate(),
        ]);
        let query =
            Query::of(&artifact::TABLE).filter(shown).order(artifact::created, Direction::Asc).limit(MAX_ARTIFACTS);
        let artifacts = self.ctx.reader.select::<Artifact>(query).await?;
        let ids: Vec<Uuid> = artifacts.iter().filter(|a| a.key.is_some()).map(|a| a.id).collect();
        let of_ids = |ids| Filter::any(artifact_collection::latest_id, ids);
        let latest = all_in::<ArtifactCollection>(&self.ctx.reader, &ids, of_ids).await?;
        let latest: HashSet<Uuid> = latest.into_iter().map(|collection| collection.latest_id).collect();
        let mut by_task: HashMap<Option<Uuid>, Vec<GraphArtifact>> = HashMap::new();
        for artifact in artifacts.into_iter().map(|seen| seen.record) {
            let is_progress = artifact.r#type.as_deref() == Some("progress");
            by_task.entry(artifact.task_run_id).or_default().push(GraphArtifact {
                id: artifact.id,
                created: artifact.created,
                is_latest: artifact.key.is_none() || latest.contains(&artifact.id),
                key: artifact.key,
                r#type: artifact.r#type,
                data: (!client.is_v2()).then(|| artifact.data.filter(|_| is_progress)),
            });
        }
        Ok(by_task)
    }
}

/// wire W8.5: 3.x counts expected times, and so shows what has not started; 2.x does not.
fn start_of((task, run): &Pair, v2: bool) -> Option<Time> {
    let run = run.as_ref();
    if v2 {
        return run.and_then(|run| run.start_time).or(task.start_time);
    }
    run.and_then(|run| run.start_time.or(run.expected_start_time)).or(task.start_time).or(task.expected_start_time)
}

/// wire W8.5: in 3.x a completed task run that has no end ended when it was expected to start.
fn end_of((task, run): &Pair, v2: bool) -> Option<Time> {
    let end = run.as_ref().and_then(|run| run.end_time).or(task.end_time);
    let completed = !v2 && task.state_type == Some(StateType::Completed);
    end.or(task.expected_start_time.filter(|_| completed))
}

/// All records that a filter over some of the ids meets, for all ids.
async fn all_in<R: Record>(
    reader: &Reader,
    ids: &[Uuid],
    filter: impl Fn(Vec<Uuid>) -> Filter,
) -> Result<Vec<R>, ApiError> {
    let mut found = Vec::new();
    for ids in ids.chunks(CHUNK) {
        found.extend(reader.all::<R>(filter(ids.to_vec())).await?.into_iter().map(|seen| seen.record));
    }
    Ok(found)
}
