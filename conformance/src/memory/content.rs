//! The content of a registry in memory, and its consistency rules.

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;
use sealift_core::{
    content::{Digest, ImageRef, Manifest, Reference, Repository, Tag},
    error::{Error, ErrorKind, Result},
};

use super::{Call, Memory, Op};
use crate::images::Image;

#[derive(Default)]
pub(super) struct State {
    pub(super) overviews: bool,
    pub(super) keeps_children: bool,
    pub(super) without_referrers: bool,
    /// True: no blob is mounted, each offer of a missing blob opens an upload.
    pub(super) never_mounts: bool,
    /// The number of offers of a blob that named a repository to mount it from.
    pub(super) named_sources: usize,
    /// Confirmation of the digests of received blobs: off, on but not yet seen by the client, or seen.
    pub(super) confirming: Confirming,
    /// For each fill whether its blob was hashed on the way.
    pub(super) hashed: Vec<bool>,
    /// The calls of `announce`, as [`Memory::expected`] returns them.
    pub(super) expected: Vec<String>,
    pub(super) repositories: BTreeMap<String, Members>,
    pub(super) blobs: HashMap<Digest, Bytes>,
    pub(super) calls: Vec<Call>,
    pub(super) counts: HashMap<(Op, String, String), usize>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Confirming {
    #[default]
    Never,
    Unseen,
    Seen,
}

#[derive(Default)]
pub(super) struct Members {
    pub(super) tags: BTreeMap<Tag, Digest>,
    pub(super) manifests: HashMap<Digest, Manifest>,
    pub(super) blobs: HashSet<Digest>,
}

impl Memory {
    pub(super) fn find(&self, repository: &Repository, digest: &Digest) -> Option<Manifest> {
        self.state().repositories.get(repository.path())?.manifests.get(digest).cloned()
    }

    pub(super) fn lookup(&self, image: &ImageRef) -> Option<Manifest> {
        let digest = match &image.reference {
            Reference::Digest(digest) => digest.clone(),
            Reference::Tag(tag) => self.state().repositories.get(image.repository.path())?.tags.get(tag)?.clone(),
        };
        self.find(&image.repository, &digest)
    }

    /// Takes a manifest if everything that it points to is there.
    pub(super) fn put(&self, at: &Repository, manifest: &Manifest) -> Result<()> {
        let mut state = self.state();
        let members = state.repositories.entry(at.path().to_owned()).or_default();
        let refuse = |what: &Digest| Err(Error::new(ErrorKind::Unsupported, format!("`{what}` is not in `{at}`")));
        for child in manifest.children() {
            if !members.manifests.contains_key(&child.digest) {
                return refuse(&child.digest);
            }
        }
        for blob in manifest.blobs().filter(|blob| !blob.is_foreign()) {
            if !members.blobs.contains(&blob.digest) {
                return refuse(&blob.digest);
            }
        }
        members.manifests.insert(manifest.digest().clone(), manifest.clone());
        Ok(())
    }
}

pub(super) fn store(state: &mut State, path: &str, image: &Image) {
    for child in &image.children {
        store(state, path, child);
    }
    let members = state.repositories.entry(path.to_owned()).or_default();
    members.manifests.insert(image.manifest.digest().clone(), image.manifest.clone());
    for (pointer, bytes) in &image.blobs {
        members.blobs.insert(pointer.digest.clone());
        state.blobs.insert(pointer.digest.clone(), bytes.clone());
    }
}

/// # Panics
/// If something that the manifest leads to is missing.
pub(super) fn walk(members: &Members, blobs: &HashMap<Digest, Bytes>, digest: &Digest, name: &str) {
    let manifest = members.manifests.get(digest).unwrap_or_else(|| panic!("{name}: manifest {digest} is missing"));
    for blob in manifest.blobs().filter(|blob| !blob.is_foreign()) {
        assert!(members.blobs.contains(&blob.digest), "{name}: blob {} is missing", blob.digest);
        assert!(blob.digest.matches(&blobs[&blob.digest]), "{name}: blob {} is wrong", blob.digest);
    }
    for child in manifest.children() {
        walk(members, blobs, &child.digest, name);
    }
}
