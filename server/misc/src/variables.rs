//! Variables: named values of the workspace.

use mintaka_api_filters::leaf::{IdFilter, Leaf, NameFilter, Operator, TagsFilter, contains_pattern};
use mintaka_core::records::{Variable, variable};
use mintaka_core::{Error, Filter, Json, Reader, Tags, is_like};
use mintaka_http::{ApiError, Client, Created, Ctx, Input, NoContent, Out, Page, Problem, View, list};
use mintaka_orchestration::ops::Edited;
use mintaka_orchestration::ops::variables::{
    VariableEdit, VariableKey, create_variable, delete_variable, update_variable,
};
use poem::http::StatusCode;
use poem_openapi::param::Path;
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi};
use serde_json::Value;
use uuid::Uuid;

use crate::Tag;

/// The longest name, in characters.
const LONGEST_NAME: usize = 255;
/// The longest value: bytes of its JSON text for 3.x clients, characters for 2.x ones.
const LONGEST_VALUE: usize = 5000;

#[derive(Object)]
struct VariableCreate {
    /// Lower-case letters, digits, underscores and (3.x) dashes.
    name: String,
    /// Any JSON; text for clients of the 2.x line.
    value: MaybeUndefined<Value>,
    #[oai(default)]
    tags: Vec<String>,
}

#[derive(Object)]
struct VariableUpdate {
    name: MaybeUndefined<String>,
    value: MaybeUndefined<Value>,
    tags: MaybeUndefined<Vec<String>>,
}

/// Which variables.
#[derive(Clone, Default, Object)]
struct VariableFilter {
    /// How the criteria are combined.
    #[oai(default)]
    operator: Operator,
    id: Option<IdFilter>,
    name: Option<NameFilter>,
    tags: Option<TagsFilter>,
    /// Of the 2.x line.
    value: Option<ValueFilter>,
}

/// Conditions on a value as text. (wire W3.8)
#[derive(Clone, Default, Object)]
#[oai(rename = "VariableFilterValue")]
struct ValueFilter {
    /// One of these.
    any_: Option<Vec<String>>,
    /// This text is in it; `%` is any text, `_` any character.
    like_: Option<String>,
}

impl ValueFilter {
    fn meets(&self, value: &str) -> bool {
        let is_one = |values: &Vec<String>| values.iter().any(|one| one == value);
        let contains = |text: &String| is_like(value, &contains_pattern(text));
        self.any_.as_ref().is_none_or(is_one) && self.like_.as_ref().is_none_or(contains)
    }
}

impl VariableFilter {
    /// The filter of the store. Values are opaque to it: those that a condition names are looked up first.
    async fn filter(&self, reader: &Reader) -> Result<Filter, Error> {
        let id = self.id.iter().map(|leaf| leaf.on(variable::id));
        let name = self.name.iter().map(|leaf| leaf.on(variable::name));
        let tags = self.tags.iter().map(|leaf| leaf.on(variable::tags));
        let mut criteria: Vec<Filter> = id.chain(name).chain(tags).collect();
        if let Some(wanted) = &self.value {
            let all = reader.all::<Variable>(Filter::all()).await?;
            let met = all.iter().filter(|row| wanted.meets(&text_of(&row.value)));
            criteria.push(Filter::any(variable::id, met.map(|row| row.id)));
        }
        Ok(self.operator.combine(criteria))
    }
}

mintaka_http::sort! {
    /// Orders of variables.
    pub VariableSort {
        "CREATED_DESC" => [variable::created, Desc],
        "UPDATED_DESC" => [variable::updated, Desc],
        "NAME_DESC" => [variable::name, Desc],
        "NAME_ASC" => [variable::name, Asc],
    }
}

#[derive(Object)]
struct FilterVariables {
    variables: Option<VariableFilter>,
    sort: Option<VariableSort>,
    #[oai(flatten)]
    page: Page,
}

#[derive(Object)]
struct CountVariables {
    variables: Option<VariableFilter>,
}

#[derive(Clone)]
pub(crate) struct VariablesRootApi {
    pub ctx: Ctx,
}

