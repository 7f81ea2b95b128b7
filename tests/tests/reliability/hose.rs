//! A registry whose one layer is made while it is read, and one that keeps nothing of what it is given but its hash: for
//! blobs that are larger than any disk of a test.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock},
};

use sealift_core::content::{Algorithm, Descriptor, Digest, well_known};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

const BLOCK: usize = 64 << 10;
const CONFIG: &[u8] = b"{}";

/// Both ends.
pub(crate) struct Hose {
    pub(crate) source: SocketAddr,
    pub(crate) sink: SocketAddr,
    pub(crate) layer: Descriptor,
    pub(crate) seen: Arc<Seen>,
}

/// What came out at the other end.
#[derive(Default)]
pub(crate) struct Seen {
    /// The process whose memory is looked at.
    pub(crate) pid: OnceLock<u32>,
    /// What the bodies of uploads hashed to, with their lengths.
    pub(crate) uploads: Mutex<Vec<(Digest, u64)>>,
    /// The most memory that the process ever had, in KiB, when it wrote the manifest.
    pub(crate) memory: OnceLock<u64>,
}

/// Block n of the layer: never the same twice, and free to make.
fn block(n: u64) -> [u8; BLOCK] {
    let mut block = [0x5a; BLOCK];
    block[..8].copy_from_slice(&n.to_le_bytes());
    block
}

impl Hose {
    pub(crate) async fn start(blocks: u64) -> Self {
        let mut hasher = Algorithm::Sha256.hasher();
        (0..blocks).for_each(|n| hasher.update(&block(n)));
        let layer = Descriptor::new(well_known::OCI_LAYER_GZIP, hasher.finish(), blocks * BLOCK as u64);
        let config = Descriptor::of_bytes(well_known::OCI_CONFIG, CONFIG);
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": well_known::OCI_MANIFEST, "config": config, "layers": [layer],
        });
        let manifest = Arc::new(manifest.to_string());
        let seen = Arc::new(Seen::default());
        let (source, sink) = (listener().await, listener().await);
        let hose = Self {
            source: source.local_addr().unwrap(),
            sink: sink.local_addr().unwrap(),
            layer: layer.clone(),
            seen: Arc::clone(&seen),
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = source.accept().await {
                tokio::spawn(pour(stream, Arc::clone(&manifest), layer.clone(), blocks));
            }
        });
        tokio::spawn(async move {
            while let Ok((stream, _)) = sink.accept().await {
                tokio::spawn(swallow(stream, Arc::clone(&seen)));
            }
        });
        hose
    }
}

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// The first line of a request, and how long its body is.
async fn head(client: &mut BufReader<TcpStream>) -> Option<(String, u64)> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if client.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_ascii_lowercase()),
        }
    }
    let length = lines.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    Some((lines.first()?.clone(), length.unwrap_or(0)))
}

async fn say(client: &mut BufReader<TcpStream>, status: u16, more: &str, body: &[u8]) -> Option<()> {
    let head = format!("HTTP/1.1 {status} x\r\n{more}content-length: {}\r\n\r\n", body.len());
    client.get_mut().write_all(&[head.as_bytes(), body].concat()).await.ok()
}

/// The source.
async fn pour(stream: TcpStream, manifest: Arc<String>, layer: Descriptor, blocks: u64) -> Option<()> {
    let mut client = BufReader::new(stream);
    loop {
        let (request, _) = head(&mut client).await?;
        if request.contains(&layer.digest.to_string()) {
            let head = format!("HTTP/1.1 200 x\r\ncontent-length: {}\r\n\r\n", layer.size);
            client.get_mut().write_all(head.as_bytes()).await.ok()?;
            for n in 0..blocks {
                client.get_mut().write_all(&block(n)).await.ok()?;
            }
        } else if request.contains("/manifests/") {
            let media_type = format!("content-type: {}\r\n", well_known::OCI_MANIFEST);
            say(&mut client, 200, &media_type, manifest.as_bytes()).await?;
        } else if request.contains("/blobs/") {
            say(&mut client, 200, "", CONFIG).await?;
        } else {
            say(&mut client, 404, "", b"").await?;
        }
    }
}

/// The sink.
async fn swallow(stream: TcpStream, seen: Arc<Seen>) -> Option<()> {
    let mut client = BufReader::with_capacity(BLOCK, stream);
    loop {
        let (request, length) = head(&mut client).await?;
        let mut hasher = Algorithm::Sha256.hasher();
        let mut left = length;
        let mut piece = vec![0; BLOCK];
        while left > 0 {
            let room = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
            let read = client.read(&mut piece[..room]).await.ok().filter(|read| *read > 0)?;
            hasher.update(&piece[..read]);
            left -= read as u64;
        }
        let digest = hasher.finish();
        if request.starts_with("put") && request.contains("/manifests/") {
            let _ = seen.memory.set(peak(*seen.pid.wait()));
            say(&mut client, 201, &format!("docker-content-digest: {digest}\r\n"), b"").await?;
        } else if request.starts_with("put") {
            seen.uploads.lock().unwrap().push((digest.clone(), length));
            say(&mut client, 201, &format!("docker-content-digest: {digest}\r\n"), b"").await?;
        } else if request.starts_with("post") {
            say(&mut client, 202, "location: /v2/big/blobs/uploads/one\r\n", b"").await?;
        } else {
            // Nothing is there.
            let length = if request.starts_with("head") { "" } else { "content-type: application/json\r\n" };
            say(&mut client, 404, length, b"").await?;
        }
    }
}

/// The most memory that a process ever had, in KiB.
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it is still there: it waits for us");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the kernel tells");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
