//! Blocks as clients use them, over a store in memory.

#![allow(clippy::unwrap_used)] // in a test a panic is the report

use std::sync::Arc;

use mintaka_api_blocks::apis;
use mintaka_api_testing::{Calls, V3, calls};
use mintaka_core::memory::MemoryStore;
use mintaka_core::records::{
    BlockDocument, BlockDocumentReference, BlockSchema, BlockSchemaReference, BlockType, Event,
};
use mintaka_core::{Batch, Filter, Record, Store};
use mintaka_http::{Ctx, Settings};
use mintaka_orchestration::Operations;
use mintaka_orchestration::ops::blocks::register_builtin;
use mintaka_orchestration::ops::blocks::{check_key, default_result_storage, set_default_result_storage};
use mintaka_orchestration::secrets::{OpenError, Sealer};
use poem::{Endpoint, Response};
use serde_json::{Value, json};

const HIDDEN: &str = "********";
const NOBODY: &str = "00000000-0000-0000-0000-000000000001";

struct Api<E> {
    calls: Calls<E>,
    store: Store,
    ops: Operations,
}

fn api_over(store: Store, sealer: Sealer) -> Api<impl Endpoint<Output = Response>> {
    let ops = Operations::over(store.clone());
    let ctx = Ctx::new(ops.clone(), Settings::default());
    Api { calls: calls(&ctx, apis(&ctx, Arc::new(sealer))), store, ops }
}

fn api() -> Api<impl Endpoint<Output = Response>> {
    api_over(Store::new(Arc::new(MemoryStore::new())), Sealer::new(&[7; 32]))
}

impl<E: Endpoint<Output = Response>> Api<E> {
    async fn expect(&self, method: &str, path: &str, body: Value, status: u16) -> Value {
        self.calls.expect(V3, method, path, body, status).await
    }

    async fn get(&self, path: &str) -> Value {
        self.expect("GET", path, Value::Null, 200).await
    }

    async fn count<R: Record>(&self) -> i64 {
        self.store.count::<R>(Filter::all()).await.unwrap()
    }

    async fn block_type(&self, slug: &str) -> Value {
        self.expect("POST", "/block_types/", json!({"name": slug.to_uppercase(), "slug": slug}), 201).await
    }

    async fn schema(&self, of_type: &Value, fields: Value) -> Value {
        let body = json!({"fields": fields, "block_type_id": of_type["id"], "capabilities": ["c", "a"]});
        self.expect("POST", "/block_schemas/", body, 201).await
    }

    /// A type `slug` with one schema, and how to make documents of it.
    async fn kind(&self, slug: &str, secret: &[&str]) -> Value {
        let of_type = self.block_type(slug).await;
        let schema = self.schema(&of_type, json!({"title": slug, "secret_fields": secret})).await;
        json!({"block_type_id": of_type["id"], "block_schema_id": schema["id"]})
    }

    async fn document(&self, kind: &Value, name: &str, data: Value) -> Value {
        let mut body = kind.clone();
        body["name"] = name.into();
        body["data"] = data;
        self.expect("POST", "/block_documents/", body, 201).await
    }
}

fn path(folder: &str, row: &Value) -> String {
    format!("/{folder}/{}", row["id"].as_str().unwrap())
}

