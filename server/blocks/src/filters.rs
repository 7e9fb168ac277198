//! Filters of block types, schemas and documents.

use mintaka_api_filters::leaf::{IdFilter, Leaf, NameFilter, Operator, SwitchFilter, TagsFilter};
use mintaka_core::Filter;
use mintaka_core::records::{block_document, block_schema, block_type};
use poem_openapi::Object;
use poem_openapi::types::MaybeUndefined;

/// Which block types.
#[derive(Clone, Debug, Default, Object)]
pub(crate) struct BlockTypeFilter {
    /// By name.
    name: Option<NameFilter>,
    /// By slug.
    slug: Option<NameFilter>,
}

impl BlockTypeFilter {
    pub(crate) fn filter(&self) -> Filter {
        let name = self.name.iter().map(|leaf| leaf.on(block_type::name));
        let slug = self.slug.iter().map(|leaf| leaf.on(block_type::slug));
        Filter::And(name.chain(slug).collect())
    }
}

/// Which block schemas.
#[derive(Clone, Debug, Default, Object)]
pub(crate) struct BlockSchemaFilter {
    /// How the criteria are combined.
    #[oai(default)]
    operator: Operator,
    /// By identifier.
    id: Option<IdFilter>,
    /// By type.
    block_type_id: Option<IdFilter>,
    /// By what they can do.
    block_capabilities: Option<TagsFilter>,
    /// By version.
    version: Option<NameFilter>,
}

impl BlockSchemaFilter {
    pub(crate) fn filter(&self) -> Filter {
        let criteria = [
            self.id.as_ref().map(|leaf| leaf.on(block_schema::id)),
            self.block_type_id.as_ref().map(|leaf| leaf.on(block_schema::block_type_id)),
            self.block_capabilities.as_ref().map(|leaf| leaf.on(block_schema::capabilities)),
            self.version.as_ref().map(|leaf| leaf.on(block_schema::version)),
        ];
        self.operator.combine(criteria.into_iter().flatten().collect())
    }
}

/// Which block documents.
#[derive(Clone, Debug, Default, Object)]
pub(crate) struct BlockDocumentFilter {
    /// How the criteria are combined.
    #[oai(default)]
    operator: Operator,
    /// By identifier.
    id: Option<IdFilter>,
    /// Whether they are anonymous: absent leaves those out, null lets all in.
    is_anonymous: MaybeUndefined<SwitchFilter>,
    /// By type.
    block_type_id: Option<IdFilter>,
    /// By name.
    name: Option<NameFilter>,
}

impl BlockDocumentFilter {
    fn filter(&self) -> Filter {
        let anonymous = match &self.is_anonymous {
            MaybeUndefined::Undefined => Some(Filter::eq(block_document::is_anonymous, false)),
            MaybeUndefined::Null => None,
            MaybeUndefined::Value(leaf) => Some(leaf.on(block_document::is_anonymous)),
        };
        let criteria = [
            self.id.as_ref().map(|leaf| leaf.on(block_document::id)),
            anonymous,
            self.block_type_id.as_ref().map(|leaf| leaf.on(block_document::block_type_id)),
            self.name.as_ref().map(|leaf| leaf.on(block_document::name)),
        ];
        self.operator.combine(criteria.into_iter().flatten().collect())
    }
}

/// What a document must meet, of itself, its type and its schema.
pub(crate) fn documents(
    document: Option<&BlockDocumentFilter>,
    of_type: Option<&BlockTypeFilter>,
    schema: Option<&BlockSchemaFilter>,
) -> Filter {
    let own = document.cloned().unwrap_or_default().filter();
    let of_type = of_type.map(|of_type| Filter::has(block_document::block_type_id, block_type::id, of_type.filter()));
    let schema = schema.map(|schema| Filter::has(block_document::block_schema_id, block_schema::id, schema.filter()));
    Filter::And(std::iter::once(own).chain(of_type).chain(schema).collect())
}
