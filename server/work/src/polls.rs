//! What every poll for work has in common.

use mintaka_http::{Ctx, When};
use mintaka_orchestration::ops::due_runs::Wanted;

/// What a poll asks for, between two times, under the server's settings.
pub(crate) fn wanted(ctx: &Ctx, after: Option<When>, before: Option<When>, limit: u64) -> Wanted {
    Wanted {
        after: after.map(|time| time.0),
        before: before.map(|time| time.0),
        limit,
        retries_until: ctx.reader.now() - ctx.settings.retry_grace,
    }
}