#[tokio::test]
async fn types_are_made_found_changed_and_deleted() {
    let api = api();
    let body = json!({"name": "My Type", "slug": "my-type", "description": "<b> & \"c\"", "code_example": "a > b"});
    let made = api.expect("POST", "/block_types/", body.clone(), 201).await;
    assert_eq!((&made["description"], &made["code_example"]), (&json!("&lt;b&gt; &amp; \"c\""), &json!("a &gt; b")));
    assert_eq!(made["is_protected"], json!(false));
    let answer = api.expect("POST", "/block_types/", body, 409).await;
    assert_eq!(answer, json!({"detail": "Block type with name \"My Type\" already exists"}));
    assert_eq!(api.get("/block_types/slug/my-type").await, made);
    assert_eq!(api.get(&path("block_types", &made)).await, made);

    for (name, slug, status) in
        [("Prefect x", "a", 403), ("a/b", "a", 422), ("a", "A", 422), ("a", "", 201), ("Another", "another", 201)]
    {
        api.expect("POST", "/block_types/", json!({"name": name, "slug": slug}), status).await;
    }
    let own = path("block_types", &made);
    api.expect("PATCH", &own, json!({"logo_url": "http://x", "description": "<i>"}), 204).await;
    let events = api.count::<Event>().await;
    api.expect("PATCH", &own, json!({"logo_url": "http://x"}), 204).await;
    assert_eq!(api.count::<Event>().await, events, "what changes nothing is not told");
    let changed = api.get(&own).await;
    assert_eq!((&changed["logo_url"], &changed["description"]), (&json!("http://x"), &json!("<i>")));

    let names = |answer: Value| -> Vec<String> {
        answer.as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap().to_owned()).collect()
    };
    let found = |body: Value| async { names(api.expect("POST", "/block_types/filter", body, 200).await) };
    assert_eq!(found(Value::Null).await, ["Another", "My Type", "a"]);
    assert_eq!(found(json!({"block_types": {"name": {"like_": "my"}}})).await, ["My Type"]);
    assert_eq!(found(json!({"block_types": {"slug": {"any_": ["another"]}}})).await, ["Another"]);
    api.schema(&made, json!({})).await;
    assert_eq!(found(json!({"block_schemas": {"block_capabilities": {"all_": ["a"]}}})).await, ["My Type"]);
    assert!(found(json!({"block_schemas": {"block_capabilities": {"all_": ["a", "z"]}}})).await.is_empty());

    api.expect("DELETE", &own, Value::Null, 204).await;
    let answer = api.expect("DELETE", &own, Value::Null, 404).await;
    assert_eq!(answer, json!({"detail": "Block type not found"}));
    assert_eq!(api.count::<BlockSchema>().await, 0);
}

#[tokio::test]
async fn a_type_that_clients_would_stumble_over_is_refused_or_shown_without_what_they_cannot_take() {
    let api = api();
    for name in ["a/b", "50%", "a&b", "a<b", "a>b", ""] {
        api.expect("POST", "/block_types/", json!({"name": name, "slug": "x"}), 422).await;
    }
    for (member, text) in
        [("logo_url", "logo.png"), ("documentation_url", "ftp://x"), ("logo_url", "https://"), ("logo_url", "")]
    {
        let mut body = json!({"name": "x", "slug": "x"});
        body[member] = json!(text);
        let answer = api.expect("POST", "/block_types/", body, 422).await;
        assert_eq!(answer["exception_detail"][0]["loc"], json!(["body", member]));
    }
    let now = api.store.now();
    let left_by_others = BlockType {
        id: uuid::Uuid::new_v4(),
        created: now,
        updated: now,
        name: "Odd".into(),
        slug: "odd".into(),
        logo_url: Some("logo.png".into()),
        documentation_url: Some("see the wiki".into()),
        description: Some(String::new()),
        code_example: Some(String::new()),
        is_protected: false,
    };
    api.store.commit(Batch::new().insert(left_by_others)).await.unwrap();
    let odd = api.get("/block_types/slug/odd").await;
    assert_eq!([&odd["logo_url"], &odd["documentation_url"], &odd["description"]], [&Value::Null; 3]);
    assert_eq!(api.expect("POST", "/block_types/filter", json!({}), 200).await, json!([odd]));
    let schema = api.schema(&odd, json!({})).await;
    assert_eq!(schema["block_type"], odd);
    api.expect("PATCH", &path("block_types", &odd), json!({"logo_url": "x"}), 422).await;
}

#[tokio::test]
async fn the_version_of_a_schema_may_be_left_out_but_not_be_null() {
    let api = api();
    let of_type = api.block_type("a").await;
    let mut body = json!({"fields": {}, "block_type_id": of_type["id"], "version": null});
    let answer = api.expect("POST", "/block_schemas/", body.clone(), 422).await;
    assert_eq!(answer["exception_detail"][0]["loc"], json!(["body", "version"]));
    body.as_object_mut().unwrap().shift_remove("version");
    let made = api.expect("POST", "/block_schemas/", body, 201).await;
    assert_eq!(made["version"], "non-versioned");
}

