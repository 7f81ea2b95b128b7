//! A TCP proxy between a client and a real registry, for networks that are slow or break.
//!
//! It knows nothing of HTTP: it delays, throttles, cuts and counts bytes.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
    time::Instant,
};

/// The properties of the network between client and server.
#[derive(Clone, Copy, Debug, Default)]
pub struct Network {
    /// Each way takes this long.
    pub delay: Duration,
    /// Bytes per second of each connection, in each direction; 0: as fast as it goes.
    pub bytes_per_second: u64,
    /// Each connection is reset after this many bytes from the server; 0: never.
    pub cut_after: u64,
}

/// A running proxy.
pub struct Proxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    network: std::sync::Mutex<Network>,
    from_server: AtomicU64,
    connections: AtomicU64,
}

impl Proxy {
    /// Starts one in front of `server`.
    ///
    /// # Panics
    /// If loopback cannot be listened on.
    pub async fn start(server: SocketAddr, network: Network) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback can be listened on");
        let addr = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            network: std::sync::Mutex::new(network),
            from_server: AtomicU64::new(0),
            connections: AtomicU64::new(0),
        });
        let task = tokio::spawn(accept(listener, server, Arc::clone(&shared)));
        Self { addr, shared, task }
    }

    /// Host and port, as they stand in references.
    pub fn host(&self) -> String {
        self.addr.to_string()
    }

    /// Changes the network for connections that come from now on.
    pub fn change(&self, network: Network) {
        *self.shared.network.lock().expect("nobody panics with it") = network;
    }

    /// Bytes that came from the server so far.
    pub fn bytes_from_server(&self) -> u64 {
        self.shared.from_server.load(Ordering::Relaxed)
    }

    /// Connections so far.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, shared: Arc<Shared>) {
    let mut pumps = tokio::task::JoinSet::new(); // they end with the proxy
    while let Ok((client, _)) = listener.accept().await {
        shared.connections.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::clone(&shared);
        pumps.spawn(async move {
            let Ok(server) = TcpStream::connect(server).await else { return };
            connect(client, server, &shared).await;
        });
        while pumps.try_join_next().is_some() {}
    }
}

async fn connect(mut client: TcpStream, mut server: TcpStream, shared: &Shared) {
    let network = *shared.network.lock().expect("nobody panics with it");
    // Small pieces are sent at once (`TCP_NODELAY`): otherwise there would be delays beyond the configured one.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let cut = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let up = pump(from_client, to_server, Network { cut_after: 0, ..network }, None);
        let down = pump(from_server, to_client, network, Some(&shared.from_server));
        tokio::pin!(up);
        tokio::pin!(down);
        // A side that ended does not end the other one: an answer may still be on its way.
        tokio::select! {
            cut = &mut down => cut,
            _ = &mut up => down.await,
        }
    };
    if cut {
        // Closing with this set sends a reset instead of an orderly end.
        #[expect(deprecated, reason = "a reset is what is wanted here; zero never blocks")]
        let _ = client.set_linger(Some(Duration::ZERO));
    }
}

/// Moves bytes as the network does; true if the connection shall be cut.
///
/// A delay does not slow the stream down: bytes are under way while others arrive.
async fn pump(
    from: impl AsyncReadExt + Unpin,
    to: impl AsyncWriteExt + Unpin,
    network: Network,
    count: Option<&AtomicU64>,
) -> bool {
    let (sender, receiver) = mpsc::channel(UNDER_WAY);
    tokio::join!(take_in(from, network, sender), give_out(to, network, receiver, count)).1
}

/// Chunks that are on their way in one direction.
const UNDER_WAY: usize = 64;

type Chunk = (Instant, Vec<u8>);

async fn take_in(mut from: impl AsyncReadExt + Unpin, network: Network, chunks: mpsc::Sender<Chunk>) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if let Some(wait) = (read as u64 * 1_000_000).checked_div(network.bytes_per_second) {
            tokio::time::sleep(Duration::from_micros(wait)).await;
        }
        if chunks.send((Instant::now() + network.delay, buffer[..read].to_vec())).await.is_err() {
            return;
        }
    }
}

async fn give_out(
    mut to: impl AsyncWriteExt + Unpin,
    network: Network,
    mut chunks: mpsc::Receiver<Chunk>,
    count: Option<&AtomicU64>,
) -> bool {
    let mut left = if network.cut_after == 0 { u64::MAX } else { network.cut_after };
    while let Some((due, chunk)) = chunks.recv().await {
        tokio::time::sleep_until(due).await;
        let allowed = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len());
        if to.write_all(&chunk[..allowed]).await.is_err() {
            return false;
        }
        left -= allowed as u64;
        if let Some(count) = count {
            count.fetch_add(allowed as u64, Ordering::Relaxed);
        }
        if allowed < chunk.len() {
            return true;
        }
    }
    drop(to.shutdown().await); // the other side ended in order
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that sends this many bytes to each client and closes the connection.
    async fn server(bytes: usize) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let _ = client.write_all(&vec![7; bytes]).await; // a client may leave early
            }
        });
        addr
    }

    async fn read_all(proxy: &Proxy) -> (usize, bool) {
        let mut client = TcpStream::connect(proxy.addr).await.unwrap();
        let mut got = Vec::new();
        let whole = client.read_to_end(&mut got).await.is_ok();
        (got.len(), whole)
    }

    #[tokio::test]
    async fn bytes_come_through_and_are_counted() {
        let proxy = Proxy::start(server(1_000_000).await, Network::default()).await;
        assert_eq!(read_all(&proxy).await, (1_000_000, true));
        assert_eq!(proxy.bytes_from_server(), 1_000_000);
    }

    #[tokio::test]
    async fn a_connection_is_reset_where_it_shall_be() {
        let proxy = Proxy::start(server(1_000_000).await, Network { cut_after: 1000, ..Network::default() }).await;
        let (got, whole) = read_all(&proxy).await;
        assert!(got <= 1000 && !whole, "{got} bytes, whole: {whole}");
    }

    #[tokio::test]
    async fn a_delay_does_not_add_up_over_a_stream() {
        let network = Network { delay: Duration::from_millis(50), ..Network::default() };
        let proxy = Proxy::start(server(16_000_000).await, network).await;
        let started = std::time::Instant::now();
        assert_eq!(read_all(&proxy).await.0, 16_000_000);
        let took = started.elapsed();
        // Added up for pieces of 64 KiB it would be more than 12 seconds.
        assert!(took >= Duration::from_millis(50) && took < Duration::from_secs(8), "{took:?}");
    }
}
