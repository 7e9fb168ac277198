//! What every handler has: what can be read of the store and done to it, and the settings; and who is calling.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mintaka_core::{Json, Reader};
use mintaka_orchestration::Operations;
use mintaka_orchestration::caller::{Caller, ClientLine};
use poem::{Request, RequestBody, Result};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// Settings of the API.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The default and the greatest `limit` of lists (wire W3.10).
    pub default_limit: u64,
    /// The greatest size of parameters in bytes, 0 for none (wire W2.11).
    pub max_parameter_size: u64,
    /// How long after its time a run that its own process retries is left to that process.
    pub retry_grace: Duration,
    /// Whether `/events*` and `/automations*` exist for clients of the 2.x line.
    pub events: bool,
    /// A folder of JSON files with worker types that are added to the built-in collection.
    pub collections: Option<std::path::PathBuf>,
    /// Whether the built-in block types are registered when the server starts.
    pub register_blocks: bool,
    /// The line of clients that do not say who they are, such as scripts.
    pub unnamed_clients: ClientLine,
    /// Names that clients may call the server by, such as `prefect.example` or `prefect.example:4200`; `*` for any. A
    /// server that listens on loopback alone takes the names of loopback beside them; another takes any if there is none.
    pub allowed_hosts: Vec<String>,
    /// Origins of web pages that may call beside the server's own, such as `https://ui.example`; `*` for all.
    pub cors_origins: Vec<String>,
    /// Methods that those pages may use; none for all.
    pub cors_methods: Vec<String>,
    /// Headers that those pages may send; none for all.
    pub cors_headers: Vec<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            default_limit: 200,
            max_parameter_size: 524_288,
            retry_grace: Duration::from_secs(30),
            events: true,
            collections: None,
            register_blocks: true,
            unnamed_clients: ClientLine::V3,
            allowed_hosts: Vec::new(),
            cors_origins: Vec::new(),
            cors_methods: Vec::new(),
            cors_headers: Vec::new(),
        }
    }
}

/// What every handler has. Cheap to clone.
#[derive(Clone)]
pub struct Ctx {
    /// What can be read of the store.
    pub reader: Reader,
    /// What can be done to it.
    pub ops: Operations,
    /// The settings.
    pub settings: Arc<Settings>,
    /// Sockets and other tasks that the server waits for when it stops.
    pub tasks: TaskTracker,
    /// Cancelled when the server stops.
    pub stop: CancellationToken,
}

impl Ctx {
    /// A context over the operations of a store.
    pub fn new(ops: Operations, settings: Settings) -> Ctx {
        let (reader, settings) = (ops.reader().clone(), Arc::new(settings));
        Ctx { reader, ops, settings, tasks: TaskTracker::new(), stop: CancellationToken::new() }
    }
}

/// Who is calling, as the request's headers tell.
#[derive(Clone, Debug)]
pub struct Client {
    /// Client line, version and API version.
    pub by: Caller,
    /// The automation that calls, by id and name (wire W1.2).
    pub automation: Option<(String, Option<String>)>,
    /// Whether the web UI calls (wire W1.2): its polls do not count.
    pub ui: bool,
}

impl Client {
    /// Reads the headers of a request. What the layer knows about clients without a name counts for those.
    pub fn of(request: &Request) -> Client {
        let header = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok());
        let unnamed = request.data::<ClientLine>().copied().unwrap_or(ClientLine::V3);
        Client {
            by: Caller::from_headers(header("user-agent"), header("x-prefect-api-version"), unnamed),
            automation: header("prefect-automation-id")
                .map(|id| (id.to_owned(), header("prefect-automation-name").map(str::to_owned))),
            ui: header("x-prefect-ui").is_some_and(|v| v.eq_ignore_ascii_case("true")),
        }
    }

    /// Who creates what this request creates, as sent to clients: the automation that calls, if both of its headers are
    /// there and can be read.
    pub fn created_by(&self) -> Option<Json> {
        let (id, name) = self.automation.as_ref()?;
        let id = Uuid::parse_str(id).ok()?;
        let name = String::from_utf8(BASE64_STANDARD.decode(name.as_ref()?).ok()?).ok()?;
        Some(Json::from(json!({"id": id, "type": "AUTOMATION", "display_value": name})))
    }

    /// Whether a client of the 2.x line calls.
    pub fn is_v2(&self) -> bool {
        !self.by.is_v3()
    }
}

impl<'a> ApiExtractor<'a> for Client {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::PoemExtractor];
    type ParamType = ();
    type ParamRawType = ();

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Client> {
        Ok(Client::of(request))
    }
}
