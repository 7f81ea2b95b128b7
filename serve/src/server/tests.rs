use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use super::*;

/// Asks something; whether the first byte of an answer comes within this time.
async fn is_answered(stream: &mut TcpStream, within: Duration) -> bool {
    stream.write_all(b"GET /v2/ HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    timeout(within, stream.read_u8()).await.is_ok_and(|byte| byte.unwrap() == b'H')
}

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn there_are_so_many_places_and_who_waits_gets_the_next_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = ServeOptions::new(dir.path()).writable().throwaway();
    options.limits.connections = 2;
    let server = Server::start(options).await.unwrap();
    let connect = async || TcpStream::connect(server.addr()).await.unwrap();
    let (mut first, mut second) = (connect().await, connect().await);
    assert!(is_answered(&mut first, PATIENCE).await && is_answered(&mut second, PATIENCE).await);
    let mut third = connect().await;
    assert!(!is_answered(&mut third, Duration::from_millis(300)).await, "both places are taken");
    drop(first);
    let answer = timeout(PATIENCE, third.read_u8()).await;
    assert_eq!(answer.expect("a place is free").unwrap(), b'H');
    server.shutdown().await.unwrap();
}
