//! A registry that does what no real one would, and keeps a journal of what it was asked.
//!
//! It speaks just enough HTTP/1.1 to be cut off at any byte. What it answers is a closure's business.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpSocket, TcpStream},
    task::JoinHandle,
};

/// One request as it came in.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) method: String,
    /// Path and query.
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn is(&self, method: &str, part: &str) -> bool {
        self.method == method && self.path.contains(part)
    }

    pub(super) fn authorized(&self) -> bool {
        self.header("authorization").is_some()
    }

    /// Where a `Range` starts.
    pub(super) fn range_start(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// An answer, and how it goes wrong.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
    act: Act,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Whole,
    /// Hang up after so many bytes of the body, all of which were announced.
    Cut(usize),
    /// Say nothing more after so many bytes.
    Stall(usize),
    /// Hang up without an answer.
    HangUp,
    /// Send the body byte by byte, with this pause after each.
    Trickle(Duration),
    /// Answer only after this time.
    Late(Duration),
}

pub(super) fn reply(status: u16) -> Reply {
    Reply { status, headers: Vec::new(), body: Bytes::new(), act: Act::Whole }
}

/// Hangs up without an answer.
pub(super) fn hang_up() -> Reply {
    Reply { act: Act::HangUp, ..reply(0) }
}

impl Reply {
    pub(super) fn header(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    pub(super) fn body(self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self }
    }

    pub(super) fn json(self, body: &str) -> Self {
        self.header("content-type", "application/json").body(body.to_owned())
    }

    pub(super) fn cut(self, at: usize) -> Self {
        Self { act: Act::Cut(at), ..self }
    }

    pub(super) fn stall(self, at: usize) -> Self {
        Self { act: Act::Stall(at), ..self }
    }

    /// Sends the body byte by byte, with a pause after each.
    pub(super) fn trickle(self, pause: Duration) -> Self {
        Self { act: Act::Trickle(pause), ..self }
    }

    pub(super) fn late(self, by: Duration) -> Self {
        Self { act: Act::Late(by), ..self }
    }
}

type Answer = dyn Fn(&Asked) -> Reply + Send + Sync;

/// A running double.
pub(super) struct Double {
    addr: SocketAddr,
    journal: Arc<Mutex<Vec<Asked>>>,
    task: JoinHandle<()>,
}

impl Double {
    /// One that answers like this.
    pub(super) async fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::reading(Duration::ZERO, answer).await
    }

    /// One that takes so long for each 16 KiB of a body.
    pub(super) async fn reading(pause: Duration, answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        if !pause.is_zero() {
            // What is buffered in between would hide how slowly we read.
            socket.set_recv_buffer_size(32 << 10).unwrap();
        }
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let listener = socket.listen(1024).unwrap();
        let addr = listener.local_addr().unwrap();
        let journal = Arc::new(Mutex::new(Vec::new()));
        let (answer, kept): (Arc<Answer>, _) = (Arc::new(answer), Arc::clone(&journal));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, journal) = (Arc::clone(&answer), Arc::clone(&kept));
                tokio::spawn(async move { serve(stream, &*answer, &journal, pause).await });
            }
        });
        Self { addr, journal, task }
    }

    pub(super) fn host(&self) -> String {
        self.addr.to_string()
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.journal.lock().unwrap().clone()
    }

    /// How many requests were like this.
    pub(super) fn count(&self, method: &str, part: &str) -> usize {
        self.asked().iter().filter(|asked| asked.is(method, part)).count()
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, answer: &Answer, journal: &Mutex<Vec<Asked>>, pause: Duration) {
    let mut stream = BufReader::with_capacity(16 << 10, stream);
    while let Some(asked) = read(&mut stream, pause).await {
        journal.lock().unwrap().push(asked.clone());
        let reply = answer(&asked);
        if let Act::Late(by) = reply.act {
            tokio::time::sleep(by).await;
        }
        if reply.act == Act::HangUp || write(stream.get_mut(), &asked, &reply).await.is_none() {
            return;
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>, pause: Duration) -> Option<Asked> {
    let mut asked = Asked::default();
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace();
    asked.method = words.next()?.to_owned();
    asked.path = words.next()?.to_owned();
    loop {
        line.clear();
        stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        asked.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length: usize = asked.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    assert!(asked.header("transfer-encoding").is_none(), "uploads announce their length");
    while asked.body.len() < length {
        let mut piece = vec![0; (length - asked.body.len()).min(16 << 10)];
        stream.read_exact(&mut piece).await.ok()?;
        asked.body.extend_from_slice(&piece);
        tokio::time::sleep(pause).await;
    }
    Some(asked)
}

/// None: the connection is over.
async fn write(stream: &mut TcpStream, asked: &Asked, reply: &Reply) -> Option<()> {
    let mut head = format!("HTTP/1.1 {} x\r\n", reply.status);
    for (name, value) in &reply.headers {
        head += &format!("{name}: {value}\r\n");
    }
    if !reply.headers.iter().any(|(name, _)| matches!(name.as_str(), "content-length" | "transfer-encoding")) {
        head += &format!("content-length: {}\r\n", reply.body.len());
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).await.ok()?;
    let body = if asked.method == "HEAD" { &[][..] } else { &reply.body[..] };
    match reply.act {
        Act::Cut(at) => {
            stream.write_all(&body[..at.min(body.len())]).await.ok()?;
            stream.flush().await.ok()?;
            None
        }
        Act::Stall(at) => {
            stream.write_all(&body[..at.min(body.len())]).await.ok()?;
            stream.flush().await.ok()?;
            std::future::pending().await
        }
        Act::Trickle(pause) => {
            for byte in body {
                stream.write_all(&[*byte]).await.ok()?;
                stream.flush().await.ok()?;
                tokio::time::sleep(pause).await;
            }
            Some(())
        }
        _ => stream.write_all(body).await.ok(),
    }
}
