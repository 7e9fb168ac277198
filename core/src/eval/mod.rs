//! The query language evaluated on rows: what a filter, an order, a position and an aggregate mean.
//!
//! The memory backend is made of it. A key-value backend finds the rows of a range of an index and leaves the rest to this.
//!
//! ```text
//! rows ─► meets(filter) ─► in order ─► after the position ─► offset, limit ─► columns
//!                      └─► groups ─► measures ─► in order ─► limit
//! ```

mod aggregate;
mod meets;
mod select;

pub use aggregate::{aggregate, sort_lines};
pub use meets::meets;
pub use select::{compare, select};

use crate::{Col, Error, Row, Value};

/// Where a filter finds the rows of other tables.
pub trait Relations {
    /// The rows whose column `to` equals a value. None if the value is null.
    ///
    /// # Errors
    /// Whatever the store answers.
    fn related(&self, to: Col, value: &Value) -> Result<Vec<Row>, Error>;
}
