//! One named test per case and per model, listed and run like any other test.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::{Builder, Runtime};

use crate::cases::{self, Case};
use crate::model;
use crate::{Lab, Provision};

/// How long a case may take before it counts as stuck.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs the suite as the arguments of this process say.
pub fn run(provision: impl Provision) -> ExitCode {
    let arguments = Arguments::from_args();
    let provision: Arc<dyn Provision> = Arc::new(provision);
    let cases = cases::all().into_iter().map(|case| {
        let (applies, provision) = (case.applies(&*provision), provision.clone());
        let run = move || Ok(runtime()?.block_on(run_case(&case, &*provision))?);
        Trial::test(case.full_name(), run).with_ignored_flag(!applies)
    });
    let models = model::ALL.iter().map(|model| {
        let provision = provision.clone();
        Trial::test(format!("model::{}", model.name), move || Ok((model.run)(&runtime()?, provision, model::SHRINKS)?))
    });
    libtest_mimic::run(&arguments, cases.chain(models).collect()).exit_code()
}

fn runtime() -> Result<Runtime, Failed> {
    Ok(Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// Runs one case on a new store.
///
/// # Errors
/// What went wrong, as text. A failed assertion is an error too, and its text is the panic's.
pub async fn run_case(case: &Case, provision: &dyn Provision) -> Result<(), String> {
    run_case_within(case, provision, PATIENCE).await
}

/// As [`run_case`], with another limit of time.
///
/// # Errors
/// As [`run_case`].
pub async fn run_case_within(case: &Case, provision: &dyn Provision, patience: Duration) -> Result<(), String> {
    let lab = Lab::new(provision).await.map_err(|error| format!("no store could be made: {error}"))?;
    let running = tokio::spawn((case.run)(lab));
    let stop = running.abort_handle();
    match tokio::time::timeout(patience, running).await {
        Ok(Ok(result)) => result.map_err(|error| format!("the store answered: {error}")),
        Ok(Err(stopped)) => Err(match stopped.try_into_panic().map(panic_text) {
            Ok(text) => text,
            Err(_) => "the case was stopped".into(),
        }),
        Err(_) => {
            stop.abort();
            Err(format!("not done after {} seconds", patience.as_secs()))
        }
    }
}

fn panic_text(panic: Box<dyn std::any::Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().copied().unwrap_or("a panic without text").to_owned(),
    }
}
