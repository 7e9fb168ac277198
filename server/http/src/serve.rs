//! The accept loop: limits on connections and headers, and an orderly end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use poem::web::LocalAddr;
use poem::{Endpoint, EndpointExt, Response};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection::Front;
use crate::room::Room;
use crate::seldom::Seldom;

/// Bytes of the head of a request.
const HEAD: usize = 64 << 10;
/// How long nothing is accepted after it failed.
const PAUSE: Duration = Duration::from_millis(100);
/// Streams of an HTTP/2 connection at a time.
const STREAMS: u32 = 32;

/// Limits of the accept loop.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time, sockets among them.
    pub connections: usize,
    /// Connections beside, of which each asks how the server is, or is told to come back.
    pub reserve: usize,
    /// Time without a whole request, or a taken part of an answer, after which a connection is closed.
    pub idle: Duration,
    /// Headers of a request.
    pub headers: usize,
    /// Time without a byte after which the body of a request is given up.
    pub body_timeout: Duration,
    /// Time for requests and sockets under way when the server stops.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 10_000,
            reserve: 16,
            idle: Duration::from_secs(20),
            headers: 100,
            body_timeout: Duration::from_secs(30),
            grace: Duration::from_secs(5),
        }
    }
}

/// A bound server that has not begun to accept.
pub struct Server {
    listener: TcpListener,
    limits: Limits,
}

impl Server {
    /// Binds an address.
    ///
    /// # Errors
    /// The system's, with what to do for a port in use.
    pub async fn bind(host: &str, port: u16, limits: Limits) -> io::Result<Server> {
        let listener = TcpListener::bind((host, port)).await.map_err(|e| {
            let advice = match e.kind() {
                io::ErrorKind::AddrInUse => "the port is in use: stop what uses it, or choose another with --port",
                io::ErrorKind::PermissionDenied => "ports below 1024 need privileges: choose another with --port",
                io::ErrorKind::AddrNotAvailable => "this machine has no such address: choose another with --host",
                _ => "choose another address with --host and --port",
            };
            io::Error::new(e.kind(), format!("cannot listen on {host}:{port} ({e}); {advice}"))
        })?;
        Ok(Server { listener, limits })
    }

    /// The address that it listens on.
    ///
    /// # Errors
    /// The system's.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Accepts until `stop`, then lets requests and `sockets` end within the grace time.
    pub async fn run<E>(self, endpoint: E, stop: CancellationToken, sockets: TaskTracker)
    where
        E: Endpoint<Output = Response> + 'static,
    {
        let local = LocalAddr(self.listener.local_addr().map(Into::into).unwrap_or_default());
        let room = Room::new(self.limits.connections, self.limits.reserve, stop.clone());
        let (connections, end) = (TaskTracker::new(), CancellationToken::new());
        let front = Arc::new(Front {
            endpoint: endpoint.map_to_response(),
            local,
            limits: self.limits,
            builder: protocols(&self.limits),
            stop: stop.clone(),
            end: end.clone(),
        });
        let accepting = async {
            let mut failures = Seldom::new();
            loop {
                let (stream, remote) = match self.listener.accept().await {
                    Ok(accepted) => accepted,
                    Err(error) if is_of_one_connection(&error) => continue,
                    Err(error) => {
                        // Out of files, say: they are given back by those who do not use theirs.
                        if let Some(number) = failures.count(Instant::now()) {
                            tracing::warn!(%error, number, "connections could not be accepted");
                        }
                        room.close_idle(false);
                        sleep(PAUSE).await;
                        continue;
                    }
                };
                let _ = stream.set_nodelay(true);
                let Some(place) = room.place().await else { return };
                connections.spawn(front.clone().attend(stream, remote, place));
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = accepting => {}
        }
        drop(self.listener);
        sockets.close();
        connections.close();
        let ended = async {
            tokio::join!(connections.wait(), sockets.wait());
        };
        if timeout(self.limits.grace, ended).await.is_err() {
            tracing::warn!("some requests did not end in time");
        }
        end.cancel();
    }
}

/// Both protocols, with their limits. Time is the connection's own affair.
fn protocols(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().header_read_timeout(None).max_headers(limits.headers).max_buf_size(HEAD);
    builder.http2().timer(TokioTimer::new()).max_header_list_size(HEAD as u32).max_concurrent_streams(STREAMS);
    builder
}

/// Whether an error of `accept` is that of a connection that is gone already.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}
