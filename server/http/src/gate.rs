//! Whom the server serves: by the name that a request calls the server by, and by the web page that sends it.
//!
//! A browser sends requests for every page that it shows, to servers on its own machine too. It says in `Origin` which
//! page that is, and in `Host` which name the page used. A foreign page is refused whatever it asks; a name that is not
//! the server's may be one that a foreign page made to point here. Other clients send no `Origin`.

use poem::Request;
use poem::http::{HeaderValue, StatusCode, header};

use crate::authority::{Authority, Origin};
use crate::{ApiError, Settings, echo};

/// A list that allows everything.
const ANY: &str = "*";

/// Who sends a request.
pub(crate) enum Sender {
    /// No web page of another origin.
    Own,
    /// A page of an origin that is allowed, and what the browser is told of that.
    Page(HeaderValue),
}

/// Decides whether a request is served.
#[derive(Default)]
pub(crate) struct Gate {
    /// Names that the server is called by; none for any, unless it listens on loopback alone.
    hosts: Vec<Authority>,
    any_host: bool,
    /// Origins of pages that may call.
    origins: Vec<Origin>,
    any_origin: bool,
}

impl Gate {
    pub(crate) fn new(settings: &Settings) -> Gate {
        let listed = |list: &[String]| list.iter().any(|one| one == ANY);
        let (any_host, any_origin) = (listed(&settings.allowed_hosts), listed(&settings.cors_origins));
        let unread =
            |kind, one: &String| tracing::warn!("{one:?} in the list of allowed {kind} is none, and is ignored");
        let hosts = settings.allowed_hosts.iter().filter(|one| *one != ANY);
        let hosts = hosts
            .filter_map(|one| {
                Authority::read(one).or_else(|| {
                    unread("hosts", one);
                    None
                })
            })
            .collect();
        let origins = settings.cors_origins.iter().filter(|one| *one != ANY);
        let origins = origins
            .filter_map(|one| {
                Origin::read(one).or_else(|| {
                    unread("origins", one);
                    None
                })
            })
            .collect();
        Gate { hosts, any_host, origins, any_origin }
    }

    /// Whether answers differ by the page that asks.
    pub(crate) fn tells_pages_apart(&self) -> bool {
        !self.any_origin && !self.origins.is_empty()
    }

    /// Who sends a request that may be served.
    ///
    /// # Errors
    /// 400 for a header that cannot be, 403 with the setting that would allow it.
    pub(crate) fn pass(&self, request: &Request) -> Result<Sender, ApiError> {
        let own = self.name_of_server(request)?;
        let mut origins = request.headers().get_all(header::ORIGIN).iter();
        let Some(sent) = origins.next() else { return Ok(Sender::Own) };
        let origin = sent.to_str().ok().filter(|_| origins.next().is_none()).and_then(Origin::read);
        if let (Some(Origin::Of(scheme, name)), Some(own)) = (&origin, &own)
            && *scheme == request.scheme().as_str()
            && name.on_port_of(scheme) == own.on_port_of(scheme)
        {
            return Ok(Sender::Own);
        }
        if self.any_origin {
            return Ok(Sender::Page(HeaderValue::from_static(ANY)));
        }
        if origin.is_some_and(|origin| self.origins.contains(&origin)) {
            return Ok(Sender::Page(sent.clone()));
        }
        let shown = String::from_utf8_lossy(sent.as_bytes());
        Err(refused(format!(
            "Web pages of the origin {:?} may not call this server. To let them, add the origin to MINTAKA_ALLOWED_ORIGINS.",
            echo::cut(&shown, echo::NAME)
        )))
    }

    /// The name that a request calls the server by, if that is allowed. Clients older than HTTP/1.1 may give none.
    fn name_of_server(&self, request: &Request) -> Result<Option<Authority>, ApiError> {
        let bad =
            || ApiError::detail(StatusCode::BAD_REQUEST, "The request does not say which host it is for, or badly.");
        let mut hosts = request.headers().get_all(header::HOST).iter();
        let host = hosts.next();
        if hosts.next().is_some() {
            return Err(bad());
        }
        let host = host.map(|host| host.to_str().ok().and_then(Authority::read).ok_or_else(bad)).transpose()?;
        let target =
            request.uri().authority().map(|name| Authority::read(name.as_str()).ok_or_else(bad)).transpose()?;
        let on_loopback =
            request.local_addr().as_socket_addr().is_some_and(|here| here.ip().to_canonical().is_loopback());
        if on_loopback || !self.hosts.is_empty() {
            let foreign = |name: &&Authority| {
                !self.any_host && !name.is_loopback() && !self.hosts.iter().any(|one| one.allows(name))
            };
            if let Some(name) = host.iter().chain(&target).find(foreign) {
                return Err(refused(format!(
                    "This server is not called {}. If it should be, add the name to MINTAKA_ALLOWED_HOSTS.",
                    echo::cut(&name.to_string(), echo::NAME)
                )));
            }
        }
        // The target of a request counts more than its headers do.
        Ok(target.or(host))
    }
}

fn refused(detail: String) -> ApiError {
    ApiError::detail(StatusCode::FORBIDDEN, detail)
}
