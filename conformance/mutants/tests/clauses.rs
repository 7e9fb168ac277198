//! The contract and its cases fit together.

use std::collections::BTreeSet;

use mintaka_conformance::{cases, clause::CLAUSES};
use mintaka_mutants as mutants;

fn clause_ids() -> BTreeSet<&'static str> {
    CLAUSES.iter().map(|clause| clause.id).collect()
}

#[test]
fn every_clause_has_a_case() {
    let covered: BTreeSet<&str> = cases::all().iter().flat_map(|case| case.clauses.iter().copied()).collect();
    let bare: Vec<_> = CLAUSES.iter().filter(|clause| !covered.contains(clause.id)).collect();
    assert!(bare.is_empty(), "clauses without a case: {bare:#?}");
}

#[test]
fn every_case_and_every_mutant_names_clauses_that_exist() {
    let ids = clause_ids();
    for case in cases::all() {
        assert!(!case.clauses.is_empty(), "{} covers nothing", case.full_name());
        assert!(case.clauses.iter().all(|id| ids.contains(id)), "{}: {:?}", case.full_name(), case.clauses);
    }
    for mutant in mutants::all() {
        assert!(!mutant.breaks.is_empty(), "{} breaks nothing", mutant.name);
        assert!(mutant.breaks.iter().all(|id| ids.contains(id)), "{}: {:?}", mutant.name, mutant.breaks);
    }
}

#[test]
fn every_clause_is_broken_by_a_mutant() {
    let broken: BTreeSet<&str> = mutants::all().iter().flat_map(|mutant| mutant.breaks.iter().copied()).collect();
    let unproven: Vec<_> = CLAUSES.iter().filter(|clause| !broken.contains(clause.id)).collect();
    assert!(unproven.is_empty(), "clauses whose cases no mutant has shown to fail: {unproven:#?}");
}

#[test]
fn clauses_cases_and_mutants_are_named_once() {
    assert_eq!(clause_ids().len(), CLAUSES.len());
    let names: BTreeSet<String> = cases::all().iter().map(cases::Case::full_name).collect();
    assert_eq!(names.len(), cases::all().len());
    let names: BTreeSet<&str> = mutants::all().iter().map(|mutant| mutant.name).collect();
    assert_eq!(names.len(), mutants::all().len());
}