#[OpenApi(prefix_path = "/variables/", tag = "Tag::Variables")]
impl VariablesRootApi {
    /// Makes a variable.
    #[oai(path = "/", method = "post", operation_id = "create_variable")]
    async fn create(&self, body: Input<VariableCreate>, client: Client) -> Result<Created<View<Variable>>, ApiError> {
        let body = body.0;
        check_name(&body.name, &client)?;
        let value = match body.value {
            MaybeUndefined::Undefined => {
                return Err(ApiError::invalid(vec![Problem::missing("body", "value", &Value::Null, &client)], None));
            }
            MaybeUndefined::Null => Value::Null,
            MaybeUndefined::Value(value) => value,
        };
        let value = check_value(value, &client)?;
        match create_variable(&self.ctx.ops, body.name.clone(), value, Tags(body.tags)).await? {
            Some(row) => Ok(Created::new(shown(row, &client))),
            None if client.is_v2() => Err(ApiError::integrity()),
            None => Err(ApiError::conflict(format!("A variable with the name '{}' already exists.", body.name))),
        }
    }
}

#[derive(Clone)]
pub(crate) struct VariablesApi {
    pub ctx: Ctx,
}

#[OpenApi(prefix_path = "/variables", tag = "Tag::Variables")]
impl VariablesApi {
    /// The variables of a filter.
    #[oai(path = "/filter", method = "post", operation_id = "filter_variables")]
    async fn filter(&self, body: Input<FilterVariables>, client: Client) -> Result<Out<Vec<View<Variable>>>, ApiError> {
        let page = body.page.checked(&self.ctx)?;
        let filter = body.variables.clone().unwrap_or_default().filter(&self.ctx.reader).await?;
        let order = body.sort.map_or_else(|| vec![(variable::name, mintaka_core::Direction::Asc)], VariableSort::order);
        let rows = list::<Variable>(&self.ctx, filter, order, page).await?;
        Ok(Out(rows.into_iter().map(|row| shown(row.record, &client)).collect()))
    }

    /// How many variables a filter meets.
    #[oai(path = "/count", method = "post", operation_id = "count_variables")]
    async fn count(&self, body: Input<CountVariables>) -> Result<Out<i64>, ApiError> {
        let filter = body.variables.clone().unwrap_or_default().filter(&self.ctx.reader).await?;
        Ok(Out(self.ctx.reader.count::<Variable>(filter).await?))
    }

    /// A variable, by name.
    #[oai(path = "/name/:name", method = "get", operation_id = "read_variable_by_name")]
    async fn read_by_name(&self, name: Path<String>, client: Client) -> Result<Out<View<Variable>>, ApiError> {
        self.read(by_name(&name), &client).await
    }

    /// Changes a variable, by name.
    #[oai(path = "/name/:name", method = "patch", operation_id = "update_variable_by_name")]
    async fn update_by_name(
        &self,
        name: Path<String>,
        body: Input<VariableUpdate>,
        client: Client,
    ) -> Result<NoContent, ApiError> {
        self.update(by_name(&name), body.0, &client).await
    }

    /// Deletes a variable, by name.
    #[oai(path = "/name/:name", method = "delete", operation_id = "delete_variable_by_name")]
    async fn delete_by_name(&self, name: Path<String>) -> Result<NoContent, ApiError> {
        self.delete(by_name(&name)).await
    }

    /// A variable, by id.
    #[oai(path = "/:id", method = "get", operation_id = "read_variable")]
    async fn read_by_id(&self, id: Path<Uuid>, client: Client) -> Result<Out<View<Variable>>, ApiError> {
        self.read(VariableKey::Id(id.0), &client).await
    }

    /// Changes a variable, by id.
    #[oai(path = "/:id", method = "patch", operation_id = "update_variable")]
    async fn update_by_id(
        &self,
        id: Path<Uuid>,
        body: Input<VariableUpdate>,
        client: Client,
    ) -> Result<NoContent, ApiError> {
        self.update(VariableKey::Id(id.0), body.0, &client).await
    }

