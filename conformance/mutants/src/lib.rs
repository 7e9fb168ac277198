//! Stores that break a promise each. A suite that does not catch them proves nothing.
//!
//! Each is a wrapper of a sound backend with one [`Fault`], so what it does besides is right. The files list them by
//! chapter of the contract.

mod aggregates;
mod answers;
mod batches;
mod bounds;
mod concurrency;
mod fault;
mod filters;
mod handles;
mod lifetime;
mod ops;
mod reads;
mod site;
mod store;
mod streams;
mod three_valued;
mod values;

use fault::Fault;

pub use site::mutated;

/// A way to be wrong.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// What it does, as a sentence.
    pub name: &'static str,
    /// The clauses that it breaks: a case of each of them must catch it.
    pub breaks: &'static [&'static str],
    fault: Fault,
}

impl Mutant {
    const fn new(name: &'static str, breaks: &'static [&'static str], fault: Fault) -> Mutant {
        Mutant { name, breaks, fault }
    }
}

/// Every mutant.
pub fn all() -> Vec<Mutant> {
    [
        lifetime::ALL,
        streams::ALL,
        filters::ALL,
        reads::ALL,
        aggregates::ALL,
        batches::ALL,
        answers::ALL,
        ops::ALL,
        values::ALL,
        bounds::ALL,
        concurrency::ALL,
        handles::ALL,
    ]
    .concat()
}

/// The wrapper without a fault, in some of the ways in which it has one: every case must pass on these.
pub static HARMLESS: &[Mutant] = &[
    Mutant::new("a_wrapper_without_a_fault", &[], Fault::None),
    Mutant::new("filters_put_together_again", &[], Fault::Filter(|filter| filter)),
    Mutant::new("rows_put_in_order_again", &[], Fault::Order(|a, b| a.order(b))),
    Mutant::new("reads_of_a_copy", &[], Fault::Reads(|_| ())),
    Mutant::new("a_copy_at_every_opening", &[], Fault::Reopening(|_| ())),
];
