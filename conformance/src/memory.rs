//! A registry in memory: the stages of the engine's tests.
//!
//! It keeps membership per repository as real ones do, refuses what misses its content, counts what it is asked, and
//! fails or waits where a test tells it to.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use sealift_core::content::{Digest, ImageRef, Reference};

use crate::images::Image;

mod content;
mod fetch;
mod push;
mod script;
mod wanted;

pub use script::{Call, Fault, Op};
pub use wanted::Wanted;

use content::{Confirming, State, store, walk};
use script::Script;

/// A registry in memory. Clones are the same registry.
#[derive(Clone)]
pub struct Memory(Arc<Shared>);

struct Shared {
    host: String,
    state: Mutex<State>,
    script: Mutex<Option<Script>>,
}

impl Memory {
    /// An empty registry.
    pub fn new(host: &str) -> Self {
        Self(Arc::new(Shared { host: host.to_owned(), state: Mutex::default(), script: Mutex::default() }))
    }

    /// Puts an image there, with everything below it.
    pub fn add(&self, name: &str, image: &Image) {
        let name: ImageRef = self.name(name);
        let mut state = self.state();
        store(&mut state, name.repository.path(), image);
        if let Reference::Tag(tag) = name.reference {
            let members = state.repositories.entry(name.repository.path().to_owned()).or_default();
            members.tags.insert(tag, image.manifest.digest().clone());
        }
    }

    /// `repo:tag` or `repo@digest` here, as a reference.
    pub fn name(&self, name: &str) -> ImageRef {
        format!("{}/{name}", self.0.host).parse().expect("a valid name")
    }

    /// Lets the test decide what happens to each call.
    pub fn script(&self, script: impl Fn(&Call) -> Option<Fault> + Send + Sync + 'static) {
        *self.0.script.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(script));
    }

    /// From now on it tells its tags with their digests at once, as registries with an API of their own can, but not
    /// those that are about a digest.
    #[must_use]
    pub fn with_overview(self) -> Self {
        self.state().overviews = true;
        self
    }

    /// From now on it says that referrers have no place.
    #[must_use]
    pub fn without_referrers(self) -> Self {
        self.state().without_referrers = true;
        self
    }

    /// From now on it says that an index is there with everything below it.
    #[must_use]
    pub fn keeping_children(self) -> Self {
        self.state().keeps_children = true;
        self
    }

    /// Removes a manifest from a repository, even if an index there lists it.
    pub fn remove(&self, repository: &str, digest: &Digest) {
        if let Some(members) = self.state().repositories.get_mut(repository) {
            members.manifests.remove(digest);
        }
    }

    /// Removes a blob from a repository, even if a manifest there lists it.
    pub fn remove_blob(&self, repository: &str, digest: &Digest) {
        if let Some(members) = self.state().repositories.get_mut(repository) {
            members.blobs.remove(digest);
        }
    }

    /// Returns true if a repository has a manifest.
    pub fn has_manifest(&self, repository: &str, digest: &Digest) -> bool {
        let state = self.state();
        state.repositories.get(repository).is_some_and(|members| members.manifests.contains_key(digest))
    }

    /// From now on it computes the digest of every blob that it takes, refuses a wrong one and confirms a right one.
    #[must_use]
    pub fn confirming(self) -> Self {
        self.state().confirming = Confirming::Unseen;
        self
    }

    /// From now on it takes no blobs from other repositories.
    pub fn never_mounts(&self) {
        self.state().never_mounts = true;
    }

    /// Returns the number of offers of a blob that named a repository to mount it from.
    pub fn named_sources(&self) -> usize {
        self.state().named_sources
    }

    /// Of each blob that it was sent, whether that was hashed on the way.
    pub fn hashed(&self) -> Vec<bool> {
        self.state().hashed.clone()
    }

    /// Returns the calls of `announce`: `repository` for one to read, `source: targets` for those to write.
    pub fn expected(&self) -> Vec<String> {
        self.state().expected.clone()
    }

    /// From now on nothing goes wrong.
    pub fn heal(&self) {
        *self.0.script.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Returns the number of calls of an operation since the start, or since [`Memory::forget_calls`].
    pub fn count(&self, op: Op) -> usize {
        self.state().calls.iter().filter(|call| call.op == op).count()
    }

    /// All calls since the last [`Memory::forget_calls`].
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// Starts counting anew.
    pub fn forget_calls(&self) {
        let mut state = self.state();
        state.calls.clear();
        state.counts.clear();
    }

    /// Returns the digest of a tag, for `repo:tag`; `None` if there is no such tag.
    pub fn digest_of(&self, name: &str) -> Option<Digest> {
        let name = self.name(name);
        self.state().repositories.get(name.repository.path())?.tags.get(name.reference.tag()?).cloned()
    }

    /// The blob with this content, if it is there.
    pub fn content(&self, content: &str) -> Option<Bytes> {
        self.state().blobs.get(&Digest::of(content.as_bytes())).cloned()
    }

    /// Removes the blob with this content from all repositories.
    pub fn lose_blob(&self, content: &str) {
        let digest = Digest::of(content.as_bytes());
        let mut state = self.state();
        state.blobs.remove(&digest);
        state.repositories.values_mut().for_each(|members| _ = members.blobs.remove(&digest));
    }

    /// Looks through everything: all that a tag leads to must be there, in the same repository.
    ///
    /// # Panics
    /// If something is missing.
    pub fn assert_whole(&self) {
        let state = self.state();
        for (path, members) in &state.repositories {
            for (tag, digest) in &members.tags {
                walk(members, &state.blobs, digest, &format!("{path}:{tag}"));
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
