//! Listening and ending.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use sealift_core::error::{Error, ErrorKind, Result, io_message};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    access::Requests,
    access_log::AccessLog,
    connection::{self, HttpVersion, Limits},
    descriptors::{DescriptorShares, FilePermits},
    http::App,
    options::ServeOptions,
    store::{NameClash, RepositoryStore},
    tls::{self, Tls},
    users::Users,
};

/// A registry that is running. Dropped, it stops at once.
pub struct Server {
    addr: SocketAddr,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
    log: AccessLog,
    store: Arc<RepositoryStore>,
    secure: bool,
}

/// Upper bound for open requests at a shutdown.
const GRACE: Duration = Duration::from_secs(10);

impl Server {
    /// Opens the directory and listens. Must be called in a tokio runtime.
    ///
    /// # Errors
    /// If the directory is no image layout or cannot be opened, if a writable one is in use by another process, if
    /// certificate, key or htpasswd file cannot be used, or if it cannot listen there.
    pub async fn start(options: ServeOptions) -> Result<Self> {
        let tls = options.tls.as_ref().map(Tls::acceptor).transpose()?;
        let users = options.users.as_deref().map(Users::read).transpose()?;
        let secure = tls.is_some();
        let background = TaskTracker::new();
        let store = Arc::new(RepositoryStore::open(&options, background.clone()).await?);
        let cannot = |error: std::io::Error| {
            let listen = options.listen;
            Error::new(ErrorKind::Unavailable, format!("cannot listen on `{listen}`: {}", io_message(&error)))
                .with_source(error)
        };
        let listener = TcpListener::bind(options.listen).await.map_err(cannot)?;
        let addr = listener.local_addr().map_err(cannot)?;
        let log = if options.record { AccessLog::on() } else { AccessLog::default() };
        let stop = CancellationToken::new();
        let shares = DescriptorShares::take(options.limits.connections);
        let limits = Limits { connections: shares.connections, ..options.limits };
        let files = FilePermits::new(shares.files);
        let app = App::new(Arc::clone(&store), users, log.clone(), files, background.clone());
        let task = tokio::spawn(accept(listener, tls, app, stop.clone(), background, limits));
        Ok(Self { addr, stop, task: Some(task), log, store, secure })
    }

    /// Returns the address that it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Host and port, as they stand in references: `127.0.0.1:40123`.
    pub fn host(&self) -> String {
        self.addr.to_string()
    }

    /// The base of its URLs, without a slash at the end.
    pub fn url(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.addr)
    }

    /// The repositories that have a manifest, with their registries, in order.
    pub fn repositories(&self) -> Vec<String> {
        self.store.names()
    }

    /// Paths that images of several registries have: without one of them before it, such a path means nothing.
    pub fn clashes(&self) -> Vec<NameClash> {
        self.store.clashes()
    }

    /// The requests that were answered since the start, or since [`Server::reset`]. None are collected unless
    /// [`ServeOptions::record`] says so.
    pub fn requests(&self) -> Requests {
        self.log.requests()
    }

    /// Forgets the requests so far.
    pub fn reset(&self) {
        self.log.reset();
    }

    /// Takes no more requests, lets those end that are being answered (for up to 10 s), and writes what is to write.
    ///
    /// # Errors
    /// If the directory cannot be written to.
    pub async fn shutdown(mut self) -> Result<()> {
        self.stop.cancel();
        if let Some(mut task) = self.task.take()
            && tokio::time::timeout(GRACE, &mut task).await.is_err()
        {
            task.abort();
            let _ = task.await; // it was told to end like this
        }
        self.store.close().await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Takes connections until it is told to stop, then waits for those that are there. Dropped, it drops them.
async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    app: App,
    stop: CancellationToken,
    background: TaskTracker,
    limits: Limits,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let mut connections = JoinSet::new();
    loop {
        // Who finds no place waits in the queue of the system.
        let taken = async {
            let place = Arc::clone(&places).acquire_owned().await.expect("it is never closed");
            (place, listener.accept().await)
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            (place, taken) = taken => match taken {
                Ok((stream, peer)) => {
                    let _ = stream.set_nodelay(true); // only slower without
                    let (tls, router, stop) = (tls.clone(), app.router(peer.ip()), stop.clone());
                    connections.spawn(async move {
                        serve(stream, tls, router, stop, limits).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    // Too many open files, most likely: some have to be closed first.
                    tracing::warn!(%error, "cannot take a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
    background.close();
    background.wait().await;
}

/// Agrees on TLS where that is spoken, and answers.
async fn serve(stream: TcpStream, tls: Option<TlsAcceptor>, router: Router, stop: CancellationToken, limits: Limits) {
    let Some(tls) = tls else { return connection::serve(stream, HttpVersion::Http1, router, stop, limits).await };
    let agreed = tokio::select! {
        biased;
        agreed = tls::agree(&tls, stream) => agreed,
        () = stop.cancelled() => None,
    };
    if let Some(stream) = agreed {
        let version = tls::version_of(&stream);
        connection::serve(stream, version, router, stop, limits).await;
    }
}

#[cfg(test)]
mod tests;
