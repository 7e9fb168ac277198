//! Every broken store is caught by a case of each clause that it breaks, every case catches one; a store that is not
//! broken passes everything.
//!
//! Prints the cases that catch a mutant: `cargo test -p mintaka-mutants --test mutants -- --nocapture NAME`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use mintaka_conformance::cases::{self, Case};
use mintaka_conformance::{Provision, in_memory, model, run_case_within};
use mintaka_mutants::{self as mutants, HARMLESS, Mutant, mutated};
use tokio::runtime::{Builder, Runtime};

/// A mutant may make a case wait for ever.
const PATIENCE: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    // A failed assertion is what is looked for here, and no news.
    std::panic::set_hook(Box::new(|_| {}));
    let caught = mutants::all().into_iter().map(|mutant| Trial::test(mutant.name, move || is_caught(&mutant)));
    let harmless =
        HARMLESS.iter().map(|same| Trial::test(same.name, move || passes(&mutated(same, Arc::new(in_memory())))));
    let more = [
        Trial::test("a_sound_store_passes_every_case", || passes(&in_memory())),
        Trial::test("every_case_catches_a_mutant_of_its_clauses", every_case_catches_one),
        Trial::test("every_model_tells_a_mutant_of_its_chapters_from_the_reference", every_model_tells_one),
    ];
    libtest_mimic::run(&Arguments::from_args(), caught.chain(harmless).chain(more).collect()).exit_code()
}

fn is_caught(mutant: &Mutant) -> Result<(), Failed> {
    let provision = mutated(mutant, Arc::new(in_memory()));
    for clause in mutant.breaks {
        let caught = failing(&provision, |case| case.clauses.contains(clause))?;
        if caught.is_empty() {
            return Err(format!("no case of clause {clause} catches it").into());
        }
        println!("{} breaks {clause}:", mutant.name);
        for (case, why) in caught {
            println!("  {}: {}", case.full_name(), why.chars().take(200).collect::<String>());
        }
    }
    Ok(())
}

fn passes(provision: &dyn Provision) -> Result<(), Failed> {
    let failed = failing(provision, |_| true)?;
    if failed.is_empty() { Ok(()) } else { Err(format!("it fails {failed:#?}").into()) }
}

/// A case that passes on every mutant may be one that cannot fail.
fn every_case_catches_one() -> Result<(), Failed> {
    let runtime = runtime()?;
    let catches = |case: &Case| {
        mutants::all().iter().filter(|mutant| mutant.breaks.iter().any(|clause| case.clauses.contains(clause))).any(
            |mutant| {
                let provision = mutated(mutant, Arc::new(in_memory()));
                runtime.block_on(run_case_within(case, &provision, PATIENCE)).is_err()
            },
        )
    };
    let blind: Vec<String> = cases::all()
        .iter()
        .filter(|case| !catches(case))
        .map(|case| format!("{} {:?}", case.full_name(), case.clauses))
        .collect();
    runtime.shutdown_background();
    if blind.is_empty() {
        Ok(())
    } else {
        Err(format!("cases that no mutant of their clauses fails: {blind:#?}").into())
    }
}

/// A model is no case of a clause; that it tells one mutant shows that it can fail.
fn every_model_tells_one() -> Result<(), Failed> {
    let runtime = runtime()?;
    for model in model::ALL {
        let differs =
            |mutant: &Mutant| (model.run)(&runtime, Arc::new(mutated(mutant, Arc::new(in_memory()))), 0).is_err();
        let told = mutants::all()
            .into_iter()
            .filter(|mutant| mutant.breaks.iter().all(|clause| clause.starts_with(model.chapters)))
            .find(differs);
        let Some(told) = told else { return Err(format!("{} passes on every mutant", model.name).into()) };
        println!("{} tells {}", model.name, told.name);
    }
    Ok(())
}

fn runtime() -> Result<Runtime, Failed> {
    Ok(Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// The cases that a provision's stores fail, of those that are asked for, with what they say.
fn failing(provision: &dyn Provision, asked: impl Fn(&Case) -> bool) -> Result<Vec<(Case, String)>, Failed> {
    let runtime = runtime()?;
    let mut failed = Vec::new();
    for case in cases::all().into_iter().filter(asked) {
        if let Err(why) = runtime.block_on(run_case_within(&case, provision, PATIENCE)) {
            failed.push((case, why));
        }
    }
    runtime.shutdown_background();
    Ok(failed)
}
