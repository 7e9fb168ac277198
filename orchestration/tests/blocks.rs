//! What goes with blocks that are deleted, and what others do to them meanwhile.
#![allow(clippy::unwrap_used, clippy::expect_used)] // what a test counts on may fail it

mod world;

use mintaka_core::records::{
    BlockDocument, BlockSchema, BlockType, Deployment, DeploymentSchedule, FlowRun, FlowRunState, StateType, TaskRun,
    TaskRunState, block_document, block_type,
};
use mintaka_core::{Batch, Change, Filter, Json, Key, Tags};
use mintaka_orchestration::ops::blocks::{
    NO_VERSION, NewSchema, create_block_schema, delete_block_document, delete_block_schema, delete_block_type,
};
use mintaka_orchestration::ops::{NewTaskRun, create_task_run};
use mintaka_orchestration::secrets::Sealer;
use mintaka_orchestration::{Caller, OpError, Proposed};
use serde_json::{Map, json};
use uuid::Uuid;
use world::{World, world};

struct Blocks {
    kind: Uuid,
    schema: Uuid,
}

impl Blocks {
    async fn of(world: &World) -> Blocks {
        let (kind, schema, now) = (Uuid::new_v4(), Uuid::new_v4(), world.now());
        let row = BlockType {
            id: kind,
            created: now,
            updated: now,
            name: "Barrel".into(),
            slug: "barrel".into(),
            logo_url: None,
            documentation_url: None,
            description: None,
            code_example: None,
            is_protected: false,
        };
        world.insert(row).await;
        let row = BlockSchema {
            id: schema,
            created: now,
            updated: now,
            checksum: "sha256:0".into(),
            fields: Json::object(),
            capabilities: Tags::default(),
            version: "1".into(),
            block_type_id: kind,
        };
        world.insert(row).await;
        Blocks { kind, schema }
    }

    async fn document(&self, world: &World, name: &str) -> Uuid {
        let (id, now) = (Uuid::new_v4(), world.now());
        let row = BlockDocument {
            id,
            created: now,
            updated: now,
            name: name.into(),
            data: "{}".into(),
            is_anonymous: false,
            block_type_name: Some("Barrel".into()),
            block_type_id: self.kind,
            block_schema_id: self.schema,
        };
        world.insert(row).await;
        id
    }
}

fn sealer() -> Sealer {
    Sealer::new(&[7; 32])
}

/// Two deployments (one by infrastructure, one by storage), a run and its task run that name a document.
struct Named {
    deployments: [Uuid; 2],
    run: Uuid,
    task: Uuid,
}

async fn named(world: &World, document: Uuid) -> Named {
    let by_infrastructure = world.deployment(|d| d.infrastructure_document_id = Some(document)).await;
    let by_storage = world.deployment(|d| d.storage_document_id = Some(document)).await;
    let run = world.run(Proposed::new(StateType::Running), |new| new.infrastructure_document_id = Some(document)).await;
    let task = create_task_run(&world.ops, NewTaskRun::of(Some(run), "t", "0"), &Caller::SERVER).await.unwrap();
    let deployments = [by_infrastructure, by_storage];
    for id in deployments {
        world.schedule(id, json!({"cron": "@daily"})).await;
    }
    Named { deployments, run, task: task.run.id }
}

async fn is_there(world: &World, named: &Named) -> [bool; 4] {
    let [one, other] = named.deployments;
    [
        world.store.get::<Deployment>(one).await.unwrap().is_some(),
        world.store.get::<Deployment>(other).await.unwrap().is_some(),
        world.store.get::<FlowRun>(named.run).await.unwrap().is_some(),
        world.store.get::<TaskRun>(named.task).await.unwrap().is_some(),
    ]
}

#[tokio::test]
async fn deployments_and_runs_go_with_the_document_that_they_name() {
    let world = world().await;
    let blocks = Blocks::of(&world).await;
    let (gone, kept) = (blocks.document(&world, "gone").await, blocks.document(&world, "kept").await);
    let (of_gone, of_kept) = (named(&world, gone).await, named(&world, kept).await);
    let other_run =
        world.run(Proposed::new(StateType::Running), |n| n.deployment_id = Some(of_gone.deployments[1])).await;

    assert!(delete_block_document(&world.ops, &sealer(), gone).await.unwrap());
    assert_eq!(is_there(&world, &of_gone).await, [false; 4]);
    assert_eq!(is_there(&world, &of_kept).await, [true; 4]);
    assert!(world.store.get::<FlowRun>(other_run).await.unwrap().is_some(), "it names no document");
    let store = &world.store;
    assert_eq!(store.count::<DeploymentSchedule>(Filter::all()).await.unwrap(), 2);
    assert_eq!(store.count::<FlowRunState>(Filter::all()).await.unwrap(), 2);
    assert_eq!(store.count::<TaskRunState>(Filter::all()).await.unwrap(), 1);
    assert!(!delete_block_document(&world.ops, &sealer(), gone).await.unwrap());
}

#[tokio::test]
async fn they_go_too_when_the_type_of_the_document_is_deleted() {
    let world = world().await;
    let blocks = Blocks::of(&world).await;
    let document = blocks.document(&world, "gone").await;
    let of_it = named(&world, document).await;
    assert!(delete_block_type(&world.ops, blocks.kind).await.unwrap());
    assert_eq!(world.store.count::<BlockDocument>(Filter::eq(block_document::id, document)).await.unwrap(), 0);
    assert_eq!(is_there(&world, &of_it).await, [false; 4]);
}

#[tokio::test]
async fn what_becomes_protected_meanwhile_is_not_deleted() {
    let world = world().await;
    let blocks = Blocks::of(&world).await;
    let protect = |on| {
        let change = Change::default().set(block_type::is_protected, on);
        Batch::new().update::<BlockType>(Key::id(blocks.kind), change)
    };
    world.meanwhile(protect(true));
    let refused = delete_block_type(&world.ops, blocks.kind).await.unwrap_err();
    assert!(matches!(refused, OpError::Forbidden(_)), "{refused:?}");
    world.store.commit(protect(false)).await.unwrap();
    world.meanwhile(protect(true));
    let refused = delete_block_schema(&world.ops, blocks.schema).await.unwrap_err();
    assert!(matches!(refused, OpError::Forbidden(_)), "{refused:?}");
    assert!(world.store.get::<BlockSchema>(blocks.schema).await.unwrap().is_some());
}

#[tokio::test]
async fn a_schema_of_a_type_that_is_deleted_meanwhile_is_told_so() {
    let world = world().await;
    let blocks = Blocks::of(&world).await;
    world.meanwhile(Batch::new().delete::<BlockType>(Key::id(blocks.kind)));
    let new = NewSchema {
        fields: Map::new(),
        block_type_id: blocks.kind,
        capabilities: Vec::new(),
        version: NO_VERSION.into(),
    };
    let refused = create_block_schema(&world.ops, &new).await.unwrap_err();
    assert_eq!(refused, OpError::NotFound(format!("Block type {} not found.", blocks.kind)));
}
