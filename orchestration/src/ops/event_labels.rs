//! What events say of the flow, queue, pool and blocks that their subject belongs to. (wire W12.12)

use mintaka_core::records::{Deployment, Flow, WorkPool, WorkQueue};
use mintaka_core::{Error, Reader};
use uuid::Uuid;

use super::events::{Labels, RESOURCE_NAME};

/// The label that says what a pool's workers are.
pub(super) const POOL_TYPE: &str = "prefect.work-pool.type";

fn related(kind: &str, id: Uuid, name: &str) -> Labels {
    Labels::related(format!("prefect.{kind}.{id}"), kind).with(RESOURCE_NAME, name)
}

/// The pool of a queue or a deployment.
pub(super) fn related_pool(pool: &WorkPool) -> Labels {
    related("work-pool", pool.id, &pool.name).with(POOL_TYPE, &*pool.r#type)
}

/// What a deployment belongs to and refers to.
///
/// # Errors
/// What the store answers.
pub(super) async fn of_deployment(reader: &Reader, deployment: &Deployment) -> Result<Vec<Labels>, Error> {
    let mut labels = Vec::new();
    if let Some(flow) = reader.get::<Flow>(deployment.flow_id).await? {
        labels.push(related("flow", flow.id, &flow.name));
    }
    let queue = match deployment.work_queue_id {
        Some(id) => reader.get::<WorkQueue>(id).await?,
        None => None,
    };
    if let Some(queue) = queue {
        labels.push(related("work-queue", queue.id, &queue.name));
        labels.extend(reader.get::<WorkPool>(queue.work_pool_id).await?.map(|pool| related_pool(&pool)));
    }
    for (role, id) in
        [("storage", deployment.storage_document_id), ("infrastructure", deployment.infrastructure_document_id)]
    {
        labels.extend(id.map(|id| Labels::related(format!("prefect.block-document.{id}"), role)));
    }
    Ok(labels)
}
