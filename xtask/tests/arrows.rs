//! Dependencies between the crates point one way.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test fails by panicking

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What each crate may depend on within the workspace; tests may depend on more.
const ARROWS: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("schedule", &[]),
    ("backends/sqlkit", &["mintaka-core"]),
    ("backends/sqlite", &["mintaka-core", "mintaka-sqlkit"]),
    ("backends/all", &["mintaka-core", "mintaka-sqlite"]),
    ("conformance", &["mintaka-core"]),
    ("conformance/mutants", &["mintaka-core", "mintaka-conformance"]),
    ("orchestration", &["mintaka-core", "mintaka-schedule"]),
    ("services", &["mintaka-core", "mintaka-orchestration"]),
    ("server/http", &["mintaka-core", "mintaka-orchestration"]),
    ("server/filters", &["mintaka-core", "mintaka-orchestration", "mintaka-http"]),
    ("server/runs", &["mintaka-core", "mintaka-orchestration", "mintaka-http", "mintaka-api-filters"]),
    (
        "server/work",
        &["mintaka-core", "mintaka-orchestration", "mintaka-http", "mintaka-api-filters", "mintaka-schedule"],
    ),
    ("server/blocks", &["mintaka-core", "mintaka-orchestration", "mintaka-http", "mintaka-api-filters"]),
    ("server/misc", &["mintaka-core", "mintaka-orchestration", "mintaka-http", "mintaka-api-filters"]),
    ("server/events", &["mintaka-core", "mintaka-orchestration", "mintaka-http", "mintaka-api-filters"]),
    (
        "server",
        &[
            "mintaka-core",
            "mintaka-orchestration",
            "mintaka-http",
            "mintaka-api-runs",
            "mintaka-api-work",
            "mintaka-api-blocks",
            "mintaka-api-misc",
            "mintaka-api-events",
        ],
    ),
];

#[test]
fn no_crate_depends_on_one_that_it_must_not_know() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut wrong = BTreeMap::new();
    for (folder, allowed) in ARROWS {
        let manifest = std::fs::read_to_string(root.join(folder).join("Cargo.toml")).unwrap();
        let own = manifest.split("\n[dependencies]\n").nth(1).unwrap_or_default();
        let own = own.split("\n[").next().unwrap_or_default();
        for name in own.lines().filter_map(|line| line.split(['.', ' ', '=']).next()) {
            if name.starts_with("mintaka-") && !allowed.contains(&name) {
                wrong.entry(*folder).or_insert_with(Vec::new).push(name.to_owned());
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_one_crate_knows_every_backend() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for folder in ["cli", "server", "services", "orchestration", "server/http"] {
        let manifest = std::fs::read_to_string(root.join(folder).join("Cargo.toml")).unwrap();
        // Tests may: one of them says what queries cost on SQLite.
        let shipped = manifest.split("[dev-dependencies]").next().unwrap();
        assert!(!shipped.contains("mintaka-sqlite"), "{folder} knows a backend");
    }
}

/// What writes without an operation: whoever names one of these can change what is stored.
const MEANS_TO_COMMIT: &[&str] = &["Batch", "Store", "Backend", "commit"];

#[test]
fn routes_and_services_change_nothing_but_by_operations() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut folders = vec![root.join("services/src"), root.join("server/src")];
    for entry in std::fs::read_dir(root.join("server")).unwrap() {
        let source = entry.unwrap().path().join("src");
        if source.is_dir() && !source.ends_with("testing/src") {
            folders.push(source);
        }
    }
    let mut wrong = Vec::new();
    let files: Vec<PathBuf> = folders.into_iter().flat_map(sources).collect();
    assert!(files.len() > 50, "the sources are elsewhere: {files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (line, number) in code.lines().zip(1..).filter(|(line, _)| !line.trim_start().starts_with("//")) {
            let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            if let Some(word) = words.find(|word| MEANS_TO_COMMIT.contains(word)) {
                wrong.push(format!("{}:{number}: {word}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "use an operation of mintaka_orchestration::ops instead:\n{}", wrong.join("\n"));
}

/// The Rust files in a folder and below.
fn sources(folder: PathBuf) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(sources(path)),
            false if path.extension().is_some_and(|end| end == "rs") => found.push(path),
            false => {}
        }
    }
    found
}
