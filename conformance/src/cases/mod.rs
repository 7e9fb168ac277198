//! The cases, by category: plain asynchronous functions over a store of their own.

mod aggregate;
mod bounds;
mod caps;
mod changes;
mod commit;
mod concurrency;
mod conditions;
mod durability;
mod filters;
mod get;
mod guards;
mod handles;
mod handles_streams;
mod interrupted;
mod keys;
mod relations;
mod select;
mod streams;
mod texts;
mod values;

use std::future::Future;
use std::pin::Pin;

use mintaka_core::Error;

use crate::Provision;
use crate::lab::Lab;

/// A case under way. It panics where an assertion fails, and ends with an error where the store answers one.
pub type Running = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// One case.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What it is about.
    pub category: &'static str,
    /// What it shows, as a sentence.
    pub name: &'static str,
    /// The ids of the clauses that it covers.
    pub clauses: &'static [&'static str],
    /// Starts it on an empty store.
    pub run: fn(Lab) -> Running,
}

impl Case {
    /// Category and name, as the test is called.
    pub fn full_name(&self) -> String {
        format!("{}::{}", self.category, self.name)
    }

    /// Whether it can be run on the stores of a provision.
    pub fn applies(&self, provision: &dyn Provision) -> bool {
        match self.category {
            "durability" => provision.keeps(),
            "handles" => provision.shares(),
            _ => true,
        }
    }
}

/// Lists the cases of a file with the clauses they cover.
macro_rules! cases {
    ($category:literal: $( $name:ident [$($clause:literal)+] )+) => {
        pub(super) fn cases() -> Vec<crate::cases::Case> {
            vec![$(crate::cases::Case {
                category: $category,
                name: stringify!($name),
                clauses: &[$($clause),+],
                run: |lab| Box::pin($name(lab)),
            }),+]
        }
    };
}
use cases;

/// Every case.
pub fn all() -> Vec<Case> {
    [
        caps::cases(),
        streams::cases(),
        get::cases(),
        filters::cases(),
        texts::cases(),
        relations::cases(),
        select::cases(),
        aggregate::cases(),
        commit::cases(),
        guards::cases(),
        conditions::cases(),
        changes::cases(),
        keys::cases(),
        values::cases(),
        bounds::cases(),
        concurrency::cases(),
        interrupted::cases(),
        handles::cases(),
        handles_streams::cases(),
        durability::cases(),
    ]
    .concat()
}