#[tokio::test]
async fn built_in_types_are_there_once_and_cannot_be_deleted() {
    let api = api();
    for _ in 0..2 {
        register_builtin(&api.ops).await.unwrap();
        api.expect("POST", "/block_types/install_system_block_types", Value::Null, 200).await;
    }
    assert_eq!((api.count::<BlockType>().await, api.count::<BlockSchema>().await), (6, 9));
    // The checksums by which clients 2.20.26 and 3.9.1 look the schemas up.
    for (slug, checksum) in [
        ("secret", "sha256:c078ed9c1e813e224c0b353d7ad4564a11d51d3198d9ac0686478165a1911c78"),
        ("secret", "sha256:e6b26e0a0240eb112e604608338f863e5ca2f137936e310014bfa2139d0a9b6c"),
        ("webhook", "sha256:58bb03f0d84592252ad568ed9a8c899792ae5d0ad2dd4a2428e99674f9050cf1"),
        ("local-file-system", "sha256:0fc8b7f936f38f465715ef2df4a817ac9fe38b80bb01d5c6c9649a6da6ae6971"),
        ("process", "sha256:47c4ac364708f4a6f27fb10b18086ad92c0a53fbbdd9ba07c030467067979f84"),
    ] {
        let schema = api.get(&format!("/block_schemas/checksum/{checksum}")).await;
        assert_eq!(schema["block_type"]["slug"], slug);
        assert_eq!(schema["fields"]["block_type_slug"], slug);
        let answer = api.expect("DELETE", &path("block_schemas", &schema), Value::Null, 403).await;
        assert_eq!(answer, json!({"detail": "Block schemas for protected block types cannot be deleted."}));
        let own = format!("/block_types/{}", schema["block_type_id"].as_str().unwrap());
        let answer = api.expect("DELETE", &own, Value::Null, 403).await;
        assert_eq!(answer, json!({"detail": "protected block types cannot be deleted."}));
    }
    let capabilities = api.get("/block_capabilities/").await;
    assert_eq!(
        capabilities,
        json!(["get-directory", "put-directory", "read-path", "run-infrastructure", "write-path"])
    );
}

#[tokio::test]
async fn a_schema_is_one_per_checksum_and_version() {
    let api = api();
    let of_type = api.block_type("t").await;
    let fields = json!({"title": "T", "properties": {"a": {"default": 1.0}}, "secret_fields": ["a"]});
    let made = api.schema(&of_type, fields.clone()).await;
    assert_eq!(made["version"], "non-versioned");
    assert_eq!(made["block_type"], of_type);
    assert_eq!(made["capabilities"], json!(["c", "a"]));
    assert_eq!(made["fields"]["block_schema_references"], json!({}));

    // secret_fields do not count in the checksum.
    let same = json!({"fields": {"title": "T", "properties": {"a": {"default": 1.0}}}, "block_type_id": of_type["id"]});
    assert_eq!(api.expect("POST", "/block_schemas/", same.clone(), 200).await, made);
    let mut other = same;
    other["version"] = json!("2");
    let second = api.expect("POST", "/block_schemas/", other, 201).await;
    assert_eq!(second["checksum"], made["checksum"]);
    let by_checksum = format!("/block_schemas/checksum/{}", made["checksum"].as_str().unwrap());
    assert_eq!(api.get(&by_checksum).await["id"], second["id"], "the newest");
    assert_eq!(api.get(&format!("{by_checksum}?version=non-versioned")).await["id"], made["id"]);
    api.expect("GET", &format!("{by_checksum}?version=3"), Value::Null, 404).await;

    let list = api.expect("POST", "/block_schemas/filter", json!({"block_schemas": {"version": {"any_": ["2"]}}}), 200);
    assert_eq!(list.await.as_array().unwrap().len(), 1);
    let all = api.expect("POST", "/block_schemas/filter", Value::Null, 200).await;
    assert_eq!(all[0]["id"], second["id"], "newest first");

    let unknown = json!({"fields": {}, "block_type_id": NOBODY});
    let answer = api.expect("POST", "/block_schemas/", unknown, 404).await;
    assert_eq!(answer, json!({"detail": format!("Block type {NOBODY} not found.")}));
    api.expect("DELETE", &path("block_schemas", &made), Value::Null, 204).await;
    api.expect("GET", &path("block_schemas", &made), Value::Null, 404).await;
}

