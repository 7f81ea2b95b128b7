use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::*;
use crate::content::well_known;

#[derive(Default)]
struct Book(Mutex<HashMap<(Namespace, String), Bytes>>);

#[async_trait]
impl CacheStore for Book {
    async fn get(&self, room: Namespace, key: &str) -> Option<Bytes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&(room, key.to_owned())).cloned()
    }

    async fn put(&self, room: Namespace, key: &str, note: Bytes) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((room, key.to_owned()), note);
    }
}

fn index() -> Manifest {
    // Without `mediaType`, which OCI allows: the note must know how it was served.
    Manifest::parse(&br#"{"schemaVersion":2,"manifests":[]}"#[..], &well_known::OCI_INDEX).unwrap()
}

#[tokio::test]
async fn a_manifest_comes_back_as_it_was() {
    let notes = Cache::new(Arc::new(Book::default()));
    notes.put_manifest(&index()).await;
    let found = notes.manifest(index().digest()).await.unwrap();
    assert_eq!((found.bytes(), found.media_type()), (index().bytes(), index().media_type()));
}

#[tokio::test]
async fn a_note_that_is_not_what_its_digest_says_is_none() {
    let notes = Cache::new(Arc::new(Book::default()));
    let digest = index().digest().clone();
    for wrong in [&b""[..], b"application/vnd.oci.image.index.v1+json\n{}", b"\xff\n{}", b"no line"] {
        notes.put(Namespace::Manifests, &digest.to_string(), wrong).await;
        assert!(notes.manifest(&digest).await.is_none());
    }
}

#[tokio::test]
async fn without_a_book_nothing_is_noted() {
    let notes = Cache::default();
    notes.put_manifest(&index()).await;
    assert!(notes.manifest(index().digest()).await.is_none());
}
