//! The HTTP layer as clients meet it.

#![allow(clippy::unwrap_used)] // in a test a panic is the report

mod bodies;
mod callers;
mod connections;
mod requests;
mod stand;
mod wire;