#[tokio::test]
async fn schemas_of_nested_blocks_are_made_from_definitions_and_put_back_when_read() {
    let api = api();
    let outer = api.block_type("outer").await;
    let inner = api.block_type("inner").await;
    let definition = json!({"title": "Inner", "type": "object", "block_type_slug": "inner", "properties": {"x": {}}});
    let fields = json!({
        "title": "Outer",
        "properties": {"in": {"$ref": "#/definitions/Inner"}, "plain": {"$ref": "#/definitions/Plain"}},
        "definitions": {"Inner": definition, "Plain": {"title": "Plain", "enum": [1]}, "Unused": {"title": "U"}},
        "block_schema_references": {"in": {"block_type_slug": "inner", "block_schema_checksum": "sha256:?"}},
    });
    let made = api.schema(&outer, fields.clone()).await;
    assert_eq!((api.count::<BlockSchema>().await, api.count::<BlockSchemaReference>().await), (2, 1));
    let child = api
        .expect(
            "POST",
            "/block_schemas/filter",
            json!({"block_schemas": {"block_type_id": {"any_": [inner["id"]]}}}),
            200,
        )
        .await;
    let child = &child[0];
    let read = api.get(&path("block_schemas", &made)).await;
    assert_eq!(
        read["fields"]["block_schema_references"],
        json!({"in": {"block_schema_checksum": child["checksum"], "block_type_slug": "inner"}})
    );
    let definitions = &read["fields"]["definitions"];
    assert_eq!(definitions["Inner"]["properties"], json!({"x": {}}));
    assert_eq!(definitions["Plain"]["title"], "Plain");
    assert!(definitions.get("Unused").is_none(), "what nobody refers to is lost");

    let mut again = fields.clone();
    again["block_schema_references"]["in"]["block_type_slug"] = json!("unknown");
    let body = json!({"fields": again, "block_type_id": outer["id"]});
    let answer = api.expect("POST", "/block_schemas/", body, 409).await;
    assert!(answer["detail"].as_str().unwrap().contains("block type 'unknown' was not found."), "{answer}");

    api.expect("DELETE", &path("block_types", &inner), Value::Null, 204).await;
    assert_eq!((api.count::<BlockSchema>().await, api.count::<BlockSchemaReference>().await), (1, 0));
}

#[tokio::test]
async fn secrets_are_hidden_unless_asked_for_and_never_stored_in_the_clear() {
    let api = api();
    let kind = api.kind("vault", &["password", "headers.*", "empty"]).await;
    let data = json!({"password": "hunter2", "user": "joe", "headers": {"auth": "tok3n", "n": null}, "empty": ""});
    let shown = json!({"password": HIDDEN, "user": "joe", "headers": {"auth": HIDDEN, "n": HIDDEN}, "empty": HIDDEN});
    let made = api.document(&kind, "mine", data.clone()).await;
    assert_eq!(made["data"], shown);
    let own = path("block_documents", &made);
    assert_eq!(api.get(&own).await, made);
    assert_eq!(api.get(&format!("{own}?include_secrets=true")).await["data"], data);
    let by_name = "/block_types/slug/vault/block_documents/name/mine";
    assert_eq!(api.get(by_name).await, made);
    assert_eq!(api.get(&format!("{by_name}?include_secrets=true")).await["data"], data);
    assert_eq!(api.get("/block_types/slug/vault/block_documents").await, json!([made]));
    let list = api.expect("POST", "/block_documents/filter", json!({"include_secrets": true}), 200).await;
    assert_eq!(list[0]["data"], data);

    let rows = api.store.all::<BlockDocument>(Filter::all()).await.unwrap();
    for text in ["hunter2", "tok3n", "joe"] {
        assert!(!rows[0].data.contains(text), "{}", rows[0].data);
    }
    let events = api.store.all::<Event>(Filter::all()).await.unwrap();
    let told = events.iter().find(|event| event.event == "prefect.block-document.created").unwrap();
    assert_eq!(told.payload.value()["data"], json!({"user": "joe"}));
    assert!(events.iter().all(|event| !event.payload.text().contains("hunter2")));
}

