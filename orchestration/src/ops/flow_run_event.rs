//! The event of a flow run's new state. (wire W12.8)

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::SecondsFormat;
use mintaka_core::records::{Deployment, Flow, FlowRun, StateType, TaskRun, WorkPool, WorkQueue};
use mintaka_core::{Error, Json, Reader, Record, Time};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::events::{Labels, NewEvent, RESOURCE_NAME};
use crate::state::State;

/// Longer messages are shortened to about so many characters.
const MESSAGE_CHARACTERS: usize = 100_000;
/// An event names the one before it if their states are closer than this.
const TIGHT: Duration = Duration::from_secs(5 * 60);
/// How long names and tags of what a run belongs to are remembered; so a change of them appears late.
/// (wire W12.8: stock servers keep them for as long as the run lives)
const REMEMBERED: Duration = Duration::from_secs(30);
/// How many are.
const REMEMBERED_COUNT: usize = 16_384;

/// What events say of something that a run belongs to.
#[derive(Clone, Debug)]
struct Named {
    name: String,
    tags: Vec<String>,
    /// Of a queue: its pool.
    pool_id: Option<Uuid>,
    /// Of a pool: its type.
    pool_type: Option<String>,
}

impl Named {
    fn new(name: &str, tags: &[String]) -> Named {
        Named { name: name.to_owned(), tags: tags.to_vec(), pool_id: None, pool_type: None }
    }
}

