//! A real registry as a process of its own: `docker-registry` (distribution 2.8.2 in Debian), or distribution 3.
//!
//! ```no_run
//! # use sealift_testkit::registry::Registry;
//! # use sealift_serve::access::RequestKind;
//! let Some(registry) = Registry::start() else { return }; // skipped where it is not installed
//! // … copy something to registry.host() …
//! assert_eq!(registry.requests().count("PUT", RequestKind::Manifest), 1);
//! ```
//!
//! It listens on a free port of loopback, keeps everything in a temporary directory, and ends with the value, with
//! the test's thread of panic, or with the whole test process.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sealift_serve::access::Requests;
use tempfile::TempDir;

mod access_log;
mod process;
mod setup;

pub use setup::{Setup, TokenAuth, login};

use process::Process;

/// A running registry.
pub struct Registry {
    program: PathBuf,
    process: Mutex<Process>,
    addr: SocketAddr,
    tls: bool,
    lean: bool,
    path_prefix: String,
    dir: TempDir,
    forgotten: Mutex<u64>,
}

impl Registry {
    /// Starts a registry without authentication that allows deletion; `None` if `docker-registry` is not installed.
    ///
    /// # Panics
    /// If it does not start, or is not installed while `CI` is set.
    pub fn start() -> Option<Self> {
        Setup::default().start()
    }

    /// Says first how it shall be.
    pub fn with() -> Setup {
        Setup::default()
    }

    /// Returns the socket address of the registry.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Host and port, as they stand in references: `127.0.0.1:40123`.
    pub fn host(&self) -> String {
        self.addr.to_string()
    }

    /// The base of its URLs, without a slash at the end.
    pub fn url(&self) -> String {
        format!("{}://{}{}", if self.tls { "https" } else { "http" }, self.addr, self.path_prefix)
    }

    /// The directory where it keeps its content.
    pub fn storage(&self) -> PathBuf {
        setup::storage_in(self.dir.path())
    }

    /// The requests that it answered since the start, or since [`Registry::reset`].
    ///
    /// The registry writes a line when it is done with a request, which may be a moment after the client was; so this
    /// asks something of its own, waits for that line, and then until no more lines come.
    pub fn requests(&self) -> Requests {
        let log = self.settled_log();
        let forgotten = usize::try_from(*self.forgotten.lock().unwrap()).unwrap_or(usize::MAX);
        access_log::read(log.get(forgotten..).unwrap_or_default())
    }

    /// Forgets the requests so far.
    pub fn reset(&self) {
        let log = self.settled_log();
        *self.forgotten.lock().unwrap() = log.len() as u64;
    }

    /// Kills it, as a power cut would. Its content stays until the value is dropped.
    pub fn kill(&self) {
        self.process.lock().unwrap().kill();
    }

    /// The number of its process, while it runs.
    pub fn process(&self) -> Option<u32> {
        self.process.lock().unwrap().id()
    }

    /// Starts it again on the same port with the same content, after killing it if it still runs.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart(&self) {
        let mut process = self.process.lock().unwrap();
        process.kill();
        *process = Process::start(&self.program, self.dir.path(), self.addr, self.lean);
    }

    /// Returns the registry's log, for the message of an assertion.
    pub fn log(&self) -> String {
        self.process.lock().unwrap().log()
    }

    fn settled_log(&self) -> String {
        let file = access_log_in(self.dir.path());
        let read = || std::fs::read_to_string(&file).unwrap_or_default();
        let deadline = Instant::now() + Duration::from_secs(20);
        if let Some(marker) = self.mark() {
            while !read().contains(&marker) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        let mut log = read();
        loop {
            std::thread::sleep(Duration::from_millis(30));
            let now = read();
            if now.len() == log.len() || Instant::now() > deadline {
                return now;
            }
            log = now;
        }
    }

    /// Asks for a path that nothing else asks for, and returns it; none if it does not run,
    /// speaks TLS or logs nothing.
    fn mark(&self) -> Option<String> {
        static MARKS: AtomicU64 = AtomicU64::new(0);
        let path = format!("{}{}", access_log::MARK, MARKS.fetch_add(1, Ordering::Relaxed));
        let mut stream = TcpStream::connect(self.addr).ok().filter(|_| !self.tls && !self.lean)?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.addr);
        stream.write_all(request.as_bytes()).ok()?;
        stream.read_to_end(&mut Vec::new()).ok()?;
        Some(format!("{path} "))
    }
}

fn access_log_in(dir: &Path) -> PathBuf {
    dir.join("access.log")
}

#[cfg(test)]
mod tests;