#[tokio::test]
async fn another_key_is_a_clear_error_and_the_document_can_still_be_deleted() {
    let api = api();
    let kind = api.kind("vault", &["password"]).await;
    let made = api.document(&kind, "mine", json!({"password": "hunter2"})).await;
    assert_eq!(check_key(&api.store, Some(&Sealer::new(&[7; 32]))).await, Ok(None));
    assert!(matches!(check_key(&api.store, Some(&Sealer::new(&[8; 32]))).await, Ok(Some(OpenError::WrongKey { .. }))));
    let other = api_over(api.store.clone(), Sealer::new(&[8; 32]));
    let answer = other.expect("GET", &path("block_documents", &made), Value::Null, 500).await;
    assert!(answer["detail"].as_str().unwrap().contains("MINTAKA_ENCRYPTION_KEY"), "{answer}");
    let (fine, fine_data) = (other.document(&kind, "fine", json!({"password": "x"})).await, json!({"password": "x"}));
    let list = other.expect("POST", "/block_documents/filter", json!({"include_secrets": true}), 200).await;
    let data = |document: &Value| {
        let of_id = |shown: &&Value| shown["id"] == document["id"];
        list.as_array().unwrap().iter().find(of_id).map(|shown| shown["data"].clone())
    };
    assert_eq!((data(&made), data(&fine)), (Some(json!({})), Some(fine_data)), "{list}");
    other.expect("DELETE", &path("block_documents", &made), Value::Null, 204).await;
    assert!(matches!(check_key(&api.store, None).await, Ok(Some(OpenError::WrongKey { .. }))));
}

#[tokio::test]
async fn names_of_documents_are_checked_and_unique_in_their_type() {
    let api = api();
    let kind = api.kind("t", &[]).await;
    let other = api.kind("u", &[]).await;
    api.document(&kind, "a", json!({})).await;
    api.document(&other, "a", json!({})).await;
    let table = [
        (json!({"name": "a"}), 409),
        (json!({"name": "A"}), 422),
        (json!({}), 422),
        (json!({"name": ""}), 422),
        (json!({"name": "x", "data": []}), 422),
        (json!({"name": "x", "block_type_id": NOBODY}), 409),
        (json!({"name": "x", "block_schema_id": NOBODY}), 409),
        (json!({"is_anonymous": true}), 201),
    ];
    for (body, status) in table {
        let mut full = kind.clone();
        full.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        let answer = api.expect("POST", "/block_documents/", full, status).await;
        if status == 201 {
            assert!(answer["name"].as_str().unwrap().starts_with("anonymous-"));
            let hidden = api.expect("POST", "/block_documents/count", Value::Null, 200).await;
            let shown = json!({"block_documents": {"is_anonymous": null}});
            let shown = api.expect("POST", "/block_documents/count", shown, 200).await;
            assert_eq!((hidden, shown), (json!(2), json!(3)));
        }
    }
    let of_u = json!({"block_types": {"slug": {"any_": ["u"]}}});
    assert_eq!(api.expect("POST", "/block_documents/count", of_u, 200).await, json!(1));
    let order = json!({"sort": "BLOCK_TYPE_AND_NAME_ASC"});
    let sorted = api.expect("POST", "/block_documents/filter", order, 200).await;
    assert_eq!((&sorted[0]["block_type_name"], &sorted[1]["block_type_name"]), (&json!("T"), &json!("U")));
}

#[tokio::test]
async fn an_update_merges_keeps_hidden_secrets_and_may_replace_all() {
    let api = api();
    let kind = api.kind("vault", &["password", "n.k"]).await;
    let made = api.document(&kind, "mine", json!({"password": "p", "a": 1, "n": {"k": "s", "l": 2}})).await;
    let own = path("block_documents", &made);
    let clear = format!("{own}?include_secrets=true");
    let table = [
        (json!({"data": {"a": 2, "password": HIDDEN}}), json!({"password": "p", "a": 2, "n": {"k": "s", "l": 2}})),
        (json!({"data": {"n": {"k": HIDDEN}}}), json!({"password": "p", "a": 2, "n": {"k": "s"}})),
        (json!({}), json!({"password": "p", "a": 2, "n": {"k": "s"}})),
        (json!({"data": {"password": HIDDEN, "b": 1}, "merge_existing_data": false}), json!({"password": "p", "b": 1})),
        (json!({"merge_existing_data": false}), json!({})),
    ];
    for (body, data) in table {
        api.expect("PATCH", &own, body.clone(), 204).await;
        assert_eq!(api.get(&clear).await["data"], data, "{body}");
    }
    let of_type = api.get("/block_types/slug/vault").await;
    let newer = api.schema(&of_type, json!({"title": "newer"})).await;
    api.expect("PATCH", &own, json!({"data": {}, "block_schema_id": newer["id"]}), 204).await;
    assert_eq!(api.get(&own).await["block_schema"]["fields"]["title"], "newer");
    let foreign = api.kind("other", &[]).await;
    let body = json!({"data": {}, "block_schema_id": foreign["block_schema_id"]});
    let answer = api.expect("PATCH", &own, body, 400).await;
    assert!(answer["detail"].as_str().unwrap().contains("same block type"), "{answer}");
    api.expect("PATCH", &format!("/block_documents/{NOBODY}"), json!({"data": {}}), 404).await;
}

