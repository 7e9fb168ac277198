//! What comments say of the wire stands in `docs/wire/`, in the section that they name: `(wire W3.2)`.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test fails by panicking

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

#[test]
fn a_comment_about_the_wire_names_its_section() {
    let untold = found_in_sources(|line| comment_of(line).is_some_and(is_tag_without_section));
    assert!(untold.is_empty(), "name the section of docs/wire/, as in `(wire W3.2)`:\n{}", untold.join("\n"));
}

#[test]
fn sections_of_the_wire_that_are_cited_exist() {
    let sections: BTreeSet<String> = headings().into_keys().collect();
    let dangling = |text: &str| sections_in(text).iter().any(|cited| !sections.contains(cited));
    let mut wrong = found_in_sources(|line| comment_of(line).is_some_and(dangling));
    for (path, text) in chapters() {
        wrong.extend(lines_where(&path, &text, dangling));
    }
    assert!(wrong.is_empty(), "docs/wire/ has no such section:\n{}", wrong.join("\n"));
}

#[test]
fn no_section_is_cited_by_a_sign() {
    let signs = found_in_sources(|line| line.contains(SECTION_SIGN));
    assert!(signs.is_empty(), "name the section of docs/wire/, as in `(wire W3.2)`:\n{}", signs.join("\n"));
}

#[test]
fn each_section_of_the_wire_is_there_once() {
    let twice: Vec<_> = headings().into_iter().filter(|(_, places)| places.len() > 1).collect();
    assert!(twice.is_empty(), "{twice:#?}");
}

#[test]
fn tags_and_sections_are_recognised() {
    for tag in ["/// (wire: limits)", "// wire: 2.x keeps", "/// a page (wire).", "/// (wire)", "/// (wire, W3.2)"] {
        assert!(comment_of(tag).is_some_and(is_tag_without_section), "{tag}");
    }
    for fine in ["/// (wire W3.2)", "//! wire W12: events", "use crate::wire::Plain;", "// `wire::Plain`, on the wire."]
    {
        assert!(!comment_of(fine).is_some_and(is_tag_without_section), "{fine}");
    }
    assert_eq!(sections_in("(wire W3.2, W12), see W1.10. Not AW3, W or W3x"), ["W3.2", "W12", "W1.10"]);
    assert_eq!(comment_of("let a = 1; // W1"), Some(" W1"));
    assert_eq!(comment_of("let w1 = 1;"), None);
}

const SECTION_SIGN: char = '\u{a7}';

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Lines of the repository's Rust files for which something holds, with their places. This file is left out: it shows
/// what is wrong.
fn found_in_sources(holds: impl Fn(&str) -> bool) -> Vec<String> {
    let mut files = Vec::new();
    collect(root(), &mut files);
    assert!(files.len() > 100, "only {} Rust files were found", files.len());
    files.sort();
    let this = root().join("xtask/tests/wire.rs");
    let mut found = Vec::new();
    for path in files.iter().filter(|path| **path != this) {
        found.extend(lines_where(path, &std::fs::read_to_string(path).unwrap(), &holds));
    }
    found
}

/// The Rust files below a folder, without what is built or hidden.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if entry.file_type().unwrap().is_dir() {
            if !name.starts_with('.') && !name.starts_with("target") && name != "node_modules" {
                collect(&path, files);
            }
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
}

fn lines_where(path: &Path, text: &str, holds: impl Fn(&str) -> bool) -> Vec<String> {
    let place = path.strip_prefix(root()).unwrap().display();
    let numbered = text.lines().zip(1..).filter(|(line, _)| holds(line));
    numbered.map(|(line, number)| format!("{place}:{number}: {}", line.trim())).collect()
}

/// The comment of a line, without its slashes.
fn comment_of(line: &str) -> Option<&str> {
    let comment = &line[line.find("//")? + 2..];
    Some(comment.strip_prefix(['/', '!']).unwrap_or(comment))
}

/// `wire:` or `(wire`, and no section right after it.
fn is_tag_without_section(comment: &str) -> bool {
    comment.match_indices("wire").any(|(at, word)| {
        let (before, after) = (&comment[..at], &comment[at + word.len()..]);
        let is_word = !before.ends_with(|c: char| c.is_alphanumeric() || "_:`.".contains(c));
        let is_tag = before.ends_with('(') || (after.starts_with(':') && !after.starts_with("::"));
        let names_section = after.strip_prefix(' ').is_some_and(|rest| section_at(rest).is_some());
        is_word && is_tag && !names_section
    })
}

/// All sections that a text names.
fn sections_in(text: &str) -> Vec<String> {
    let begins = |at: usize| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    let places = text.match_indices('W').filter(|&(at, _)| begins(at));
    places.filter_map(|(at, _)| section_at(&text[at..])).map(str::to_owned).collect()
}

/// The section that a text begins with: `W3`, `W3.2`.
fn section_at(text: &str) -> Option<&str> {
    let numbers = text.strip_prefix('W')?;
    let length = numbers.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(numbers.len());
    let follows = numbers[length..].chars().next();
    let numbers = numbers[..length].trim_end_matches('.');
    let is_section = numbers.split('.').all(|number| !number.is_empty());
    let ends = !follows.is_some_and(|c| c.is_alphanumeric() || c == '_');
    (is_section && ends).then(|| &text[..1 + numbers.len()])
}

/// The files of the wire's documentation.
fn chapters() -> Vec<(PathBuf, String)> {
    let entries = std::fs::read_dir(root().join("docs/wire")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

/// The sections that have a heading, with its places.
fn headings() -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, text) in chapters() {
        for line in text.lines() {
            let title = line.trim_start_matches('#');
            let heading = (title.len() < line.len()).then(|| section_at(title.trim_start())).flatten();
            if let Some(section) = heading {
                found.entry(section.to_owned()).or_default().push(path.display().to_string());
            }
        }
    }
    found
}
