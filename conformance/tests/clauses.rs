//! The contract and its cases fit together.

use std::collections::BTreeSet;

use mintaka_conformance::{cases, clause::CLAUSES, mutants};

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
    for mutant in mutants::ALL {
        assert!(mutant.breaks.iter().all(|id| ids.contains(id)), "{}: {:?}", mutant.name, mutant.breaks);
    }
}

#[test]
fn clauses_and_cases_are_named_once() {
    assert_eq!(clause_ids().len(), CLAUSES.len());
    let names: BTreeSet<String> = cases::all().iter().map(cases::Case::full_name).collect();
    assert_eq!(names.len(), cases::all().len());
}

#[test]
fn the_clauses_that_no_mutant_breaks_are_told() {
    let broken: BTreeSet<&str> = mutants::ALL.iter().flat_map(|mutant| mutant.breaks.iter().copied()).collect();
    let whole: Vec<&str> = clause_ids().into_iter().filter(|id| !broken.contains(id)).collect();
    println!("{} of {} clauses are broken by no mutant: {}", whole.len(), CLAUSES.len(), whole.join(" "));
    assert!(!broken.is_empty());
}
