//! A notebook in memory, with pages that a test can spoil.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use sealift_core::cache::{Cache, CacheStore, Namespace};

type Pages = BTreeMap<(&'static str, String), Bytes>;

/// A notebook in memory. Clones are the same book.
#[derive(Clone, Default)]
pub struct Book(Arc<Mutex<Pages>>);

impl Book {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// It, as a pipeline takes it.
    pub fn notes(&self) -> Cache {
        Cache::new(Arc::new(self.clone()))
    }

    /// Returns the notes of a room, by key.
    pub fn read(&self, room: Namespace) -> BTreeMap<String, Bytes> {
        let pages = self.pages();
        pages
            .iter()
            .filter(|((name, _), _)| *name == room.name())
            .map(|((_, key), note)| (key.clone(), note.clone()))
            .collect()
    }

    /// Changes every note of a room; gives how many there were.
    pub fn spoil(&self, room: Namespace, change: impl Fn(&str) -> String) -> usize {
        let mut pages = self.pages();
        let notes = pages.iter_mut().filter(|((name, _), _)| *name == room.name());
        notes.map(|(_, note)| *note = change(&String::from_utf8_lossy(note)).into()).count()
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl CacheStore for Book {
    async fn get(&self, room: Namespace, key: &str) -> Option<Bytes> {
        self.pages().get(&(room.name(), key.to_owned())).cloned()
    }

    async fn put(&self, room: Namespace, key: &str, note: Bytes) {
        self.pages().insert((room.name(), key.to_owned()), note);
    }
}
