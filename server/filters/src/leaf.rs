//! Leaves: conditions on one column, shared by all object filters.
//!
//! wire W3.2: a list that is null or absent says nothing; an empty `any_` matches nothing, an empty `not_any_` or
//! `all_` and an empty `like_` match everything.
//!
//! A pattern has at most 10,000 characters, which is less than the shortest limit of an engine (50,000 bytes).

use mintaka_core::records::StateType;
use mintaka_core::{Cmp, Col, Filter, Value};
use mintaka_http::{Choice, When};
use poem_openapi::{Enum, Object};
use uuid::Uuid;

use crate::text_search::TextQuery;

/// How the criteria of a filter are combined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
pub enum Operator {
    /// All must hold.
    #[default]
    #[oai(rename = "and_")]
    And,
    /// One must hold.
    #[oai(rename = "or_")]
    Or,
}

impl Operator {
    /// The criteria as one filter; without any, everything matches, also under `or_`.
    pub fn combine(self, criteria: Vec<Filter>) -> Filter {
        match self {
            Operator::Or if !criteria.is_empty() => Filter::Or(criteria),
            _ => Filter::And(criteria),
        }
    }
}

/// The pattern of `like_`: the text anywhere. (wire W3.3: `%` and `_` in it are wildcards, nothing is escaped)
pub fn contains_pattern(text: &str) -> String {
    format!("%{text}%")
}

/// A condition on one column.
pub trait Leaf {
    /// What must hold of the column.
    fn criteria(&self, column: Col) -> Vec<Filter>;

    /// How they are combined.
    fn operator(&self) -> Operator {
        Operator::And
    }

    /// The leaf as a filter.
    fn on(&self, column: Col) -> Filter {
        self.operator().combine(self.criteria(column))
    }
}

fn any<V: Clone + Into<Value>>(column: Col, values: Option<&Vec<V>>) -> Option<Filter> {
    values.map(|values| Filter::any(column, values.iter().cloned()))
}

/// None of these values; a null is not known to be none of them, so it does not match. (wire W3.4)
fn none_of<V: Clone + Into<Value>>(column: Col, values: Option<&Vec<V>>) -> Option<Filter> {
    let values = values.filter(|values| !values.is_empty())?;
    let is_one = Filter::any(column, values.iter().cloned());
    let excluded = if column.def().nullable { Filter::Or(vec![Filter::IsNull(column), is_one]) } else { is_one };
    Some(excluded.negate())
}

fn like(column: Col, text: Option<&String>) -> Option<Filter> {
    text.filter(|text| !text.is_empty()).map(|text| Filter::Like(vec![column], contains_pattern(text)))
}

fn null(column: Col, is_null: Option<bool>) -> Option<Filter> {
    is_null.map(|is_null| if is_null { Filter::IsNull(column) } else { Filter::some(column) })
}

fn bounds(column: Col, before: Option<When>, after: Option<When>) -> impl Iterator<Item = Filter> {
    let before = before.map(|time| Filter::cmp(column, Cmp::Le, time.0));
    let after = after.map(|time| Filter::cmp(column, Cmp::Ge, time.0));
    before.into_iter().chain(after)
}

/// A list of criteria without the ones that say nothing.
fn said<const N: usize>(criteria: [Option<Filter>; N]) -> Vec<Filter> {
    criteria.into_iter().flatten().collect()
}

/// Conditions on an identifier.
#[derive(Clone, Debug, Default, Object)]
pub struct IdFilter {
    /// One of these.
    pub any_: Option<Vec<Uuid>>,
    /// None of these.
    pub not_any_: Option<Vec<Uuid>>,
}

impl Leaf for IdFilter {
    fn criteria(&self, column: Col) -> Vec<Filter> {
        said([any(column, self.any_.as_ref()), none_of(column, self.not_any_.as_ref())])
    }
}

/// Conditions on an identifier that may be absent.
#[derive(Clone, Debug, Default, Object)]
pub struct OptionalIdFilter {
    /// How the criteria are combined.
    #[oai(default)]
    pub operator: Operator,
    /// One of these.
    pub any_: Option<Vec<Uuid>>,
    /// Whether there is none.
    pub is_null_: Option<bool>,
}

impl Leaf for OptionalIdFilter {
    fn criteria(&self, column: Col) -> Vec<Filter> {
        said([any(column, self.any_.as_ref()), null(column, self.is_null_)])
    }
    fn operator(&self) -> Operator {
        self.operator
    }
}

/// Conditions on a name.
#[derive(Clone, Debug, Default, Object)]
pub struct NameFilter {
    /// One of these.
    pub any_: Option<Vec<String>>,
    /// Contains this text, whatever the case of its ASCII letters; `%` and `_` are wildcards.
    #[oai(validator(max_length = 10_000))]
    pub like_: Option<String>,
}

impl Leaf for NameFilter {
    fn criteria(&self, column: Col) -> Vec<Filter> {
        said([any(column, self.any_.as_ref()), like(column, self.like_.as_ref())])
    }
}

