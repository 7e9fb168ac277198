//! What Mintaka stores and how: values, declarations, filters, batches, the storage contract, and the store in front of it.
//!
//! No I/O happens here. [`Backend`] is what a storage author implements; [`Store`] is what everything else uses.

extern crate self as mintaka_core;
#[doc(hidden)]
pub use serde;

mod backend;
mod batch;
mod clock;
mod error;
pub mod eval;
mod filter;
mod judge;
mod layer;
mod like;
pub mod memory;
mod query;
mod record;
pub mod records;
mod schema;
mod store;
mod time;
mod value;

pub use backend::{Backend, Caps, CommitAnswer, Durability, Head, Heads};
pub use batch::{
    Batch, Batches, Change, Condition, Conflict, Done, Guard, Key, OnExists, Op, Outcome, Part, Sum, plus,
};
pub use clock::{Clock, ManualClock, SystemClock};
pub use error::Error;
pub use filter::{Cmp, Filter, MAX_PATTERN_BYTES};
pub use judge::{Rows, Stamp, Write, judge};
pub use layer::{Answer, Call, Layer};
pub use like::is_like;
pub use query::{Aggregate, Direction, Each, Group, Measure, Query};
#[doc(hidden)]
pub use record::column_name;
pub use record::{Record, Versioned};
pub use schema::{Col, ColumnDef, Index, MAX_KEY_BYTES, MAX_ROW_BYTES, Row, Table};
pub use store::{Reader, Store};
pub use time::Time;
pub use value::{Field, Json, Kind, Ordered, Tags, TextEnum, Value};