#[tokio::test]
async fn documents_in_documents_are_references_that_follow_what_they_name() {
    let api = api();
    let kind = api.kind("t", &["secret"]).await;
    let refer = |to: &Value| json!({"$ref": {"block_document_id": to["id"]}});
    let leaf = api.document(&kind, "leaf", json!({"secret": "s", "v": 1})).await;
    let middle = api.document(&kind, "middle", json!({"down": refer(&leaf)})).await;
    let top = api.document(&kind, "top", json!({"m": refer(&middle), "own": 1})).await;
    assert_eq!(top["data"], json!({"own": 1, "m": {"down": {"secret": HIDDEN, "v": 1}}}));
    let named = &top["block_document_references"]["m"]["block_document"];
    assert_eq!(
        (&named["id"], &named["name"], &named["block_type"]["slug"]),
        (&middle["id"], &json!("middle"), &json!("t"))
    );
    assert_eq!(named["block_document_references"]["down"]["block_document"]["id"], leaf["id"]);
    let clear = api.get(&format!("{}?include_secrets=true", path("block_documents", &top))).await;
    assert_eq!(clear["data"]["m"]["down"]["secret"], "s");

    // A circle, a reference without an id, one to nothing.
    for (data, status) in [
        (json!({"x": refer(&top)}), 400),
        (json!({"x": refer(&leaf)}), 400),
        (json!({"x": {"$ref": {}}}), 400),
        (json!({"x": {"$ref": {"block_document_id": NOBODY}}}), 409),
    ] {
        let answer = api.expect("PATCH", &path("block_documents", &leaf), json!({"data": data}), status).await;
        assert!(answer["detail"].is_string());
    }
    let mut body = kind.clone();
    body.as_object_mut().unwrap().extend([
        ("name".to_owned(), json!("bad")),
        ("data".to_owned(), json!({"x": {"$ref": {"block_document_id": NOBODY}}})),
    ]);
    api.expect("POST", "/block_documents/", body, 409).await;

    // References that are sent again stay, others go, also when data is merged.
    let own = path("block_documents", &top);
    let before = api.store.all::<BlockDocumentReference>(Filter::all()).await.unwrap();
    api.expect("PATCH", &own, json!({"data": {"m": refer(&middle), "own": 2}}), 204).await;
    let after = api.store.all::<BlockDocumentReference>(Filter::all()).await.unwrap();
    assert_eq!(before.iter().map(|r| r.id).collect::<Vec<_>>(), after.iter().map(|r| r.id).collect::<Vec<_>>());
    api.expect("PATCH", &own, json!({"data": {"own": 3}}), 204).await;
    assert_eq!(api.get(&own).await["data"], json!({"own": 3}));

    api.expect("DELETE", &path("block_documents", &leaf), Value::Null, 204).await;
    let answer = api.expect("DELETE", &path("block_documents", &leaf), Value::Null, 404).await;
    assert_eq!(answer, json!({"detail": "Block document not found"}));
    assert_eq!(api.get(&path("block_documents", &middle)).await["data"], json!({}));
    assert_eq!(api.count::<BlockDocumentReference>().await, 0);
}

