//! Reads a stream as everybody reads one who must not miss a row: a position per writer.

use std::collections::{BTreeMap, BTreeSet};

use mintaka_core::records::{Log, log};
use mintaka_core::{Backend, Cmp, Direction, Error, Filter, Query, Record};

/// A cursor in the log.
#[derive(Debug, Default)]
pub struct Tailer {
    /// How far each writer was read.
    positions: BTreeMap<i64, i64>,
    /// Writers that were closed, and have been read to their end.
    ended: BTreeSet<i64>,
}

impl Tailer {
    /// The lines that have come since the last call. Each writer's are in order, and as far as the heads say.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn next(&mut self, store: &dyn Backend) -> Result<Vec<Log>, Error> {
        let mut lines = Vec::new();
        let heads = store.heads().await?.writers;
        let known = |writer: &i64| heads.iter().any(|head| head.writer == *writer);
        assert!(self.positions.keys().all(known), "heads forgot a writer: {heads:?} after {self:?}");
        for head in &heads {
            if self.ended.contains(&head.writer) {
                continue;
            }
            let cursor = self.positions.entry(head.writer).or_default();
            let query = Query::of(Log::TABLE)
                .filter(Filter::eq(log::writer, head.writer).and(Filter::cmp(log::seq, Cmp::Gt, *cursor)))
                .order(log::seq, Direction::Asc)
                .limit(10_000);
            for row in store.select(query).await? {
                let line = Log::from_values(row.values)?;
                assert!(line.seq > *cursor, "positions of writer {} grow", head.writer);
                *cursor = line.seq;
                lines.push(line);
            }
            assert!(*cursor >= head.position, "{head:?}, and the stream ends at {cursor}");
            if head.closed {
                assert_eq!(*cursor, head.position, "nothing comes after the end of a closed writer");
                self.ended.insert(head.writer);
            }
        }
        Ok(lines)
    }
}
