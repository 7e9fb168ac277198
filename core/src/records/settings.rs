//! Small things kept by name: variables, saved searches, configuration.

use uuid::Uuid;

use crate::{Json, Tags, Time, record};

record! {
    /// A named value of the workspace.
    pub struct Variable in "variable", columns variable {
        id: Uuid,
        created: Time,
        updated: Time,
        name: String,
        value: Json,
        tags: Tags,
    }
    key (id);
    unique (name);
    index "ix_variable__created" (created);
    index "ix_variable__updated" (updated);
}

record! {
    /// A filter that somebody gave a name.
    pub struct SavedSearch in "saved_search", columns saved_search {
        id: Uuid,
        created: Time,
        updated: Time,
        name: String,
        filters: Json,
    }
    key (id);
    unique (name);
}

record! {
    /// A setting of the installation that is kept in the store.
    pub struct Configuration in "configuration", columns configuration {
        id: Uuid,
        created: Time,
        updated: Time,
        key: String,
        value: Json,
    }
    key (id);
    unique (key);
}
