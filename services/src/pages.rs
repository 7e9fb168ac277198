//! Flow runs that a filter meets, page by page.

use mintaka_core::records::{FlowRun, flow_run};
use mintaka_core::{Direction, Error, Filter, Query, Record, Versioned};

use crate::Ctx;

/// Runs of one page.
const PAGE: u64 = 400;

/// Runs of one state type in the order of the index of state types: by their next time, then by id. Those of a type
/// that has no next time come by id.
pub(crate) struct RunPages {
    /// The next page; none after the last one.
    next: Option<Query>,
}

impl RunPages {
    /// The pages of a filter that asks for one state type.
    pub fn of(filter: Filter) -> RunPages {
        let order = flow_run::next_scheduled_start_time;
        RunPages { next: Some(Query::of(FlowRun::TABLE).filter(filter).order(order, Direction::Asc).limit(PAGE)) }
    }

    /// The next runs; none after the last page, or when the process stops.
    ///
    /// A run that changes meanwhile is not seen twice, and what it is followed by is not missed.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn next(&mut self, ctx: &Ctx) -> Result<Option<Vec<Versioned<FlowRun>>>, Error> {
        let Some(query) = self.next.take().filter(|_| !ctx.cancel.is_cancelled()) else { return Ok(None) };
        let runs = ctx.reader.select::<FlowRun>(query.clone()).await?;
        let Some(last) = runs.last() else { return Ok(None) };
        if runs.len() as u64 == PAGE {
            self.next = Some(query.after(vec![last.next_scheduled_start_time.into(), last.id.into()]));
        }
        Ok(Some(runs))
    }
}
