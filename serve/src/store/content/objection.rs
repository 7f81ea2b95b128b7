//! Reasons to refuse a change of a repository.

use std::collections::HashSet;

use sealift_core::content::{Descriptor, Digest, Manifest};

use super::Content;

/// The reason to refuse a change: other tools could not read the layout, or would find other content than is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Objection {
    /// The repository lacks these blobs or manifests.
    Missing(Vec<Digest>),
    /// A pointer says another length than the content has.
    WrongSize { digest: Digest, said: u64, found: u64 },
    /// The bytes do not have the digest: the one of signed manifests of schema 1 leaves their signatures out.
    WrongDigest(Digest),
    /// A pointer calls a manifest something else than it was pushed as.
    WrongType(String),
    /// A manifest points to it, so it would come back.
    InUse(&'static str),
}

impl Content {
    /// The reason not to take a manifest. `loose` are blobs of the repository that no manifest has; with `sparse` what
    /// it points to may be missing.
    pub(crate) fn objection_to(&self, manifest: &Manifest, loose: &HashSet<Digest>, sparse: bool) -> Option<Objection> {
        let known = |digest: &Digest| self.has_blob(digest) || loose.contains(digest);
        // Foreign layers are not meant to be here.
        let wanted = manifest.blobs().filter(|blob| !blob.is_foreign());
        let held = |child: &&Descriptor| self.manifests.contains_key(&child.digest);
        let missing = wanted.map(|blob| &blob.digest).filter(|digest| !known(digest));
        let missing = missing.chain(manifest.children().filter(|child| !held(child)).map(|child| &child.digest));
        let missing: Vec<_> = missing.cloned().collect();
        if !missing.is_empty() && !sparse {
            return Some(Objection::Missing(missing));
        }
        let same = self.manifests.get(manifest.digest()).map(|held| &held.descriptor.media_type);
        if let Some(other) = same.filter(|other| *other != manifest.media_type()) {
            return Some(Objection::WrongType(format!("the repository has these bytes as `{other}`")));
        }
        manifest.children().find_map(|child| self.objection_to_child(child))
    }

    fn objection_to_child(&self, child: &Descriptor) -> Option<Objection> {
        let held = &self.manifests.get(&child.digest)?.descriptor;
        // An entry may leave its type out.
        if !child.media_type.is_empty() && child.media_type != held.media_type {
            let (digest, said, is) = (&child.digest, &child.media_type, &held.media_type);
            return Some(Objection::WrongType(format!("`{digest}` is a `{is}` here, not a `{said}`")));
        }
        let said = child.known_size().filter(|said| *said != held.size)?;
        Some(Objection::WrongSize { digest: child.digest.clone(), said, found: held.size })
    }

    /// The reason not to remove a manifest.
    pub(crate) fn objection_to_removing(&self, digest: &Digest) -> Option<Objection> {
        let is_child = self.parents.contains_key(digest);
        is_child.then_some(Objection::InUse("an index of the repository has it: delete that one first"))
    }
}
