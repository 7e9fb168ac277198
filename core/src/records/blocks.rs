//! Block types, schemas and documents, and the references between them.

use uuid::Uuid;

use crate::{Json, Tags, Time, record};

record! {
    /// A kind of block.
    pub struct BlockType in "block_type", columns block_type {
        id: Uuid,
        created: Time,
        updated: Time,
        name: String,
        slug: String,
        logo_url: Option<String>,
        documentation_url: Option<String>,
        description: Option<String>,
        code_example: Option<String>,
        is_protected: bool,
    }
    key (id);
    unique (slug);
    index "ix_block_type__name" (name);
}

record! {
    /// The fields of a block type at one version.
    pub struct BlockSchema in "block_schema", columns block_schema {
        id: Uuid,
        created: Time,
        updated: Time,
        checksum: String,
        fields: Json,
        block_type_id: Uuid,
        capabilities: Tags,
        version: String,
    }
    key (id);
    unique (checksum, version);
    index "ix_block_schema__block_type_id" (block_type_id, created);
    index "ix_block_schema__created" (created);
}

record! {
    /// A field of one schema that holds a block of another.
    pub struct BlockSchemaReference in "block_schema_reference", columns block_schema_reference {
        id: Uuid,
        created: Time,
        updated: Time,
        name: String,
        parent_block_schema_id: Uuid,
        reference_block_schema_id: Uuid,
    }
    key (id);
    index "ix_block_schema_reference__parent" (parent_block_schema_id);
    index "ix_block_schema_reference__reference" (reference_block_schema_id);
}

record! {
    /// A configured block.
    pub struct BlockDocument in "block_document", columns block_document {
        id: Uuid,
        created: Time,
        updated: Time,
        name: String,
        /// Sealed: never plain text.
        #[internal] data: String,
        block_schema_id: Uuid,
        block_type_id: Uuid,
        block_type_name: Option<String>,
        is_anonymous: bool,
    }
    key (id);
    unique (block_type_id, name);
    index "ix_block_document__block_schema_id" (block_schema_id);
    index "ix_block_document__block_type_name_name" (block_type_name, name);
    index "ix_block_document__name" (name);
}

record! {
    /// A field of one document that is another document.
    pub struct BlockDocumentReference in "block_document_reference", columns block_document_reference {
        id: Uuid,
        created: Time,
        updated: Time,
        name: String,
        parent_block_document_id: Uuid,
        reference_block_document_id: Uuid,
    }
    key (id);
    index "ix_block_document_reference__parent" (parent_block_document_id);
    index "ix_block_document_reference__reference" (reference_block_document_id);
}
