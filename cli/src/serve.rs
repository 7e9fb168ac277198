//! Starting the server and the services, and stopping them in order.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use mintaka_core::Store;
use mintaka_http::{Ctx, Limits, Server, Settings};
use mintaka_orchestration::Operations;
use mintaka_orchestration::ops::blocks::check_key;
use mintaka_orchestration::secrets::{OpenError, Sealer};
use mintaka_services::{Health, Service};
use tokio_util::sync::CancellationToken;

use crate::process::{log, runtime, stop_on_signal};
use crate::{keys, promises, service_settings, settings, storage};

/// Options of `mintaka server start`.
#[derive(Args, Debug)]
pub struct Start {
    /// Address to listen on [default: 127.0.0.1]; also MINTAKA_HOST.
    #[arg(long)]
    host: Option<String>,
    /// Port to listen on [default: 4200]; also MINTAKA_PORT.
    #[arg(long)]
    port: Option<u16>,
    /// URL of the store, such as `sqlite:path/to/file.db`; also MINTAKA_STORAGE. The default is a file in MINTAKA_HOME.
    #[arg(long, value_name = "URL")]
    storage: Option<String>,
    /// Leaves out the background services. Events are handled all the same.
    #[arg(long)]
    no_services: bool,
}

/// Options of `mintaka services start`.
#[derive(Args, Debug)]
pub struct StartServices {
    /// Names of services, see `mintaka services ls`.
    #[arg(required = true)]
    names: Vec<String>,
    /// URL of the store, as of `mintaka server start`.
    #[arg(long, value_name = "URL")]
    storage: Option<String>,
}

async fn open(given: Option<&str>) -> Result<(Store, String), String> {
    let (url, options) = storage::location(given)?;
    let backend = mintaka_backends::open(&url, &options).await.map_err(|e| e.to_string())?;
    Ok((Store::new(backend), shown(&url)))
}

/// The key for the secrets of a store. One is made if there is none and the store has no secret yet.
async fn key_of(store: &Store, home: &std::path::Path) -> Result<Sealer, String> {
    let ignores = settings::switch(&["MINTAKA_IGNORE_LOST_KEY"])?.unwrap_or(false);
    match keys::find(home)? {
        Some(sealer) => match check_key(store, Some(&sealer)).await.map_err(|e| e.to_string())? {
            Some(why) if !ignores => Err(why.to_string()),
            _ => Ok(sealer),
        },
        None => match check_key(store, None).await.map_err(|e| e.to_string())? {
            Some(OpenError::WrongKey { sealed_with }) => Err(keys::lost(home, &sealed_with)),
            _ => keys::make(home),
        },
    }
}

/// A storage URL without its password.
fn shown(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 < at => match url[scheme + 3..at].split_once(':') {
            Some((user, _)) => format!("{}{user}:***{}", &url[..scheme + 3], &url[at..]),
            None => url.to_owned(),
        },
        _ => url.to_owned(),
    }
}