#[tokio::test]
async fn deleting_a_type_takes_schemas_documents_and_the_default_storage_with_it() {
    let api = api();
    let of_type = api.block_type("t").await;
    let body = json!({"fields": {"title": "t"}, "block_type_id": of_type["id"], "capabilities": ["write-path"]});
    let schema = api.expect("POST", "/block_schemas/", body, 201).await;
    let kind = json!({"block_type_id": of_type["id"], "block_schema_id": schema["id"]});
    let other = api.kind("u", &[]).await;
    let first = api.document(&kind, "a", json!({})).await;
    api.document(&other, "b", json!({"x": {"$ref": {"block_document_id": first["id"]}}})).await;
    let id = first["id"].as_str().unwrap().parse().unwrap();
    set_default_result_storage(&api.ops, id).await.unwrap();
    api.expect("DELETE", &format!("/block_types/{}", kind["block_type_id"].as_str().unwrap()), Value::Null, 204).await;
    assert_eq!(
        (api.count::<BlockType>().await, api.count::<BlockSchema>().await, api.count::<BlockDocument>().await),
        (1, 1, 1)
    );
    assert_eq!(api.count::<BlockDocumentReference>().await, 0);
    assert_eq!(default_result_storage(&api.store).await.unwrap(), None);
}

#[tokio::test]
async fn documents_that_would_show_too_many_are_refused() {
    let api = api();
    let kind = api.kind("t", &[]).await;
    let refer = |to: &Value| json!({"$ref": {"block_document_id": to["id"]}});
    let mut body = kind.clone();
    body["name"] = "last".into();
    // Each shows the one before it twice: 255 documents, then 511.
    let mut twice = api.document(&kind, "twice", json!({})).await;
    for n in 1..8 {
        twice = api.document(&kind, &format!("twice-{n}"), json!({"a": refer(&twice), "b": refer(&twice)})).await;
    }
    body["data"] = json!({"a": refer(&twice), "b": refer(&twice)});
    api.expect("POST", "/block_documents/", body.clone(), 400).await;
    let change = json!({"data": {"a": refer(&twice), "b": refer(&twice)}});
    let one = api.document(&kind, "one", json!({"a": refer(&twice)})).await;
    api.expect("PATCH", &path("block_documents", &one), change, 400).await;

    let mut deep = api.document(&kind, "deep", json!({})).await;
    for n in 2..=30 {
        deep = api.document(&kind, &format!("deep-{n}"), json!({"a": refer(&deep)})).await;
    }
    body["data"] = json!({"a": refer(&deep)});
    api.expect("POST", "/block_documents/", body, 400).await;
}

#[tokio::test]
async fn documents_that_grew_below_others_are_shown_as_deep_as_is_allowed() {
    let api = api();
    let kind = api.kind("t", &[]).await;
    let mut chain = Vec::new();
    for n in 0..40 {
        chain.push(api.document(&kind, &format!("d{n}"), json!({"own": n})).await);
    }
    for pair in chain.windows(2) {
        let change =
            json!({"data": {"a": {"$ref": {"block_document_id": pair[1]["id"]}}}, "merge_existing_data": true});
        api.expect("PATCH", &path("block_documents", &pair[0]), change, 204).await;
    }
    let top = api.get(&path("block_documents", &chain[0])).await;
    let depth = std::iter::successors(Some(&top["data"]), |data| data.get("a")).count();
    assert_eq!(depth, 30);
    // What is there may be changed as before.
    let change = json!({"data": {"own": "new", "a": {"$ref": {"block_document_id": chain[1]["id"]}}}});
    api.expect("PATCH", &path("block_documents", &chain[0]), change, 204).await;
    assert_eq!(api.get(&path("block_documents", &chain[0])).await["data"]["a"]["own"], 1);
}

#[tokio::test]
async fn a_schema_that_is_met_on_many_ways_is_put_back_once() {
    let api = api();
    let of_type = api.block_type("t").await;
    let mut below = api.schema(&of_type, json!({"title": "S0", "type": "object"})).await;
    // On 2^40 ways from the last to the first.
    for n in 1..=40 {
        let refer = json!({"block_schema_checksum": below["checksum"], "block_type_slug": "t"});
        let fields = json!({"title": format!("S{n}"), "type": "object",
            "block_schema_references": {"a": refer, "b": refer}});
        below = api.schema(&of_type, fields).await;
    }
    let read = api.get(&path("block_schemas", &below)).await;
    let titles: Vec<&String> = read["fields"]["definitions"].as_object().unwrap().keys().collect();
    assert_eq!(titles.len(), 40);
    assert_eq!((titles[0].as_str(), titles[39].as_str()), ("S39", "S0"));
}
