//! From the storage contract to SQL: one compiler for every SQL backend.
//!
//! A [`Dialect`] says where engines differ. Everything else (two-valued filters, orders with their tie-break, cursors
//! with their NULL branches, aggregates, row writes, tag indexes) is written once, here. No driver is used: the output
//! is text and [`Value`](mintaka_core::Value)s to bind.
//!
//! ```text
//! Table     ─► ddl::create ─────────► CREATE TABLE, CREATE INDEX, side tables of tag indexes
//! Query     ─► select ──────────────► Select { text, params, kinds of the output }
//! Aggregate ─► aggregate ───────────► Select
//! Key       ─► Statements::find ────► text; bind the key
//! Write     ─► Statements, update ──► text; bind the row
//! ```

mod aggregate;
mod count;
pub mod ddl;
mod dialect;
mod filter;
mod path;
mod select;
mod tags;
mod text;
mod writes;

pub use aggregate::{aggregate, inputs};
pub use count::{column_of, count_part, equal_to};
pub use dialect::{Dialect, Sqlite};
pub use path::{Path, Plan, begins_an_index, key_of_parent, required};
pub use select::{Select, select};
pub use text::quoted;
pub use writes::{Statements, TagTable, find_text, update_text};

/// The column that holds [`Row::version`](mintaka_core::Row::version); a table may have a `version` of its own.
pub const ROW_VERSION: &str = "row_version";