/// Conditions on a name by its beginning.
#[derive(Clone, Debug, Default, Object)]
pub struct PrefixFilter {
    /// One of these.
    pub any_: Option<Vec<String>>,
    /// Begins with one of these, whatever the case of ASCII letters; `%` and `_` are wildcards.
    #[oai(validator(max_length = 10_000, max_items = 1_000))]
    pub startswith_: Option<Vec<String>>,
}

impl Leaf for PrefixFilter {
    fn criteria(&self, column: Col) -> Vec<Filter> {
        let begins = |texts: &Vec<String>| {
            Filter::Or(texts.iter().map(|text| Filter::Like(vec![column], format!("{text}%"))).collect())
        };
        said([any(column, self.any_.as_ref()), self.startswith_.as_ref().map(begins)])
    }
}

/// Conditions on a text.
#[derive(Clone, Debug, Default, Object)]
pub struct TextFilter {
    /// One of these.
    pub any_: Option<Vec<String>>,
    /// None of these.
    pub not_any_: Option<Vec<String>>,
}

impl Leaf for TextFilter {
    fn criteria(&self, column: Col) -> Vec<Filter> {
        said([any(column, self.any_.as_ref()), none_of(column, self.not_any_.as_ref())])
    }
}

/// Conditions on a text that may be absent.
#[derive(Clone, Debug, Default, Object)]
pub struct OptionalTextFilter {
    /// How the criteria are combined.
    #[oai(default)]
    pub operator: Operator,
    /// One of these.
    pub any_: Option<Vec<String>>,
    /// Whether there is none.
    pub is_null_: Option<bool>,
}

impl Leaf for OptionalTextFilter {
    fn criteria(&self, column: Col) -> Vec<Filter> {
        said([any(column, self.any_.as_ref()), null(column, self.is_null_)])
    }
    fn operator(&self) -> Operator {
        self.operator
    }
}

/// Conditions on the key of an artifact.
#[derive(Clone, Debug, Default, Object)]
pub struct KeyFilter {
    /// One of these.
    pub any_: Option<Vec<String>>,
    /// Contains this text, whatever the case of its ASCII letters; `%` and `_` are wildcards.
    #[oai(validator(max_length = 10_000))]
    pub like_: Option<String>,
    /// Whether there is one.
    pub exists_: Option<bool>,
}

impl Leaf for KeyFilter {
    fn criteria(&self, column: Col) -> Vec<Filter> {
        let absent = self.exists_.map(|exists| !exists);
        said([any(column, self.any_.as_ref()), like(column, self.like_.as_ref()), null(column, absent)])
    }
}

/// Conditions on a list of tags.
#[derive(Clone, Debug, Default, Object)]
pub struct TagsFilter {
    /// How the criteria are combined.
    #[oai(default)]
    pub operator: Operator,
    /// Has all of these.
    pub all_: Option<Vec<String>>,
    /// Has one of these.
    pub any_: Option<Vec<String>>,
    /// Whether the list is empty.
    pub is_null_: Option<bool>,
}

impl Leaf for TagsFilter {
    fn criteria(&self, column: Col) -> Vec<Filter> {
        let all = self.all_.clone().filter(|tags| !tags.is_empty());
        let empty = Filter::TagsEmpty(column);
        said([
            all.map(|tags| Filter::TagsAll(column, tags)),
            self.any_.clone().map(|tags| Filter::TagsAny(column, tags)),
            self.is_null_.map(|is_null| if is_null { empty } else { empty.negate() }),
        ])
    }
    fn operator(&self) -> Operator {
        self.operator
    }
}

/// Conditions on a time; bounds are inclusive.
#[derive(Clone, Debug, Default, Object)]
pub struct TimeFilter {
    /// At or before this time.
    pub before_: Option<When>,
    /// At or after this time.
    pub after_: Option<When>,
    /// Whether there is none.
    pub is_null_: Option<bool>,
}

impl TimeFilter {
    /// Bounds on one column, presence of another.
    pub fn on_either(&self, bounded: Col, present: Col) -> Filter {
        Filter::And(bounds(bounded, self.before_, self.after_).chain(null(present, self.is_null_)).collect())
    }
}

impl Leaf for TimeFilter {
    fn criteria(&self, column: Col) -> Vec<Filter> {
        bounds(column, self.before_, self.after_).chain(null(column, self.is_null_)).collect()
    }
}

/// A condition on a switch.
#[derive(Clone, Debug, Default, Object)]
pub struct SwitchFilter {
    /// Its position.
    pub eq_: Option<bool>,
}

impl Leaf for SwitchFilter {
    fn criteria(&self, column: Col) -> Vec<Filter> {
        said([self.eq_.map(|on| Filter::eq(column, on))])
    }
}

/// Conditions on a number; bounds are inclusive.
#[derive(Clone, Debug, Default, Object)]
pub struct LevelFilter {
    /// At least this.
    pub ge_: Option<i64>,
    /// At most this.
    pub le_: Option<i64>,
}

