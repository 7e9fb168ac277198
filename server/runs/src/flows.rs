//! `/flows`: names under which runs and deployments are kept.

use mintaka_api_filters::Filters;
use mintaka_api_filters::wire::Labels;
use mintaka_core::records::{Flow, flow};
use mintaka_core::{Col, Direction, Json, Key, Tags};
use mintaka_http::{
    ApiError, Client, Created, Ctx, Input, NoContent, Out, Page, PageNumber, Paginated, View, check_name, list,
    number_of, read, sort,
};
use mintaka_orchestration::ops::flows::{create_flow, delete_flow, update_flow};
use poem_openapi::param::Path;
use poem_openapi::{Object, OpenApi};
use uuid::Uuid;

use crate::Chapter;

const WHAT: &str = "Flow";

sort! {
    /// Orders of flows.
    pub FlowSort {
        "CREATED_DESC" => [flow::created, Desc],
        "UPDATED_DESC" => [flow::updated, Desc],
        "NAME_ASC" => [flow::name, Asc],
        "NAME_DESC" => [flow::name, Desc],
    }
}

/// A flow to be made.
#[derive(Debug, Object)]
pub(crate) struct FlowCreate {
    /// Unique. None of the characters `/ % & > <`.
    #[oai(validator(min_length = 1))]
    name: String,
    /// Tags.
    #[oai(default)]
    tags: Vec<String>,
    /// Labels.
    labels: Option<Labels>,
}

/// What to change of a flow.
#[derive(Debug, Object)]
pub(crate) struct FlowUpdate {
    /// Tags.
    tags: Option<Vec<String>>,
}

/// Which flows, in which order.
#[derive(Debug, Object)]
pub(crate) struct FlowsQuery {
    #[oai(flatten)]
    filters: Filters,
    #[oai(flatten)]
    page: Page,
    /// By name if absent.
    sort: Option<FlowSort>,
}

/// Which page of which flows.
#[derive(Debug, Object)]
pub(crate) struct FlowsPage {
    #[oai(flatten)]
    filters: Filters,
    #[oai(flatten)]
    page: PageNumber,
    /// By name if absent.
    sort: Option<FlowSort>,
}

fn order(sort: Option<FlowSort>) -> Vec<(Col, Direction)> {
    sort.map_or_else(|| vec![(flow::name, Direction::Asc)], FlowSort::order)
}

/// The path that ends in a slash.
#[derive(Clone)]
pub(crate) struct FlowsRoot {
    pub(crate) ctx: Ctx,
}

#[OpenApi(prefix_path = "/flows/", tag = "Chapter::Flows")]
impl FlowsRoot {
    /// Makes a flow, or finds the one of that name as it is.
    #[oai(path = "/", method = "post", operation_id = "create_flow")]
    async fn create_flow(&self, client: Client, body: Input<FlowCreate>) -> Result<Created<View<Flow>>, ApiError> {
        let Input(FlowCreate { name, tags, labels }) = body;
        check_name(&name, &client)?;
        let labels = labels.map_or_else(Json::object, Json::from);
        let (flow, new) = create_flow(&self.ctx.ops, name, Tags(tags), labels, client.by.line).await?;
        Ok(Created { new, value: flow.into() })
    }
}

/// The other paths.
#[derive(Clone)]
pub(crate) struct Flows {
    pub(crate) ctx: Ctx,
}

#[OpenApi(prefix_path = "/flows", tag = "Chapter::Flows")]
impl Flows {
    /// Counts flows.
    #[oai(path = "/count", method = "post", operation_id = "count_flows")]
    async fn count_flows(&self, client: Client, body: Input<Filters>) -> Result<Out<i64>, ApiError> {
        Ok(Out(self.ctx.reader.count::<Flow>(body.for_flows(&client)).await?))
    }

    /// Lists flows.
    #[oai(path = "/filter", method = "post", operation_id = "filter_flows")]
    async fn filter_flows(&self, client: Client, body: Input<FlowsQuery>) -> Result<Out<Vec<View<Flow>>>, ApiError> {
        let page = body.page.checked(&self.ctx)?;
        let flows = list::<Flow>(&self.ctx, body.filters.for_flows(&client), order(body.sort), page).await?;
        Ok(Out(flows.into_iter().map(View::from).collect()))
    }

    /// Lists flows in numbered pages.
    #[oai(path = "/paginate", method = "post", operation_id = "paginate_flows")]
    async fn paginate_flows(
        &self,
        client: Client,
        body: Input<FlowsPage>,
    ) -> Result<Out<Paginated<View<Flow>>>, ApiError> {
        let page = body.page.checked(&self.ctx)?;
        let filter = body.filters.for_flows(&client);
        let (flows, count) = number_of::<Flow>(&self.ctx, filter, order(body.sort), page).await?;
        Ok(Out(Paginated::new(flows.into_iter().map(View::from).collect(), count, page)))
    }

    /// The flow of a name.
    #[oai(path = "/name/:name", method = "get", operation_id = "read_flow_by_name")]
    async fn read_flow_by_name(&self, name: Path<String>) -> Result<Out<View<Flow>>, ApiError> {
        let key = Key::Unique(vec![name.0.into()]);
        let flow = self.ctx.reader.find::<Flow>(key).await?.ok_or_else(|| ApiError::not_found(WHAT))?;
        Ok(Out(flow.into()))
    }

    /// The flow of an id.
    #[oai(path = "/:id", method = "get", operation_id = "read_flow")]
    async fn read_flow(&self, id: Path<Uuid>) -> Result<Out<View<Flow>>, ApiError> {
        Ok(Out(read::<Flow>(&self.ctx, id.0, WHAT).await?.into()))
    }

    /// Changes a flow's tags.
    #[oai(path = "/:id", method = "patch", operation_id = "update_flow")]
    async fn update_flow(
        &self,
        client: Client,
        id: Path<Uuid>,
        body: Input<FlowUpdate>,
    ) -> Result<NoContent, ApiError> {
        match update_flow(&self.ctx.ops, id.0, body.0.tags.map(Tags), client.by.line).await? {
            true => Ok(NoContent),
            false => Err(ApiError::not_found(WHAT)),
        }
    }

    /// Deletes a flow with its deployments and runs.
    #[oai(path = "/:id", method = "delete", operation_id = "delete_flow")]
    async fn delete_flow(&self, client: Client, id: Path<Uuid>) -> Result<NoContent, ApiError> {
        match delete_flow(&self.ctx.ops, id.0, None, client.by.line).await? {
            true => Ok(NoContent),
            false => Err(ApiError::not_found(WHAT)),
        }
    }
}