/// Records whose names stand in events.
trait Nameable: Record {
    fn named(&self) -> Named;
}
impl Nameable for Flow {
    fn named(&self) -> Named {
        Named::new(&self.name, &self.tags.0)
    }
}
impl Nameable for Deployment {
    fn named(&self) -> Named {
        Named::new(&self.name, &self.tags.0)
    }
}
impl Nameable for TaskRun {
    fn named(&self) -> Named {
        Named::new(&self.name, &self.tags.0)
    }
}
impl Nameable for WorkQueue {
    fn named(&self) -> Named {
        Named { pool_id: Some(self.work_pool_id), ..Named::new(&self.name, &[]) }
    }
}
impl Nameable for WorkPool {
    fn named(&self) -> Named {
        Named { pool_type: Some(self.r#type.clone()), ..Named::new(&self.name, &[]) }
    }
}

/// Since when names are remembered, by the id of their row.
type Names = HashMap<Uuid, (Instant, Arc<Named>)>;

static NAMES: LazyLock<Mutex<Names>> = LazyLock::new(Mutex::default);

/// Reads what events say of a row, or remembers it.
async fn named<R: Nameable>(reader: &Reader, id: Option<Uuid>) -> Result<Option<(Uuid, Arc<Named>)>, Error> {
    let Some(id) = id else { return Ok(None) };
    if let Some((since, named)) = NAMES.lock().unwrap_or_else(PoisonError::into_inner).get(&id)
        && since.elapsed() < REMEMBERED
    {
        return Ok(Some((id, named.clone())));
    }
    let Some(row) = reader.get::<R>(id).await? else { return Ok(None) };
    let named = Arc::new(row.record.named());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if names.len() >= REMEMBERED_COUNT {
        names.clear();
    }
    names.insert(id, (Instant::now(), named.clone()));
    Ok(Some((id, named)))
}

/// What a flow run belongs to, as its events name it.
#[derive(Clone, Debug, Default)]
pub struct Related {
    /// Kind, identifier and names, in the order in which they are sent.
    of: Vec<(&'static str, Uuid, Arc<Named>)>,
}

/// Reads what a flow run belongs to. Names are remembered for half a minute, so that most calls read nothing.
///
/// # Errors
/// What the store answers.
pub async fn related(reader: &Reader, run: &FlowRun) -> Result<Related, Error> {
    let flow = named::<Flow>(reader, Some(run.flow_id)).await?;
    let deployment = named::<Deployment>(reader, run.deployment_id).await?;
    let queue = named::<WorkQueue>(reader, run.work_queue_id).await?;
    let pool = named::<WorkPool>(reader, queue.as_ref().and_then(|(_, queue)| queue.pool_id)).await?;
    let parent = named::<TaskRun>(reader, run.parent_task_run_id).await?;
    let kinds =
        [("flow", flow), ("deployment", deployment), ("work-queue", queue), ("work-pool", pool), ("task-run", parent)];
    let of = kinds.into_iter().filter_map(|(kind, found)| found.map(|(id, named)| (kind, id, named))).collect();
    Ok(Related { of })
}

/// The event of a flow run that has entered `validated`.
pub fn flow_run_event(run: &FlowRun, related: &Related, initial: Option<&State>, validated: &State) -> NewEvent {
    let timestamp = validated.timestamp.to_chrono().to_rfc3339_opts(SecondsFormat::Micros, false);
    let resource = Labels::resource(format!("prefect.flow-run.{}", run.id))
        .with(RESOURCE_NAME, run.name.as_str())
        .with("prefect.run-count", run.run_count.to_string())
        .with("prefect.state-message", cut(validated.message.as_deref().unwrap_or_default()))
        .with("prefect.state-name", validated.name.as_str())
        .with("prefect.state-timestamp", timestamp)
        .with("prefect.state-type", validated.r#type.as_str());
    let name = format!("prefect.flow-run.{}", validated.name);
    let mut event = NewEvent::new(validated.id, validated.timestamp, name, resource);
    event.related = related_resources(run, related);
    event.payload.insert("intended".into(), json!({"from": initial.map(|s| s.r#type), "to": validated.r#type}));
    event.payload.insert("initial_state".into(), initial.map(state_payload).into());
    event.payload.insert("validated_state".into(), state_payload(validated));
    event.follows = initial.filter(|s| follows_closely(s.timestamp, validated.timestamp)).map(|s| s.id);
    event
}

fn follows_closely(before: Time, after: Time) -> bool {
    after.micros().abs_diff(before.micros()) < TIGHT.as_micros() as u64
}

fn related_resources(run: &FlowRun, related: &Related) -> Vec<Labels> {
    let mut resources: Vec<Labels> = Vec::new();
    let mut tags: BTreeSet<&str> = run.tags.0.iter().map(String::as_str).collect();
    for (kind, id, named) in &related.of {
        tags.extend(named.tags.iter().map(String::as_str));
        let mut resource =
            Labels::related(format!("prefect.{kind}.{id}"), kind).with(RESOURCE_NAME, named.name.as_str());
        if let Some(pool_type) = &named.pool_type {
            resource = resource.with("prefect.work-pool.type", pool_type.as_str());
        }
        resources.push(resource);
    }
    resources.extend(tags.into_iter().map(|tag| Labels::related(format!("prefect.tag.{tag}"), "tag")));
    resources.extend(run.created_by.as_ref().and_then(creator));
    resources
}

/// Who created the run; a schedule is not named.
fn creator(created_by: &Json) -> Option<Labels> {
    let created_by = created_by.value();
    let kind = match created_by["type"].as_str()? {
        "DEPLOYMENT" => "deployment",
        "AUTOMATION" => "automation",
        _ => return None,
    };
    let resource = Labels::related(format!("prefect.{kind}.{}", created_by["id"].as_str()?), "creator");
    Some(match created_by["display_value"].as_str().filter(|name| !name.is_empty()) {
        Some(name) => resource.with(RESOURCE_NAME, name),
        None => resource,
    })
}

fn state_payload(state: &State) -> Value {
    let mut payload = Map::new();
    payload.insert("type".into(), state.r#type.as_str().into());
    if !state.name.is_empty() {
        payload.insert("name".into(), state.name.as_str().into());
    }
    if let Some(message) = state.message.as_deref().filter(|message| !message.is_empty()) {
        payload.insert("message".into(), cut(message).into_owned().into());
    }
    if state.r#type == StateType::Paused {
        payload.insert("pause_reschedule".into(), state.state_details.pause_reschedule.to_string().into());
    }
    Value::Object(payload)
}

/// A long message keeps its beginning and its end.
fn cut(message: &str) -> Cow<'_, str> {
    if message.len() <= MESSAGE_CHARACTERS {
        return message.into();
    }
    let omitted = message.chars().count().saturating_sub(MESSAGE_CHARACTERS);
    let at = |n: usize| message.char_indices().nth(n).map_or(message.len(), |(at, _)| at);
    let (half, rest) = (MESSAGE_CHARACTERS / 2, at(MESSAGE_CHARACTERS / 2 + omitted));
    let short = format!("{}...{omitted} additional characters...{}", &message[..at(half)], &message[rest..]);
    if omitted > 0 && short.len() < message.len() { short.into() } else { message.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_keep_both_ends() {
        assert_eq!(cut("short"), "short");
        let just = "x".repeat(MESSAGE_CHARACTERS + 10);
        assert_eq!(cut(&just), just.as_str());
        let long = format!("{}{}{}", "a".repeat(50_000), "é".repeat(1_000), "b".repeat(50_000));
        let short = format!("{}...1000 additional characters...{}", "a".repeat(50_000), "b".repeat(50_000));
        assert_eq!(cut(&long), short.as_str());
    }
}
