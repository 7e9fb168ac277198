//! SQLite keeps the storage contract.

use std::sync::Arc;

use mintaka_core::Backend;
use mintaka_sqlite::{Location, Options, SqliteStore};

mintaka_conformance::main!(mintaka_conformance::in_directory(|directory| async move {
    let location = Location::File(directory.join("store.db"));
    Ok(SqliteStore::open(location, Options::default())? as Arc<dyn Backend>)
}));
