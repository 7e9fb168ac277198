//! Which queries no index serves, and which indexes few queries use: `tests/shapes.txt`, where a reviewer sees what a new
//! filter costs.
//!
//! The whole API and the services work on a small world, and every query is recorded. Each operation that reads is asked
//! with each order and each single leaf of its filters; what the stock clients ask is in `clients.json`. Then SQLite
//! explains what it would do for each query; it keeps no statistics, so its plans depend on the declared tables alone.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test fails by panicking

mod bodies;
mod plan;
mod recorder;
mod report;
mod shape;
mod world;

use mintaka_core::records::TABLES;
use mintaka_core::{Cmp, Col, Direction, Filter, Query};
use mintaka_services::Settings;
use serde_json::Value;

use bodies::Bodies;
use plan::Planner;
use recorder::{Asked, Record};
use world::{LINES, World};

/// What the stock clients ask is recorded under this and the name of the step.
const CLIENTS: &str = "clients/";
/// Words in the name of an operation that only reads.
const READING: &[&str] =
    &["filter", "count", "counts", "paginate", "poll", "read", "history", "lateness", "ui", "check", "download"];
/// Operations that are driven by the script, because a parameter of theirs is an answer of another.
const IN_SCRIPT: &[&str] = &["next_events"];

#[tokio::test]
async fn the_checked_in_shapes_are_those_of_the_code() {
    let mut world = World::new();
    world.run(include_str!("world.json"), |_| "world".into()).await;
    read(&world).await;
    world.run(include_str!("clients.json"), |name| format!("{CLIENTS}{name}")).await;
    tick(&world).await;
    write(&world).await;
    let mut record = world.recorder.take();
    record.extend(tails());

    let made = report::of(&record, &Planner::new(), CLIENTS);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/shapes.txt");
    if std::env::var_os("MINTAKA_REWRITE_GOLDEN").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    let checked_in = std::fs::read_to_string(path).unwrap_or_default();
    let differs = made.lines().zip(checked_in.lines().chain(std::iter::repeat(""))).find(|(made, old)| made != old);
    assert!(
        made == checked_in,
        "server/tests/shapes.txt differs from the code, first at {differs:#?}: run \
         `MINTAKA_REWRITE_GOLDEN=1 cargo nextest run -p mintaka-server --test shapes` and look at the difference"
    );
}

/// The operations of the document: method, path, operation.
fn operations(world: &World) -> Vec<(&str, &str, &Value)> {
    let paths = world.document["paths"].as_object().unwrap().iter();
    let methods = paths.flat_map(|(path, methods)| methods.as_object().unwrap().iter().map(move |m| (path, m)));
    let mut all: Vec<_> =
        methods.map(|(path, (method, operation))| (method.as_str(), path.as_str(), operation)).collect();
    all.sort_by_key(|(method, path, _)| (*path, *method));
    all
}

fn name_of(operation: &Value) -> &str {
    operation["operationId"].as_str().unwrap()
}

fn only_reads(operation: &Value) -> bool {
    name_of(operation).split('_').any(|word| READING.contains(&word))
}

/// Asks an operation with every body. If it only reads, it must answer, unless the scripts did not make what it reads.
async fn ask(world: &World, method: &str, path: &str, operation: &Value) {
    let bodies = Bodies { document: &world.document };
    let mut must = only_reads(operation);
    let mut at = path.to_owned();
    let mut queries = vec![String::new()];
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap();
        let leaves: Vec<String> = bodies.leaves(&parameter["schema"]).iter().map(text).collect();
        let is_choice = bodies.resolved(&parameter["schema"])["enum"].is_array();
        if parameter["in"] == "path" {
            let made = if is_choice { leaves.first().map(String::as_str) } else { world.parameter(path, name) };
            must &= made.is_some();
            at = at.replace(&format!("{{{name}}}"), made.unwrap_or("vine"));
        } else if parameter["required"] == true {
            let collection = format!("/{}s/{{{name}}}", name.trim_end_matches("_id"));
            queries = vec![format!("?{name}={}", world.parameter(&collection, name).unwrap_or("vine"))];
        } else {
            queries.extend(leaves.iter().map(|leaf| format!("?{name}={leaf}")));
        }
    }
    for (n, query) in queries.iter().enumerate() {
        let method = method.to_uppercase();
        for (body, client) in bodies.of(path, operation).iter().flat_map(|body| LINES.map(|client| (body, client))) {
            let (status, answer) = world.call(client, &method, &format!("{at}{query}"), body).await;
            let answers = status < 300 || status == 501;
            assert!(answers || !must || n > 0, "{method} {at}{query} {body} of {client}: {status} {answer}");
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Everything that only reads.
async fn read(world: &World) {
    for (method, path, operation) in operations(world) {
        let name = name_of(operation);
        if only_reads(operation) && !IN_SCRIPT.contains(&name) {
            world.recorder.set_asker(name);
            ask(world, method, path, operation).await;
        }
    }
}

/// Everything else: changes, then deletes, then what does so to all that a filter meets.
async fn write(world: &World) {
    let is_bulk = |path: &str| path.contains("/bulk_");
    for turn in 0..3 {
        for (method, path, operation) in operations(world) {
            let mine = if is_bulk(path) { 2 } else { usize::from(method == "delete") };
            if !only_reads(operation) && mine == turn && !path.starts_with("/admin/database") {
                world.recorder.set_asker(name_of(operation));
                ask(world, method, path, operation).await;
            }
        }
    }
}

/// One tick of each service.
async fn tick(world: &World) {
    world.clock.advance_seconds(3600.0);
    let ctx = mintaka_services::Ctx {
        reader: world.ctx.reader.clone(),
        ops: world.ctx.ops.clone(),
        cancel: world.ctx.stop.clone(),
    };
    for service in mintaka_services::all(&Settings::default()) {
        world.recorder.set_asker(service.name());
        service.tick(&ctx).await.unwrap();
    }
}

/// What the sockets ask of streams.
fn tails() -> Record {
    let tail = |(table, (writer, seq))| {
        let column = |ordinal| Col { table, ordinal };
        let (writer, seq) = (column(writer), column(seq));
        let filter = Filter::And(vec![Filter::eq(writer, 1), Filter::cmp(seq, Cmp::Gt, 0)]);
        let query = Query::of(table).filter(filter).order(writer, Direction::Asc).order(seq, Direction::Asc);
        ("tail".into(), Asked::Select(query))
    };
    TABLES.iter().filter_map(|&table| Some((table, table.stream?))).map(tail).collect()
}
