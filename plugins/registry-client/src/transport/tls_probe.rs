//! Does a server speak TLS? Asked once for a host where both are possible, before any credential is sent.
//!
//! A TLS client hello is enough: a TLS server answers with a handshake or an alert record, everything else with
//! something else, or not at all. No HTTP request is spent, so nothing appears in an access log.

use std::{io, sync::Arc, time::Duration};

use rustls::{ClientConfig, ClientConnection, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::Protocol;

/// Types of the TLS record that answers a hello.
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;

/// Asks the server at `host:port`.
pub(crate) async fn tls_probe(host: &str, port: u16, connect: Duration, answer: Duration) -> Protocol {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let connected = timeout(connect, TcpStream::connect((host, port))).await;
    let mut stream = match connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(stream) => stream,
        Err(error) => return Protocol::Unreachable(error),
    };
    let mut first = [0];
    let dialogue = async {
        stream.write_all(&hello()).await?;
        stream.read(&mut first).await
    };
    match timeout(answer, dialogue).await {
        Ok(Ok(1)) if matches!(first[0], ALERT | HANDSHAKE) => Protocol::Tls,
        // Garbage to it: it answered in its own language, hung up or reset.
        Ok(_) => Protocol::Plain,
        Err(_) => Protocol::Silent,
    }
}

/// The first message of a TLS handshake. It is not followed by another one.
fn hello() -> Vec<u8> {
    super::tls::install_crypto();
    let config = ClientConfig::builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    let name = ServerName::try_from("registry.invalid").expect("a valid name");
    let mut bytes = Vec::new();
    let mut connection = ClientConnection::new(Arc::new(config), name).expect("a plain client config");
    connection.write_tls(&mut bytes).expect("writing to memory does not fail");
    bytes
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn server(answer: &'static [u8]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut hello = [0; 64];
            stream.read_exact(&mut hello).await.unwrap();
            assert_eq!(hello[0], HANDSHAKE, "the client must speak first, with a hello");
            stream.write_all(answer).await.unwrap();
        });
        port
    }

    async fn spoken(answer: &'static [u8]) -> Protocol {
        tls_probe("127.0.0.1", server(answer).await, Duration::from_secs(5), Duration::from_secs(5)).await
    }

    #[tokio::test]
    async fn tls_is_told_from_http_by_its_first_byte() {
        assert!(matches!(spoken(b"\x16\x03\x03").await, Protocol::Tls));
        assert!(matches!(spoken(b"\x15\x03\x03").await, Protocol::Tls));
        assert!(matches!(spoken(b"HTTP/1.1 400 Bad Request\r\n\r\n").await, Protocol::Plain));
        assert!(matches!(spoken(b"").await, Protocol::Plain));
    }

    #[tokio::test]
    async fn nobody_there_says_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let spoken = tls_probe("127.0.0.1", port, Duration::from_secs(5), Duration::from_secs(5)).await;
        assert!(matches!(spoken, Protocol::Unreachable(error) if error.kind() == io::ErrorKind::ConnectionRefused));
    }
}
