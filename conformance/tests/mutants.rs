//! Every broken store is caught, and by a case of a clause that it breaks; a sound one passes everything.
//!
//! Prints, for each mutant, the cases that catch it: `cargo test -p mintaka-conformance --test mutants -- --nocapture`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use mintaka_conformance::mutants::{self, Mutant, mutated, sound};
use mintaka_conformance::{Provision, cases, model, run_case_within};

/// A mutant may make a case wait for ever.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often a race is run until a mutant loses it.
const RACES: usize = 50;

fn main() -> ExitCode {
    // A failed assertion is what is looked for here, and no news.
    std::panic::set_hook(Box::new(|_| {}));
    let mut trials: Vec<Trial> =
        mutants::ALL.iter().map(|mutant| Trial::test(mutant.name, move || is_caught(mutant))).collect();
    trials.push(Trial::test("a_sound_store_passes_every_case", || {
        let caught = catching(&sound())?;
        if caught.is_empty() { Ok(()) } else { Err(format!("it fails {caught:#?}").into()) }
    }));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn is_caught(mutant: &Mutant) -> Result<(), Failed> {
    let caught = catching(&mutated(mutant, Arc::new(sound())))?;
    let names: Vec<String> = caught.iter().map(|(case, _)| case.full_name()).collect();
    println!(
        "{} ({}) is caught by {} cases:\n  {}",
        mutant.name,
        mutant.breaks.join(" "),
        names.len(),
        names.join("\n  ")
    );
    println!("  and by {} of {} models", models_catching(mutant)?, model::ALL.len());
    for clause in mutant.breaks {
        let catches =
            caught.iter().any(|(case, _)| case.clauses.contains(clause)) || is_caught_in_time(mutant, clause)?;
        if !catches {
            return Err(format!("no case of clause {clause} catches it; these do: {names:#?}").into());
        }
    }
    Ok(())
}

/// Whether a case of the clause catches the mutant when it is run again: a race is lost only now and then.
fn is_caught_in_time(mutant: &Mutant, clause: &str) -> Result<bool, Failed> {
    let provision = mutated(mutant, Arc::new(sound()));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let racing: Vec<cases::Case> = cases::all().into_iter().filter(|case| case.clauses.contains(&clause)).collect();
    let caught = (0..RACES)
        .flat_map(|_| &racing)
        .any(|case| runtime.block_on(run_case_within(case, &provision, PATIENCE)).is_err());
    runtime.shutdown_background();
    Ok(caught)
}

/// How many models tell a mutant from the reference; those that never reopen a store, or race, cannot tell every one.
fn models_catching(mutant: &Mutant) -> Result<usize, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tells = |model: &&model::Model| (model.run)(&runtime, Arc::new(mutated(mutant, Arc::new(sound())))).is_err();
    Ok(model::ALL.iter().filter(tells).count())
}

/// The cases that a provision's stores fail, with what they say.
fn catching(provision: &dyn Provision) -> Result<Vec<(cases::Case, String)>, Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut caught = Vec::new();
    for case in cases::all() {
        if let Err(why) = runtime.block_on(run_case_within(&case, provision, PATIENCE)) {
            caught.push((case, why));
        }
    }
    runtime.shutdown_background();
    Ok(caught)
}
