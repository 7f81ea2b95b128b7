//! The registry as tests hold it.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use sealift_serve::{ServeOptions, Server};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};

use super::{
    Fault, Guard, Journal, Weather,
    connection::converse,
    journal::Notes,
    shared::{Scripted, Shared},
    weather::Forecast,
};

/// A running registry with faults.
pub struct FaultRegistry {
    addr: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
    behind: Option<(Server, TempDir)>,
}

impl FaultRegistry {
    /// Starts one over an empty temporary directory.
    ///
    /// # Panics
    /// If loopback or temporary files are not to be had.
    pub async fn start() -> Self {
        let dir = tempfile::tempdir().expect("there is room for temporary files");
        let server = Server::start(ServeOptions::new(dir.path()).writable().throwaway()).await;
        let server = server.expect("the embedded registry starts");
        let mut registry = Self::before(server.addr()).await;
        registry.behind = Some((server, dir));
        registry
    }

    /// Starts one in front of another registry that speaks plain HTTP.
    ///
    /// # Panics
    /// If loopback cannot be listened on.
    pub async fn before(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback can be listened on");
        let addr = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            upstream,
            host: addr.to_string(),
            weather: Forecast::new(),
            notes: Notes::default(),
            connections: AtomicU64::new(0),
            script: Mutex::default(),
            guard: Mutex::default(),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { addr, shared, task, behind: None }
    }

    /// Host and port, as they stand in references.
    pub fn host(&self) -> String {
        self.shared.host.clone()
    }

    /// Returns the socket address of the registry.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base of its URLs, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The base of the URLs of the registry behind, where no fault, guard or journal is.
    pub fn url_behind(&self) -> String {
        format!("http://{}", self.shared.upstream)
    }

    /// The image layout that the registry keeps its content in.
    ///
    /// # Panics
    /// If the registry behind is another one's.
    pub fn dir(&self) -> &Path {
        self.behind.as_ref().expect("the registry behind is our own").1.path()
    }

    /// Adds a fault. Of several that are due for a request the first one happens; all of them count it.
    pub fn will(&self, fault: Fault) {
        self.shared.script().push(Scripted { fault, seen: 0, fired: Arc::default() });
    }

    /// Refuses requests without the guard's token from now on.
    pub fn guard(&self, guard: Guard) {
        *self.shared.guard.lock().unwrap_or_else(PoisonError::into_inner) = Some(guard);
    }

    /// Forgets all faults, and the weather is fine. The guard stays.
    pub fn heal(&self) {
        self.shared.script().clear();
        self.weather(Weather::Fine);
    }

    /// Changes the network as a whole.
    pub fn weather(&self, weather: Weather) {
        self.shared.weather.set(weather);
    }

    /// Returns the requests since the start, or since [`FaultRegistry::forget`].
    pub fn journal(&self) -> Journal {
        self.shared.notes.journal()
    }

    /// Forgets the journal so far.
    pub fn forget(&self) {
        self.shared.notes.forget();
    }

    /// Faults of the script that took effect, each as often as it did.
    pub fn fired(&self) -> u64 {
        self.shared.script().iter().map(|scripted| scripted.fired.load(Ordering::Relaxed)).sum()
    }

    /// Asserts that each fault of the script took effect at least once.
    ///
    /// # Panics
    /// If one did not; the journal is in the message.
    #[track_caller]
    pub fn assert_all_fired(&self) {
        let script = self.shared.script();
        let idle: Vec<_> =
            script.iter().filter(|it| it.fired.load(Ordering::Relaxed) == 0).map(|it| &it.fault).collect();
        assert!(idle.is_empty(), "these faults never took effect: {idle:?}\n{}", self.journal());
    }
}

impl Drop for FaultRegistry {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = tokio::task::JoinSet::new(); // they end with the registry
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true); // only slower without
        let number = shared.connections.fetch_add(1, Ordering::Relaxed) + 1;
        connections.spawn(converse(stream, Arc::clone(&shared), number));
        while connections.try_join_next().is_some() {}
    }
}