    /// Deletes a variable, by id.
    #[oai(path = "/:id", method = "delete", operation_id = "delete_variable")]
    async fn delete_by_id(&self, id: Path<Uuid>) -> Result<NoContent, ApiError> {
        self.delete(VariableKey::Id(id.0)).await
    }
}

impl VariablesApi {
    async fn read(&self, key: VariableKey, client: &Client) -> Result<Out<View<Variable>>, ApiError> {
        let seen = self.ctx.reader.find::<Variable>(key.into()).await?.ok_or_else(not_found)?;
        Ok(Out(shown(seen.record, client)))
    }

    async fn update(&self, key: VariableKey, body: VariableUpdate, client: &Client) -> Result<NoContent, ApiError> {
        let name = given(body.name)?;
        if let Some(name) = &name {
            check_name(name, client)?;
        }
        let value = match body.value {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null if client.is_v2() => return Err(ApiError::integrity()),
            MaybeUndefined::Null => Some(Json::from(Value::Null)),
            MaybeUndefined::Value(value) => Some(check_value(value, client)?),
        };
        let tags = given(body.tags)?.map(Tags);
        match update_variable(&self.ctx.ops, key, &VariableEdit { name, value, tags }).await? {
            Edited::Done(_) => Ok(NoContent),
            Edited::Missing => Err(not_found()),
            Edited::Collides => Err(ApiError::integrity()),
        }
    }

    async fn delete(&self, key: VariableKey) -> Result<NoContent, ApiError> {
        match delete_variable(&self.ctx.ops, key).await? {
            true => Ok(NoContent),
            false => Err(not_found()),
        }
    }
}

/// A member that may be absent but not null, as the column cannot be.
fn given<T>(sent: MaybeUndefined<T>) -> Result<Option<T>, ApiError> {
    match sent {
        MaybeUndefined::Undefined => Ok(None),
        MaybeUndefined::Null => Err(ApiError::integrity()),
        MaybeUndefined::Value(value) => Ok(Some(value)),
    }
}

fn by_name(name: &str) -> VariableKey {
    VariableKey::Name(name.to_owned())
}

fn not_found() -> ApiError {
    ApiError::detail(StatusCode::NOT_FOUND, "Variable not found.")
}

fn check_name(name: &str, client: &Client) -> Result<(), ApiError> {
    let dashes = !client.is_v2();
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || (dashes && c == '-');
    if !name.chars().all(allowed) {
        let last = if dashes { "dashes or underscores" } else { "underscores" };
        let msg = format!("Variable name must only contain lowercase letters, numbers, and {last}.");
        return Err(ApiError::member("name", msg));
    }
    if name.chars().count() > LONGEST_NAME {
        return Err(ApiError::member("name", at_most(LONGEST_NAME, client)));
    }
    Ok(())
}

/// What a text is told that is too long.
fn at_most(characters: usize, client: &Client) -> String {
    match client.is_v2() {
        true => format!("ensure this value has at most {characters} characters"),
        false => format!("Value should have at most {characters} characters"),
    }
}

/// The value as it is stored. A number or a boolean of a 2.x client becomes text.
fn check_value(value: Value, client: &Client) -> Result<Json, ApiError> {
    if !client.is_v2() {
        let json = Json::from(value);
        return if json.text().len() > LONGEST_VALUE {
            Err(ApiError::member("value", format!("Variable value must be less than {LONGEST_VALUE} characters")))
        } else {
            Ok(json)
        };
    }
    let text = match value {
        Value::String(text) => text,
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            return Err(ApiError::member("value", "str type expected"));
        }
    };
    if text.chars().count() > LONGEST_VALUE {
        return Err(ApiError::member("value", at_most(LONGEST_VALUE, client)));
    }
    Ok(Json::of(&text))
}

/// A value as text, as clients of the 2.x line know it.
fn text_of(value: &Json) -> String {
    match value.value() {
        Value::String(text) => text,
        _ => value.text().to_owned(),
    }
}

/// A variable as its reader knows variables: for clients of the 2.x line every value is text.
fn shown(mut row: Variable, client: &Client) -> View<Variable> {
    if client.is_v2() {
        row.value = Json::of(&text_of(&row.value));
    }
    row.into()
}