/// Runs the API, and the services unless told otherwise, until a signal.
///
/// # Errors
/// A text that says what to do.
pub fn server(start: &Start) -> Result<(), String> {
    log()?;
    promises::check()?;
    let host = start.host.clone().or_else(|| settings::first(settings::HOST).map(|(host, _)| host));
    let host = host.unwrap_or_else(|| "127.0.0.1".into());
    let port = match start.port {
        Some(port) => port,
        None => settings::parsed(settings::PORT, "a port number")?.unwrap_or(4200),
    };
    let mut api = Settings::default();
    if let Some(limit) = settings::parsed::<NonZeroU32>(settings::DEFAULT_LIMIT, "a whole number above 0")? {
        api.default_limit = limit.get().into();
    }
    if let Some(size) = settings::parsed(settings::MAX_PARAMETER_SIZE, "a number of bytes")? {
        api.max_parameter_size = size;
    }
    if let Some(seconds) = settings::parsed(settings::RETRY_GRACE, "a whole number of seconds")? {
        api.retry_grace = Duration::from_secs(seconds);
    }
    if let Some(register) = settings::switch(settings::REGISTER_BLOCKS)? {
        api.register_blocks = register;
    }
    if let Some(line) = settings::unnamed_clients()? {
        api.unnamed_clients = line;
    }
    if let Some((folder, name)) = settings::first(settings::COLLECTIONS) {
        let folder = std::path::PathBuf::from(folder);
        std::fs::read_dir(&folder)
            .map_err(|e| format!("{name}={}: the folder cannot be read: {e}", folder.display()))?;
        api.collections = Some(folder);
    }
    api.allowed_hosts = settings::list(settings::ALLOWED_HOSTS);
    api.cors_origins = settings::list(settings::ALLOWED_ORIGINS);
    api.cors_methods = settings::list(settings::ALLOWED_METHODS);
    api.cors_headers = settings::list(settings::ALLOWED_HEADERS);
    let services = service_settings::read()?;
    storage::location(start.storage.as_deref())?;
    settings::home(); // read when the store is opened
    promises::tell_of_idle_settings();
    let services = if start.no_services { Vec::new() } else { mintaka_services::all(&services) };
    runtime()?.block_on(async {
        // The port first: a server that cannot listen touches no store.
        let server = Server::bind(&host, port, Limits::default().fitted()).await.map_err(|e| e.to_string())?;
        let address = server.address().map_err(|e| e.to_string())?;
        let (store, url) = open(start.storage.as_deref()).await?;
        let sealer = Arc::new(key_of(&store, &settings::home()).await?);
        let operations = Operations::over(store.clone());
        let ctx = Ctx::new(operations.clone(), api);
        stop_on_signal(ctx.stop.clone())?;
        if ctx.settings.register_blocks {
            let ctx = ctx.clone();
            tokio::spawn(async move {
                if let Err(error) = mintaka_orchestration::ops::blocks::register_builtin(&ctx.ops).await {
                    tracing::error!(%error, "the built-in block types could not be registered");
                }
            });
        }
        println!("Mintaka {} is listening. Its store is {url}", env!("CARGO_PKG_VERSION"));
        println!("  point a Prefect client at it: export PREFECT_API_URL=http://{address}/api");
        if !address.ip().is_loopback() {
            println!("  warning: it listens beyond this machine, and there is no authentication yet");
        }
        if ctx.settings.cors_origins.iter().any(|origin| origin == "*") {
            println!("  warning: every web page may call it, since the list of allowed origins holds *");
        }
        let endpoint = mintaka_server::endpoint(&ctx, sealer);
        let running = tokio::spawn(run_services(operations.clone(), services, ctx.stop.clone()));
        let index = tokio::spawn(mintaka_orchestration::ops::event_index::keep_up(operations));
        server.run(endpoint, ctx.stop.clone(), ctx.tasks.clone()).await;
        let _ = running.await;
        index.abort();
        store.backend().close().await;
        Ok(())
    })
}

/// Runs services alone until a signal.
///
/// # Errors
/// A text that says what to do.
pub fn services(start: &StartServices) -> Result<(), String> {
    log()?;
    let selected = mintaka_services::select(&service_settings::read()?, &start.names).map_err(|e| e.to_string())?;
    runtime()?.block_on(async {
        let (store, url) = open(start.storage.as_deref()).await?;
        let stop = CancellationToken::new();
        stop_on_signal(stop.clone())?;
        println!("Running {} on {url}", start.names.join(", "));
        run_services(Operations::over(store.clone()), selected, stop).await;
        store.backend().close().await;
        Ok(())
    })
}

async fn run_services(ops: Operations, services: Vec<Box<dyn Service>>, stop: CancellationToken) {
    mintaka_services::run(ops, services, Health::default(), stop).await;
}
