//! What SQLite does for a query, and what of it an index would save.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use mintaka_core::records::TABLES;
use mintaka_sqlite::plan;
use mintaka_sqlkit::{Plan, Select, Sqlite, TagTable, aggregate, ddl, select};
use rusqlite::Connection;

use crate::recorder::Asked;
use crate::shape::{asks_nothing, leaves_most};

/// A number of rows below which a condition narrows: only its sides matter here.
const FEW: u64 = 2;

/// What follows from the plans of a query.
#[derive(Clone, Debug, Default)]
pub struct Costs {
    /// What no index saves. What negated conditions cost is left out: nearly all rows meet them.
    pub unserved: BTreeSet<String>,
    /// Indexes that find rows, or give their order.
    pub indexes: BTreeSet<String>,
}

/// What is known of the rows that a statement finds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    /// Nothing.
    Unknown,
    /// They are counted up to a bound, or groups are made of all of them.
    Counted,
    /// A condition leaves few of them.
    Few,
    /// Each condition that an index serves leaves many, or all do, so the first of them are found soon.
    Many,
}

/// Explains statements on the declared tables, which are empty.
pub struct Planner {
    connection: Connection,
    /// Side tables of tags, and the index that each is.
    sides: BTreeMap<String, &'static str>,
}

impl Planner {
    pub fn new() -> Planner {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(&ddl::script(&Sqlite, TABLES)).unwrap();
        let indexes = TABLES.iter().flat_map(|table| table.indexes.iter().map(move |index| (table, index)));
        let side = |(table, index)| Some((TagTable::of(&Sqlite, table, index)?.name, index.name));
        let sides = indexes.filter_map(|(table, index): (&&'static mintaka_core::Table, _)| side((*table, index)));
        Planner { connection, sides: sides.collect() }
    }

    /// The statement of a query if no condition is known to leave few rows: queries with the same one have the same costs.
    pub fn statement(asked: &Asked) -> String {
        match asked {
            Asked::Select(query) => select(&Sqlite, query, &Plan::default()).text,
            Asked::Aggregate(asked) => aggregate(&Sqlite, asked).text,
        }
    }

    /// The costs of a query. Which of its conditions leave few rows is a matter of the data, so it is taken to be none of
    /// them, and each of them.
    pub fn costs(&self, asked: &Asked) -> Costs {
        let mut costs = Costs::default();
        let query = match asked {
            Asked::Aggregate(asked) => {
                self.explain(&aggregate(&Sqlite, asked), Found::Counted, &mut costs);
                if leaves_most(&asked.filter) && !asks_nothing(&asked.filter) {
                    costs.unserved.clear();
                }
                return costs;
            }
            Asked::Select(query) => query,
        };
        let mut probes = Vec::new();
        let mut planned = |few: Option<usize>| {
            probes.clear();
            let counted = |probe: &Select| {
                probes.push(probe.clone());
                Ok::<_, Infallible>(if few == Some(probes.len() - 1) { 0 } else { FEW })
            };
            let Ok(plan) = plan(query, FEW, counted);
            (select(&Sqlite, query, &plan), probes.clone())
        };
        let (walk, probes) = planned(None);
        let many = !probes.is_empty() || leaves_most(&query.filter);
        self.explain(&walk, if many { Found::Many } else { Found::Unknown }, &mut costs);
        for (n, probe) in probes.iter().enumerate() {
            self.explain(probe, Found::Counted, &mut costs);
            self.explain(&planned(Some(n)).0, Found::Few, &mut costs);
        }
        costs
    }

    fn explain(&self, statement: &Select, found: Found, costs: &mut Costs) {
        let tables = tables(&statement.text);
        let steps = self.steps(&statement.text);
        let outer = "t0";
        let mut by_value = false;
        for step in &steps {
            let words: Vec<&str> = step.detail.split(' ').collect();
            let after = |word: &str| words.iter().position(|w| *w == word).and_then(|n| words.get(n + 1)).copied();
            let Some(table) = words.get(1).and_then(|name| tables.get(*name)) else {
                let sorts_all = step.detail == "USE TEMP B-TREE FOR ORDER BY";
                if sorts_all && !by_value && matches!(found, Found::Unknown | Found::Many) {
                    costs.unserved.insert("sort".into());
                }
                continue;
            };
            let index = after("INDEX").or_else(|| self.sides.get(table).copied());
            let of_rows = words[1] == outer;
            match words[0] {
                "SEARCH" if step.detail.contains(" AUTOMATIC ") => {
                    costs.unserved.insert(format!("index {table} first"));
                }
                "SEARCH" => {
                    by_value |= of_rows && step.detail.contains("=?");
                    costs.indexes.extend(index.map(str::to_owned));
                }
                "SCAN" if of_rows && found != Found::Counted && (index.is_some() || is_in_key_order(table)) => {
                    costs.indexes.extend(index.map(str::to_owned));
                    match found {
                        Found::Unknown => costs.unserved.insert("walk".into()),
                        Found::Few => costs.unserved.insert("walk though few".into()),
                        Found::Counted | Found::Many => true,
                    };
                }
                "SCAN" => {
                    let often = if step.is_repeated(&steps) { " for each row" } else { "" };
                    costs.unserved.insert(format!("scan {table}{often}"));
                }
                _ => {}
            }
        }
    }

    fn steps(&self, text: &str) -> Vec<Step> {
        let mut statement = self.connection.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
        let mut rows = statement.raw_query();
        let mut steps = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            steps.push(Step { id: row.get(0).unwrap(), parent: row.get(1).unwrap(), detail: row.get(3).unwrap() });
        }
        steps
    }
}

/// Whether the rows of a table lie in the order of its key.
fn is_in_key_order(name: &str) -> bool {
    TABLES.iter().any(|table| table.name == name && table.key.len() > 1 && table.stream.is_none())
}

/// A step of a plan.
struct Step {
    id: i64,
    parent: i64,
    detail: String,
}

impl Step {
    /// Whether it is done again for each row of the statement around it.
    fn is_repeated(&self, steps: &[Step]) -> bool {
        let parent = steps.iter().find(|step| step.id == self.parent);
        parent.is_some_and(|parent| parent.detail.starts_with("CORRELATED") || parent.is_repeated(steps))
    }
}

/// The tables of a statement by their aliases and names: plans say either.
fn tables(text: &str) -> BTreeMap<String, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut tables = BTreeMap::new();
    for (n, pair) in words.windows(2).enumerate() {
        if let ("FROM", Some(name)) = (pair[0], pair[1].strip_prefix('"').and_then(|name| name.split('"').next())) {
            let alias = if words.get(n + 2) == Some(&"AS") { words.get(n + 3) } else { None };
            let alias = alias.map_or(name, |alias| alias.trim_end_matches(')'));
            tables.extend([alias, name].map(|said| (said.to_owned(), name.to_owned())));
        }
    }
    tables
}