impl Leaf for LevelFilter {
    fn criteria(&self, column: Col) -> Vec<Filter> {
        said([
            self.ge_.map(|least| Filter::cmp(column, Cmp::Ge, least)),
            self.le_.map(|greatest| Filter::cmp(column, Cmp::Le, greatest)),
        ])
    }
}

/// A search for words.
#[derive(Clone, Debug, Default, Object)]
pub struct TextSearchFilter {
    /// Terms are alternatives; `-term` is excluded, `+term` required; quotes make a phrase.
    #[oai(validator(max_length = 200))]
    pub query: String,
}

impl TextSearchFilter {
    /// The search in the text of these columns, joined by a space.
    pub fn on(&self, columns: &[Col]) -> Filter {
        TextQuery::parse(&self.query).on(columns)
    }
}

/// Conditions on the type of a state.
#[derive(Clone, Debug, Default, Object)]
pub struct StateTypeFilter {
    /// One of these.
    pub any_: Option<Vec<Choice<StateType>>>,
    /// None of these.
    pub not_any_: Option<Vec<Choice<StateType>>>,
}

impl Leaf for StateTypeFilter {
    fn criteria(&self, column: Col) -> Vec<Filter> {
        let types = |list: &Option<Vec<Choice<StateType>>>| {
            list.as_ref().map(|types| types.iter().map(|t| t.0).collect::<Vec<StateType>>())
        };
        said([any(column, types(&self.any_).as_ref()), none_of(column, types(&self.not_any_).as_ref())])
    }
}

/// Conditions on the state of a run.
#[derive(Clone, Debug, Default, Object)]
pub struct StateFilter {
    /// How the criteria are combined.
    #[oai(default)]
    pub operator: Operator,
    /// By type.
    #[oai(rename = "type")]
    pub kind: Option<StateTypeFilter>,
    /// By name.
    pub name: Option<TextFilter>,
}

impl StateFilter {
    /// The filter on the columns of type and name. A part that says nothing does not count, also under `or_`.
    pub fn on(&self, kind: Col, name: Col) -> Filter {
        let kinds = self.kind.as_ref().map(|leaf| leaf.criteria(kind));
        let names = self.name.as_ref().map(|leaf| leaf.criteria(name));
        let parts = [kinds, names].into_iter().flatten().filter(|criteria| !criteria.is_empty());
        self.operator.combine(parts.map(Filter::And).collect())
    }
}

/// Conditions on who made a run.
#[derive(Clone, Debug, Default, Object)]
pub struct CreatedByFilter {
    /// How the criteria are combined.
    #[oai(default)]
    pub operator: Operator,
    /// Made by one of these.
    pub id_: Option<Vec<Uuid>>,
    /// Made by one of a type among these, such as `SCHEDULE` and `AUTOMATION`.
    pub type_: Option<Vec<String>>,
    /// Whether nobody is known.
    pub is_null_: Option<bool>,
}

impl CreatedByFilter {
    /// The filter on the columns of the whole, the identifier and the type.
    pub fn on(&self, whole: Col, id: Col, kind: Col) -> Filter {
        let criteria = [any(id, self.id_.as_ref()), any(kind, self.type_.as_ref()), null(whole, self.is_null_)];
        self.operator.combine(said(criteria))
    }
}

/// A condition on what exists.
#[derive(Clone, Debug, Default, Object)]
pub struct ExistsFilter {
    /// Whether it exists.
    pub exists_: Option<bool>,
}

impl ExistsFilter {
    /// The filter, given the one of what shall exist.
    pub fn of(&self, existing: Filter) -> Filter {
        exists(self.exists_, existing)
    }
}

/// A condition on what does not exist.
#[derive(Clone, Debug, Default, Object)]
pub struct AbsentFilter {
    /// How the criteria are combined; there is but one.
    #[oai(default)]
    pub operator: Operator,
    /// Whether there is none.
    pub is_null_: Option<bool>,
}

impl AbsentFilter {
    /// The filter, given the one of what shall not exist.
    pub fn of(&self, existing: Filter) -> Filter {
        exists(self.is_null_.map(|absent| !absent), existing)
    }
}

fn exists(wanted: Option<bool>, existing: Filter) -> Filter {
    match wanted {
        None => Filter::all(),
        Some(true) => existing,
        Some(false) => existing.negate(),
    }
}

/// A text that is looked for in several columns.
#[derive(Clone, Debug, Default, Object)]
pub struct LikeFilter {
    /// Contains this text, whatever the case of its ASCII letters; `%` and `_` are wildcards.
    #[oai(validator(max_length = 10_000))]
    pub like_: Option<String>,
}

impl Leaf for LikeFilter {
    fn criteria(&self, column: Col) -> Vec<Filter> {
        said([like(column, self.like_.as_ref())])
    }
}

/// A criterion that is accepted and says nothing.
#[derive(Clone, Debug, Default, Object)]
pub struct IgnoredFilter {}
