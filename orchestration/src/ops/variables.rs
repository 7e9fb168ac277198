//! Variables: named values of the workspace.

use mintaka_core::records::{Variable, variable};
use mintaka_core::{Batch, Change, Error, Json, Key, Outcome, Reader, Tags};

use super::Edited;
use super::edit::{delete_telling, edit_telling};
use super::events::NewEvent;
use super::lifecycle_events::{Happened, changed, lifecycle};
use crate::operations::Operations;

/// How a variable is found.
#[derive(Clone, Debug)]
pub enum VariableKey {
    /// By its id.
    Id(uuid::Uuid),
    /// By its name.
    Name(String),
}

impl From<VariableKey> for Key {
    fn from(key: VariableKey) -> Key {
        match key {
            VariableKey::Id(id) => Key::id(id),
            VariableKey::Name(name) => Key::Unique(vec![name.into()]),
        }
    }
}

/// Makes a variable; `None` if there is one of that name.
///
/// # Errors
/// What the store answers.
pub async fn create_variable(
    ops: &Operations,
    name: String,
    value: Json,
    tags: Tags,
) -> Result<Option<Variable>, Error> {
    let now = ops.now();
    let row = Variable { id: ops.new_id(), created: now, updated: now, name, value, tags };
    let event = event(ops, Happened::Created, &row);
    match ops.commit(event.add_to(Batch::new().insert(row.clone()), event.occurred)).await? {
        Outcome::Conflict(_) => Ok(None),
        _ => Ok(Some(row)),
    }
}

/// What changes of a variable; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct VariableEdit {
    /// New name.
    pub name: Option<String>,
    /// New value.
    pub value: Option<Json>,
    /// New tags.
    pub tags: Option<Tags>,
}

/// Changes a variable.
///
/// # Errors
/// What the store answers.
pub async fn update_variable(
    ops: &Operations,
    key: VariableKey,
    edit: &VariableEdit,
) -> Result<Edited<Variable>, Error> {
    edit_telling::<Variable, Error>(ops, key.into(), |seen| {
        let mut change = Change::default().set(variable::updated, ops.now());
        if let Some(name) = &edit.name {
            change = change.set(variable::name, name.clone());
        }
        if let Some(value) = &edit.value {
            change = change.set(variable::value, value.clone());
        }
        if let Some(tags) = &edit.tags {
            change = change.set(variable::tags, tags.clone());
        }
        let told = event(ops, Happened::Updated, &changed(seen.record.clone(), &change)?);
        Ok((change, vec![told]))
    })
    .await
}

/// Deletes a variable; false if there was none.
///
/// # Errors
/// What the store answers.
pub async fn delete_variable(ops: &Operations, key: VariableKey) -> Result<bool, Error> {
    let told = |seen: &mintaka_core::Versioned<Variable>| Ok::<_, Error>(vec![event(ops, Happened::Deleted, seen)]);
    Ok(delete_telling(ops, key.into(), None, told).await?.is_some())
}

/// What happened to a variable. Both lines have this event.
fn event(reader: &Reader, happened: Happened, row: &Variable) -> NewEvent {
    let mut event = lifecycle(reader, "variable", happened, row.id, &row.name);
    event.payload.insert("name".into(), row.name.as_str().into());
    event.payload.insert("value".into(), row.value.value());
    event.payload.insert("tags".into(), row.tags.0.as_slice().into());
    event
}
