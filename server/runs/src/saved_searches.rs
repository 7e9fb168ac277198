//! `/saved_searches`: filters of the web UI that somebody gave a name.

use mintaka_core::records::{SavedSearch, saved_search};
use mintaka_core::{Direction, Filter, Json};
use mintaka_http::{ApiError, Created, Ctx, Input, NoContent, Out, Page, View, list, read};
use mintaka_orchestration::ops::saved_searches::{delete_search, save_search};
use poem_openapi::param::Path;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use uuid::Uuid;

use crate::Chapter;

const WHAT: &str = "Saved search";

/// One condition.
#[derive(Debug, Object, Serialize)]
pub(crate) struct SavedSearchFilter {
    /// About which object.
    object: String,
    /// About which member of it.
    property: String,
    /// The member's type.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    kind: String,
    /// How it is compared.
    operation: String,
    /// With what.
    value: serde_json::Value,
}

/// A filter to be kept.
#[derive(Debug, Object)]
pub(crate) struct SavedSearchCreate {
    /// Unique.
    name: String,
    /// The conditions; none if absent.
    #[oai(default)]
    filters: Vec<SavedSearchFilter>,
}

/// `/saved_searches/`
#[derive(Clone)]
pub(crate) struct SavedSearchesRoot {
    pub(crate) ctx: Ctx,
}

#[OpenApi(prefix_path = "/saved_searches/", tag = "Chapter::SavedSearches")]
impl SavedSearchesRoot {
    /// Keeps a filter under its name, in place of the one that had it.
    #[oai(path = "/", method = "put", operation_id = "save_search")]
    async fn save_search(&self, body: Input<SavedSearchCreate>) -> Result<Created<View<SavedSearch>>, ApiError> {
        let Input(SavedSearchCreate { name, filters }) = body;
        let (search, new) = save_search(&self.ctx.ops, name, Json::of(&filters)).await?;
        Ok(Created { new, value: search.into() })
    }
}

/// `/saved_searches`
#[derive(Clone)]
pub(crate) struct SavedSearches {
    pub(crate) ctx: Ctx,
}

#[OpenApi(prefix_path = "/saved_searches", tag = "Chapter::SavedSearches")]
impl SavedSearches {
    /// Lists filters by name.
    #[oai(path = "/filter", method = "post", operation_id = "filter_saved_searches")]
    async fn filter_saved_searches(&self, body: Input<Page>) -> Result<Out<Vec<View<SavedSearch>>>, ApiError> {
        let page = body.checked(&self.ctx)?;
        let by_name = vec![(saved_search::name, Direction::Asc)];
        let searches = list::<SavedSearch>(&self.ctx, Filter::all(), by_name, page).await?;
        Ok(Out(searches.into_iter().map(View::from).collect()))
    }

    /// The filter of an id.
    #[oai(path = "/:id", method = "get", operation_id = "read_saved_search")]
    async fn read_saved_search(&self, id: Path<Uuid>) -> Result<Out<View<SavedSearch>>, ApiError> {
        Ok(Out(read::<SavedSearch>(&self.ctx, id.0, WHAT).await?.into()))
    }

    /// Deletes a filter.
    #[oai(path = "/:id", method = "delete", operation_id = "delete_saved_search")]
    async fn delete_saved_search(&self, id: Path<Uuid>) -> Result<NoContent, ApiError> {
        match delete_search(&self.ctx.ops, id.0).await? {
            true => Ok(NoContent),
            false => Err(ApiError::not_found(WHAT)),
        }
    }
}
