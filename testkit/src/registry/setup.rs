//! The configuration of a registry.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Process, Registry};
use crate::program;

/// Distribution 2.8, by the name that Debian gives it.
const DISTRIBUTION_2: &str = "docker-registry";

/// Distribution 3, by the name that it has at home. `.ci/tools` builds it.
const DISTRIBUTION_3: &str = "registry";

/// The configuration of a registry: built step by step, then started.
#[derive(Clone, Debug)]
#[must_use]
pub struct Setup {
    program: &'static str,
    htpasswd: Option<String>,
    token: Option<TokenAuth>,
    tls: Option<(String, String)>,
    delete: bool,
    in_ram: bool,
    lean: bool,
    storage: Option<PathBuf>,
    path_prefix: String,
    more: Vec<(String, Value)>,
}

/// The token service that a registry trusts.
#[derive(Clone, Debug)]
pub struct TokenAuth {
    /// The URL of the token service, as it stands in challenges.
    pub realm: String,
    /// The name of the registry in tokens (`aud`).
    pub service: String,
    /// The name of the token service in tokens (`iss`).
    pub issuer: String,
    /// The certificates that may sign tokens, PEM.
    pub root_certs: String,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            program: DISTRIBUTION_2,
            htpasswd: None,
            token: None,
            tls: None,
            delete: true,
            in_ram: false,
            lean: false,
            storage: None,
            path_prefix: String::new(),
            more: Vec::new(),
        }
    }
}

impl Setup {
    /// Starts distribution 3 instead of 2.8.
    pub fn distribution_3(self) -> Self {
        Self { program: DISTRIBUTION_3, ..self }
    }

    /// Puts its whole API below a path such as `/team/images`.
    pub fn path_prefix(self, path: &str) -> Self {
        Self { path_prefix: path.to_owned(), ..self }
    }

    /// Lets in only who is in this password file; its lines are `user:bcrypt`, as [`login`] makes them.
    pub fn htpasswd(self, lines: impl Into<String>) -> Self {
        Self { htpasswd: Some(lines.into()), ..self }
    }

    /// Lets in only who has a token.
    pub fn token(self, token: TokenAuth) -> Self {
        Self { token: Some(token), ..self }
    }

    /// Speaks https with this certificate (chain) and key, both PEM.
    pub fn tls(self, cert: impl Into<String>, key: impl Into<String>) -> Self {
        Self { tls: Some((cert.into(), key.into())), ..self }
    }

    /// Refuses to delete.
    pub fn without_delete(self) -> Self {
        Self { delete: false, ..self }
    }

    /// Keeps its content in memory where the system has a place for that. It syncs every file that it writes, which
    /// makes hundreds of small images slow on a disk. Such places can be small: not for large blobs.
    pub fn in_ram(self) -> Self {
        Self { in_ram: true, ..self }
    }

    /// Uses as little processor time as possible, for measurements of other programs: it logs only errors and requests,
    /// collects garbage seldom, and caches blob descriptors, as in Debian's own configuration. If it runs on the same
    /// machine as the measured program, its processor time is part of every figure.
    pub fn lean(self) -> Self {
        Self { lean: true, ..self }
    }

    /// Serves the content of another registry, which keeps it in this directory ([`Registry::storage`]).
    pub fn storage(self, directory: PathBuf) -> Self {
        Self { storage: Some(directory), ..self }
    }

    /// Sets a top-level part of its configuration, such as `validation`, as its documentation describes it.
    pub fn part(mut self, name: &str, value: Value) -> Self {
        self.more.push((name.to_owned(), value));
        self
    }

    /// Starts it; none if its program is not installed.
    ///
    /// # Panics
    /// If it does not start, or is not installed while `CI` is set.
    pub fn start(self) -> Option<Registry> {
        let program = program::find(self.program)?;
        let ram = Path::new("/dev/shm");
        let dir = if self.in_ram && ram.is_dir() { tempfile::tempdir_in(ram) } else { tempfile::tempdir() };
        let dir = dir.expect("there is room for temporary files");
        self.write(&dir);
        let listen = if self.lean { free_address() } else { SocketAddr::from((Ipv4Addr::LOCALHOST, 0)) };
        let process = Process::start(&program, dir.path(), listen, self.lean);
        let addr = process.addr;
        let (process, tls, lean) = (Mutex::new(process), self.tls.is_some(), self.lean);
        let path_prefix = self.path_prefix;
        Some(Registry { program, process, addr, tls, lean, path_prefix, dir, forgotten: Mutex::new(0) })
    }

    fn write(&self, dir: &TempDir) {
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).expect("there is room for temporary files");
            path
        };
        let mut http = json!({ "addr": "127.0.0.1:0", "secret": "for tests" });
        if !self.path_prefix.is_empty() {
            http["prefix"] = format!("{}/", self.path_prefix).into();
        }
        if let Some((cert, key)) = &self.tls {
            http["tls"] = json!({ "certificate": file("cert.pem", cert), "key": file("key.pem", key) });
        }
        let mut config = json!({
            "version": "0.1",
            // Where it listens is said at the level `info`.
            "log": { "level": if self.lean { "error" } else { "info" }, "formatter": "json" },
            "storage": {
                "filesystem": { "rootdirectory": self.storage.clone().unwrap_or_else(|| storage_in(dir.path())) },
                "delete": { "enabled": self.delete },
                "maintenance": { "uploadpurging": { "enabled": false } },
            },
            "http": http,
        });
        if self.lean {
            config["storage"]["cache"] = json!({ "blobdescriptor": "inmemory" });
        }
        if let Some(lines) = &self.htpasswd {
            config["auth"]["htpasswd"] = json!({ "realm": "tests", "path": file("htpasswd", lines) });
        }
        if let Some(token) = &self.token {
            config["auth"]["token"] = json!({
                "realm": token.realm,
                "service": token.service,
                "issuer": token.issuer,
                "rootcertbundle": file("roots.pem", &token.root_certs),
            });
        }
        for (name, value) in &self.more {
            config[name] = value.clone();
        }
        // Its configuration is YAML, and JSON is YAML.
        file("config.yml", &config.to_string());
    }
}

/// Returns a loopback address with a free port, for a registry that does not report its port.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback can be listened on");
    listener.local_addr().expect("a bound socket has an address")
}

pub(super) fn config_in(dir: &Path) -> PathBuf {
    dir.join("config.yml")
}

pub(super) fn storage_in(dir: &Path) -> PathBuf {
    dir.join("storage")
}

/// A line for [`Setup::htpasswd`], made by the program `htpasswd`; none if that is not installed.
///
/// # Panics
/// If it is not installed while `CI` is set, or refuses the name.
pub fn login(user: &str, password: &str) -> Option<String> {
    let output = Command::new(program::find("htpasswd")?).args(["-nbB", "-C", "4", user, password]).output();
    let output = output.expect("htpasswd can be started");
    assert!(output.status.success(), "htpasswd refused `{user}`");
    Some(String::from_utf8(output.stdout).expect("it prints text").trim().to_owned() + "\n")
}
