//! Doing the same to many things at once, so that their writes share commits.

use std::fmt::Display;

use mintaka_orchestration::Operations;
use tokio::task::JoinSet;
use tracing::Instrument;
use uuid::Uuid;

/// Things that are worked on at once.
const AT_ONCE: usize = 32;

/// Does something to each of these, some at once, and answers how many went well. What fails is logged with its id.
pub(crate) async fn each<F, E>(
    ops: &Operations,
    ids: Vec<Uuid>,
    what: &'static str,
    act: impl Fn(Operations, Uuid) -> F,
) -> usize
where
    F: Future<Output = Result<bool, E>> + Send + 'static,
    E: Display + Send + 'static,
{
    let mut done = 0;
    let mut running = JoinSet::new();
    let mut ids = ids.into_iter();
    loop {
        while running.len() < AT_ONCE
            && let Some(id) = ids.next()
        {
            let acting = act(ops.clone(), id);
            running.spawn(async move { (id, acting.await) }.in_current_span());
        }
        match running.join_next().await {
            None => return done,
            Some(Ok((_, Ok(acted)))) => done += usize::from(acted),
            Some(Ok((id, Err(error)))) => tracing::error!(%id, %error, "{what} failed"),
            Some(Err(error)) => tracing::error!(%error, "{what} failed"),
        }
    }
}
