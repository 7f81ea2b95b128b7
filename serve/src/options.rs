//! Options of a server.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use crate::{connection::Limits, tls::Tls};

/// Options of a server.
#[derive(Clone, Debug)]
#[must_use]
pub struct ServeOptions {
    /// The directory of the layout.
    pub dir: PathBuf,
    /// The address to listen on. Default: a free port of loopback.
    pub listen: SocketAddr,
    /// Accepts pushes and deletes; the directory is made if it is missing. Default: false.
    pub writable: bool,
    /// Accepts manifests whose blobs or images are missing, which distribution-spec calls sparse. As long as images of an
    /// index are missing, nothing that is deleted gives its space back. Default: false.
    pub sparse: bool,
    /// Answers a push only when it is on the disk. Default: true.
    pub sync: bool,
    /// Collects requests for [`Server::requests`](crate::Server::requests), which takes memory. Default: false.
    pub record: bool,
    /// The repository of entries that are only a tag. Default: the name of the directory.
    pub name: Option<String>,
    /// The certificate to serve with. Default: none, plain HTTP.
    pub tls: Option<Tls>,
    /// An htpasswd file with bcrypt hashes of the users. Default: no login is required.
    pub users: Option<PathBuf>,
    /// Limits for clients.
    pub(crate) limits: Limits,
}

impl ServeOptions {
    /// Serves this directory for pulls, on a free port of loopback.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let dir = dir.into();
        let limits = Limits::default();
        Self {
            dir,
            listen,
            writable: false,
            sparse: false,
            sync: true,
            record: false,
            name: None,
            tls: None,
            users: None,
            limits,
        }
    }

    /// Takes pushes and deletes.
    pub fn writable(self) -> Self {
        Self { writable: true, ..self }
    }

    /// Takes manifests whose blobs or images are missing.
    pub fn sparse(self) -> Self {
        Self { sparse: true, ..self }
    }

    /// Listens here.
    pub fn listen(self, listen: SocketAddr) -> Self {
        Self { listen, ..self }
    }

    /// Does not wait for the disk: for temporary directories.
    pub fn throwaway(self) -> Self {
        Self { sync: false, ..self }
    }

    /// Collects the requests, for [`Server::requests`](crate::Server::requests).
    pub fn record(self) -> Self {
        Self { record: true, ..self }
    }

    /// Serves entries that are only a tag as this repository.
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// Speaks TLS.
    pub fn tls(self, tls: Tls) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Lets in only those who stand in this htpasswd file.
    pub fn users(self, file: impl Into<PathBuf>) -> Self {
        Self { users: Some(file.into()), ..self }
    }
}
