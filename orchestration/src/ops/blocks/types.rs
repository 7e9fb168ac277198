//! Block types: making, changing and deleting them.

use mintaka_core::records::{BlockType, block_type};
use mintaka_core::{Batch, Change, Col, Error, Key, Outcome};
use uuid::Uuid;

use super::after_type;
use super::events::tell_type;
use crate::error::OpError;
use crate::operations::Operations;
use crate::ops::lifecycle_events::Happened;
use crate::ops::optimistic::{Decision, Lost, optimistic};

/// A block type to be made.
#[derive(Clone, Debug)]
pub struct NewBlockType {
    /// Its name.
    pub name: String,
    /// Unique.
    pub slug: String,
    /// How it is presented.
    pub look: Look,
}

/// How a block type is presented.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// Address of a picture.
    pub logo_url: Option<String>,
    /// Address of a page about it.
    pub documentation_url: Option<String>,
    /// Text for people.
    pub description: Option<String>,
    /// How it is used.
    pub code_example: Option<String>,
}

/// Makes a block type.
///
/// # Errors
/// [`OpError::Conflict`] if the slug is taken.
pub async fn create_block_type(ops: &Operations, new: NewBlockType) -> Result<BlockType, OpError> {
    let now = ops.now();
    let NewBlockType { name, slug, look } = new;
    let row = BlockType {
        id: ops.new_id(),
        created: now,
        updated: now,
        name,
        slug,
        logo_url: look.logo_url,
        documentation_url: look.documentation_url,
        description: look.description,
        code_example: look.code_example,
        is_protected: false,
    };
    let batch = tell_type(ops, Batch::new().insert(row.clone()), Happened::Created, &row);
    match ops.commit(batch).await? {
        Outcome::Conflict(_) => Err(OpError::Conflict(format!("Block type with name \"{}\" already exists", row.name))),
        _ => Ok(row),
    }
}

/// What changes of how a block type is presented; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct LookEdit {
    /// Address of a picture.
    pub logo_url: Option<Option<String>>,
    /// Address of a page about it.
    pub documentation_url: Option<Option<String>>,
    /// Text for people.
    pub description: Option<Option<String>>,
    /// How it is used.
    pub code_example: Option<Option<String>>,
}

/// Changes how a block type is presented; false if there is no such type. What changes nothing is not written: clients send
/// the same with every block that they save.
///
/// # Errors
/// What the store answers.
pub async fn update_block_type(ops: &Operations, id: Uuid, edit: &LookEdit) -> Result<bool, Error> {
    optimistic(ops, "the block type", |lost: Option<Lost>| async move {
        let current = lost.map(Lost::current::<BlockType>).transpose()?.flatten();
        let seen = match current {
            Some(seen) => seen,
            None => match ops.get::<BlockType>(id).await? {
                Some(seen) => seen,
                None => return Ok(Decision::Answer(false)),
            },
        };
        let mut row = seen.record.clone();
        let mut change = Change::default();
        for (column, member, sent) in [
            (block_type::logo_url, &mut row.logo_url, &edit.logo_url),
            (block_type::documentation_url, &mut row.documentation_url, &edit.documentation_url),
            (block_type::description, &mut row.description, &edit.description),
            (block_type::code_example, &mut row.code_example, &edit.code_example),
        ] {
            change = with_member(change, column, member, sent);
        }
        if change.is_empty() {
            return Ok(Decision::Answer(true));
        }
        row.updated = ops.now();
        let change = change.set(block_type::updated, row.updated);
        let batch = Batch::new().version(&seen).update::<BlockType>(Key::id(id), change);
        Ok(Decision::Commit(tell_type(ops, batch, Happened::Updated, &row), true))
    })
    .await
}

fn with_member(change: Change, column: Col, member: &mut Option<String>, sent: &Option<Option<String>>) -> Change {
    let Some(sent) = sent.as_ref().filter(|sent| *sent != member) else { return change };
    member.clone_from(sent);
    change.set(column, sent.clone())
}

/// Deletes a block type with its schemas and documents; false if there was none.
///
/// # Errors
/// [`OpError::Forbidden`] for a protected one.
pub async fn delete_block_type(ops: &Operations, id: Uuid) -> Result<bool, OpError> {
    let deleted = optimistic(ops, "the block type", |_: Option<Lost>| async move {
        let Some(seen) = ops.get::<BlockType>(id).await? else { return Ok(Decision::Answer(false)) };
        if seen.is_protected {
            return Err(OpError::Forbidden("protected block types cannot be deleted.".into()));
        }
        let batch = Batch::new().version(&seen).delete::<BlockType>(Key::id(id));
        Ok(Decision::Commit(tell_type(ops, batch, Happened::Deleted, &seen), true))
    })
    .await?;
    after_type(ops, id).await?;
    Ok(deleted)
}
