use std::time::Duration;

use futures::{StreamExt, stream};

use super::*;
use crate::content::{Algorithm, well_known};

fn blob_of(content: &'static [u8], chunks: Vec<Result<Bytes>>) -> Blob {
    Blob::new(Descriptor::of_bytes(well_known::OCI_LAYER_GZIP, content), stream::iter(chunks))
}

fn chunk(bytes: &'static [u8]) -> Result<Bytes> {
    Ok(Bytes::from_static(bytes))
}

async fn drain(mut blob: Blob) -> (usize, Option<Error>) {
    let mut got = 0;
    while let Some(chunk) = blob.next().await {
        match chunk {
            Ok(bytes) => got += bytes.len(),
            Err(error) => return (got, Some(error)),
        }
    }
    (got, None)
}

#[tokio::test]
async fn good_bytes_come_through_whole() {
    let blob = blob_of(b"hello world", vec![chunk(b"hello"), chunk(b""), chunk(b" world")]);
    assert_eq!(&blob.read_to_end(100).await.unwrap()[..], b"hello world");
}

#[tokio::test]
async fn chunks_can_be_asked_for_one_by_one() {
    let mut blob = blob_of(b"hello world", vec![chunk(b"hello"), chunk(b" worlD")]);
    assert_eq!(blob.chunk().await.unwrap().unwrap(), "hello");
    assert_eq!(blob.chunk().await.unwrap_err().kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn a_wrong_last_byte_is_noticed_while_bytes_are_missing() {
    let (got, error) = drain(blob_of(b"hello world", vec![chunk(b"hello"), chunk(b" worlD")])).await;
    assert_eq!(got, 5, "the last chunk must be kept back");
    assert_eq!(error.unwrap().kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn a_short_body_is_no_blob() {
    let (got, error) = drain(blob_of(b"hello world", vec![chunk(b"hello"), chunk(b" wor")])).await;
    assert_eq!(got, 9, "bytes are missing in any case");
    assert!(error.unwrap().message().contains("ended after 9 of 11 bytes"));
}

#[tokio::test]
async fn of_an_unknown_length_any_chunk_may_be_the_last_one_and_is_kept_back() {
    let descriptor = |content: &[u8]| {
        let known = Descriptor::of_bytes(well_known::OCI_LAYER_GZIP, content);
        Descriptor::new(known.media_type, known.digest, Descriptor::UNSIZED)
    };
    let chunks = || stream::iter(vec![chunk(b"hello"), chunk(b" "), chunk(b"world")]);
    assert_eq!(drain(Blob::new(descriptor(b"hello world"), chunks())).await.0, 11);
    let (got, error) = drain(Blob::new(descriptor(b"hello there"), chunks())).await;
    assert_eq!((got, error.unwrap().kind()), (6, ErrorKind::Corrupt));
}

#[tokio::test]
async fn only_the_chunk_that_completes_it_waits_for_what_comes_after() {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let receiver = stream::unfold(receiver, async |mut all| Some((all.recv().await?, all)));
    let mut blob = Blob::new(Descriptor::of_bytes(well_known::OCI_LAYER_GZIP, b"hello world"), receiver);
    sender.send(chunk(b"hello")).unwrap();
    assert_eq!(blob.next().await.unwrap().unwrap(), "hello", "it does not wait for the next one");
    sender.send(chunk(b" world")).unwrap();
    assert!(futures::poll!(blob.next()).is_pending(), "this one is kept until the source came to its end");
    drop(sender);
    assert_eq!(blob.next().await.unwrap().unwrap(), " world");
}

#[tokio::test]
async fn an_endless_body_is_left_at_the_first_byte_too_many() {
    let endless = stream::repeat_with(|| chunk(b"hello"));
    let blob = Blob::new(Descriptor::of_bytes(well_known::OCI_LAYER_GZIP, b"hello"), endless);
    let (got, error) = drain(blob).await;
    assert_eq!(got, 0);
    assert!(error.unwrap().message().contains("more than the 5 bytes"));
}

#[tokio::test]
async fn an_empty_blob_is_a_blob() {
    assert_eq!(drain(blob_of(b"", vec![])).await.0, 0);
    assert!(drain(blob_of(b"", vec![chunk(b"")])).await.1.is_none());
}

#[tokio::test]
async fn everybody_at_a_tee_gets_the_same_bytes() {
    let blob = blob_of(b"hello world", vec![chunk(b"hello"), chunk(b" world")]);
    let ends = blob.tee(3, TeeOptions::default());
    let all = futures::future::join_all(ends.into_iter().map(|end| end.blob.read_to_end(100))).await;
    assert!(all.into_iter().all(|bytes| &bytes.unwrap()[..] == b"hello world"));
}

#[tokio::test]
async fn nobody_at_a_tee_gets_the_last_chunk_of_a_bad_blob() {
    let blob = blob_of(b"hello world", vec![chunk(b"hello"), chunk(b" worlD")]);
    let all =
        futures::future::join_all(blob.tee(2, TeeOptions::default()).into_iter().map(|end| drain(end.blob))).await;
    for (got, error) in all {
        assert!(got < 11);
        assert_eq!(error.unwrap().kind(), ErrorKind::Corrupt);
    }
}

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_leaves_the_tee_and_the_others_go_on() {
    let content: &'static [u8] = &[7; 4096];
    let chunks = content.chunks(64).map(chunk).collect();
    let options = TeeOptions { buffer: 256, patience: Duration::from_secs(5) };
    let mut ends = blob_of(content, chunks).tee(2, options).into_iter();
    let (quick, idle) = (ends.next().unwrap(), ends.next().unwrap());
    let started = tokio::time::Instant::now();
    assert_eq!(quick.blob.read_to_end(4096).await.unwrap().len(), 4096);
    assert!(started.elapsed() <= Duration::from_secs(6), "one patience, not one for each chunk");
    assert!(idle.left.is_cancelled());
    let (got, error) = drain(idle.blob).await;
    assert!(got <= 256);
    assert_eq!(error.unwrap().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_taker_that_is_dropped_holds_nobody() {
    let blob = blob_of(b"hello world", vec![chunk(b"hello"), chunk(b" world")]);
    let mut ends = blob.tee(2, TeeOptions { buffer: 4, patience: Duration::from_secs(3600) });
    drop(ends.pop());
    assert_eq!(ends.pop().unwrap().blob.read_to_end(100).await.unwrap().len(), 11);
}

#[tokio::test]
async fn what_was_hashed_enough_is_hashed_no_more_and_everybody_knows() {
    let wrong = || vec![chunk(b"hello"), chunk(b" wor"), chunk(b"lD")];
    let passed = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&passed);
    let blob = blob_of(b"hello world", wrong()).counted(Arc::clone(&passed));
    let blob = blob.hashed_until(move || count.load(Ordering::Relaxed) >= 5);
    let hashing = blob.hashing();
    assert!(blob.is_hashed());
    let (got, error) = drain(blob).await;
    assert!(got == 11 && error.is_none());
    assert!(!hashing.is_on(), "whoever took it must hear from the other side");
    for side in blob_of(b"hello world", wrong()).hashed_until(|| true).tee(2, TeeOptions::default()) {
        let hashing = side.blob.hashing();
        assert_eq!(side.blob.read_to_end(20).await.unwrap(), "hello worlD");
        assert!(!hashing.is_on());
    }
    let (_, error) = drain(blob_of(b"hello world", wrong()).hashed_until(|| false)).await;
    assert!(error.unwrap().message().contains("has digest"));
}

#[tokio::test]
async fn without_hashing_wrong_bytes_pass_but_a_wrong_length_does_not() {
    let wrong = || vec![chunk(b"hello"), chunk(b" worlD")];
    let blob = blob_of(b"hello world", wrong()).unhashed();
    assert!(!blob.is_hashed());
    assert_eq!(drain(blob).await.0, 11);
    for side in blob_of(b"hello world", wrong()).unhashed().tee(2, TeeOptions::default()) {
        assert!(!side.blob.is_hashed(), "nobody hashed it for this side");
    }
    let (got, error) = drain(blob_of(b"hello world!", wrong()).unhashed()).await;
    assert_eq!(got, 11);
    assert!(error.unwrap().message().contains("ended after 11 of 12 bytes"));
}

#[tokio::test]
async fn what_is_hashed_beside_another_blob_is_still_held_to_its_name() {
    let part = |fill: u8| Bytes::from(vec![fill; 64 << 10]);
    let named = |fills: [u8; 3]| fills.map(|fill| part(fill).to_vec()).concat();
    let blob = |named: Vec<u8>, sent: [u8; 3]| {
        let chunks: Vec<_> = sent.map(|fill| Ok(part(fill))).into();
        Blob::new(Descriptor::of_bytes(well_known::OCI_LAYER_GZIP, &named), stream::iter(chunks))
    };
    let (mut good, mut bad) = (blob(named([1, 2, 3]), [1, 2, 3]), blob(named([4, 5, 6]), [4, 9, 6]));
    for _ in 0..2 {
        assert!(good.chunk().await.unwrap().is_some());
        assert!(bad.chunk().await.unwrap().is_some(), "the wrong chunk is on its way before anybody hashed it");
    }
    assert_eq!(good.chunk().await.unwrap(), Some(part(3)));
    assert_eq!(bad.chunk().await.unwrap_err().kind(), ErrorKind::Corrupt, "the last one stays here");
}

fn rereadable(content: &'static [u8]) -> Blob {
    let pieces = |from: usize| stream::iter(content[from..].chunks(3).map(|piece| Ok(Bytes::from_static(piece))));
    let item = Descriptor::of_bytes(well_known::OCI_LAYER_GZIP, content);
    Blob::new(item, pieces(0)).reopened_by(move |offset| async move { Ok(pieces(usize::try_from(offset).unwrap())) })
}

#[tokio::test]
async fn a_blob_goes_back_to_a_mark_and_is_verified_all_the_same() {
    let counter = Arc::new(AtomicU64::new(0));
    let mut blob = rereadable(b"0123456789").counted(Arc::clone(&counter));
    assert_eq!(blob.chunk().await.unwrap().unwrap(), "012");
    let mark = blob.mark().unwrap();
    assert_eq!(blob.chunk().await.unwrap().unwrap(), "345");
    blob.rewind(&mark).await.unwrap();
    assert_eq!(counter.load(Ordering::Relaxed), 3);
    assert_eq!(blob.read_to_end(100).await.unwrap(), "3456789");
    assert_eq!(counter.load(Ordering::Relaxed), 10);
}

#[tokio::test]
async fn a_blob_that_is_gone_on_with_is_verified_with_what_was_there() {
    for (there, is_right) in [(&b"0123"[..], true), (b"012x", false)] {
        let mut hasher = Algorithm::Sha256.hasher();
        hasher.update(there);
        let mut blob = rereadable(b"0123456789");
        blob.rewind(&BlobMark::after(4, hasher)).await.unwrap();
        assert_eq!(blob.read_to_end(100).await.is_ok(), is_right);
    }
    let mut blob = rereadable(b"0123456789");
    blob.rewind(&BlobMark::unhashed_after(4)).await.unwrap();
    assert!(!blob.is_hashed());
    assert_eq!(blob.read_to_end(100).await.unwrap(), "456789");
}

#[tokio::test]
async fn a_blob_that_cannot_be_read_again_has_no_mark_until_all_of_it_is_there() {
    let item = Descriptor::of_bytes(well_known::OCI_LAYER_GZIP, b"012345");
    let mut blob = Blob::new(item, stream::iter([Ok(Bytes::from_static(b"012")), Ok(Bytes::from_static(b"345"))]));
    assert!(blob.mark().is_none());
    while blob.chunk().await.unwrap().is_some() {}
    let mark = blob.mark().unwrap();
    blob.rewind(&mark).await.unwrap();
}
