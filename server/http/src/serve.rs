//! The accept loop: limits on connections and headers, and an orderly end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Endpoint, EndpointExt, Request, Response};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::arrival::Arrival;

/// Limits of the accept loop.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time; further ones wait.
    pub connections: usize,
    /// Time for the headers of a request to arrive.
    pub header_timeout: Duration,
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
            header_timeout: Duration::from_secs(20),
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
        let endpoint = Arc::new(endpoint.map_to_response());
        let room = Arc::new(Semaphore::new(self.limits.connections));
        let body_timeout = self.limits.body_timeout;
        let graceful = GracefulShutdown::new();
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header_timeout)
            .max_headers(self.limits.headers);
        loop {
            let Ok(permit) = room.clone().acquire_owned().await else { break };
            let (stream, remote) = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        // Out of file descriptors, say: the connections under way go on, new ones wait.
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                },
            };
            let _ = stream.set_nodelay(true);
            let (endpoint, local, remote) = (endpoint.clone(), local.clone(), RemoteAddr(remote.into()));
            let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                let (endpoint, local, remote) = (endpoint.clone(), local.clone(), remote.clone());
                async move {
                    let mut request: Request = (request, local, remote, Scheme::HTTP).into();
                    let arrival = Arrival::of(&mut request, body_timeout);
                    let mut response = endpoint.get_response(request).await;
                    if let Some(arrival) = arrival {
                        arrival.settle(&mut response);
                    }
                    Ok::<_, Infallible>(hyper::Response::from(response))
                }
            });
            let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
            let connection = graceful.watch(connection);
            tokio::spawn(async move {
                let _permit = permit;
                match connection.await {
                    // A client that keeps a connection and asks nothing more.
                    Err(error) if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_timeout) => {}
                    Err(error) => tracing::debug!(%error, "connection ended"),
                    Ok(()) => {}
                }
            });
        }
        drop(self.listener);
        sockets.close();
        let ended = async {
            tokio::join!(graceful.shutdown(), sockets.wait());
        };
        if tokio::time::timeout(self.limits.grace, ended).await.is_err() {
            tracing::warn!("some requests did not end in time");
        }
    }
}
