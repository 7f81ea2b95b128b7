//! What a repository has, and what of that stands in `index.json`.
//!
//! Every tag has an entry. A manifest without a tag has one, by digest, if no index of the repository has it below
//! itself: whatever is in the repository can be reached from an entry, so no tool that cleans up will take it away.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sealift_core::content::{Descriptor, Digest, Manifest, Tag, Version};
use sealift_oci_layout::{Named, RefStyle, named};

#[derive(Default)]
pub(crate) struct Content {
    path: String,
    pub(super) tags: BTreeMap<Tag, Digest>,
    manifests: HashMap<Digest, Held>,
    pub(super) blobs: HashSet<Digest>,
    /// How many tags point to a manifest.
    tagged: HashMap<Digest, usize>,
    /// How many indexes have a manifest below them.
    parents: HashMap<Digest, usize>,
    referrers: HashMap<Digest, BTreeSet<Digest>>,
    /// What stands in the index: the full name of each entry, as it is written there.
    listed: HashMap<Version, String>,
    /// Whether there ever was a manifest; blobs alone make no repository.
    known: bool,
}

/// What is known of a manifest.
struct Held {
    /// How a referrer is listed: with its artifact type and annotations.
    descriptor: Descriptor,
    children: Vec<Digest>,
    subject: Option<Digest>,
}

/// What has to change in `index.json`.
pub(crate) enum IndexChange {
    Set(Box<Named>),
    Remove(String),
}

impl Content {
    pub(super) fn new(path: &str) -> Self {
        Self { path: path.to_owned(), ..Self::default() }
    }

    /// Takes up an entry of the index as it was found.
    pub(super) fn list(&mut self, version: Version, full_name: String, digest: &Digest) {
        self.known = true;
        if let Version::Tag(tag) = &version {
            if self.tags.contains_key(tag) {
                return; // the first entry of a name counts
            }
            self.tags.insert(tag.clone(), digest.clone());
            *self.tagged.entry(digest.clone()).or_default() += 1;
        }
        self.listed.insert(version, full_name);
    }

    /// Takes up a manifest as it was found, with the blobs that it points to.
    pub(super) fn found(&mut self, manifest: &Manifest) {
        self.blobs.extend(manifest.blobs().map(|blob| blob.digest.clone()));
        self.hold(manifest);
    }

    pub(super) fn descriptor(&self, digest: &Digest) -> Option<&Descriptor> {
        self.manifests.get(digest).map(|held| &held.descriptor)
    }

    pub(super) fn has_manifests(&self) -> bool {
        !self.manifests.is_empty() || !self.listed.is_empty()
    }

    pub(super) fn is_known(&self) -> bool {
        self.known
    }

    /// The manifests that are about `subject`.
    pub(super) fn referrers(&self, subject: &Digest) -> Vec<Descriptor> {
        let digests = self.referrers.get(subject).into_iter().flatten();
        digests.filter_map(|digest| self.descriptor(digest).cloned()).collect()
    }

    /// What a manifest points to and is not here. Foreign layers are not meant to be.
    pub(super) fn missing(&self, manifest: &Manifest) -> Vec<Digest> {
        let blobs = manifest.blobs().filter(|blob| !blob.is_foreign());
        let blobs = blobs.map(|blob| &blob.digest).filter(|digest| !self.blobs.contains(digest));
        let children = manifest.children().map(|child| &child.digest);
        let children = children.filter(|digest| !self.manifests.contains_key(digest));
        blobs.chain(children).cloned().collect()
    }

    /// Takes a manifest, under a tag if there is one.
    pub(super) fn put(&mut self, manifest: &Manifest, tag: Option<&Tag>) -> Vec<IndexChange> {
        let digest = manifest.digest();
        self.known = true;
        self.hold(manifest);
        let mut changes = Vec::new();
        let mut touched = vec![digest.clone()];
        touched.extend(manifest.children().map(|child| child.digest.clone()));
        if let Some(tag) = tag {
            touched.extend(self.move_tag(tag, digest));
            changes.push(self.set(manifest.descriptor(), Version::Tag(tag.clone())));
        }
        changes.extend(touched.iter().filter_map(|digest| self.relist(digest)));
        changes
    }

    /// Removes a tag; none if there is none.
    pub(super) fn remove_tag(&mut self, tag: &Tag) -> Option<Vec<IndexChange>> {
        let digest = self.tags.remove(tag)?;
        self.untag(&digest);
        Some(self.unlist(&Version::Tag(tag.clone())).into_iter().chain(self.relist(&digest)).collect())
    }

    /// Removes a manifest and the tags that point to it; none if there is none.
    pub(super) fn remove(&mut self, digest: &Digest) -> Option<Vec<IndexChange>> {
        let held = self.manifests.remove(digest)?;
        let tags: Vec<Tag> = self.tags.iter().filter(|(_, at)| *at == digest).map(|(tag, _)| tag.clone()).collect();
        self.tagged.remove(digest);
        let mut changes: Vec<_> = self.unlist(&Version::Digest(digest.clone())).into_iter().collect();
        for tag in tags {
            self.tags.remove(&tag);
            changes.extend(self.unlist(&Version::Tag(tag)));
        }
        if let Some(subject) = &held.subject
            && let Some(referrers) = self.referrers.get_mut(subject)
        {
            referrers.remove(digest);
        }
        for child in &held.children {
            if let Some(parents) = self.parents.get_mut(child) {
                *parents -= 1;
            }
            changes.extend(self.relist(child));
        }
        Some(changes)
    }

    fn hold(&mut self, manifest: &Manifest) {
        let digest = manifest.digest();
        if self.manifests.contains_key(digest) {
            return;
        }
        // An index may name the same child twice; it is one child all the same.
        let children: BTreeSet<Digest> = manifest.children().map(|child| child.digest.clone()).collect();
        for child in &children {
            *self.parents.entry(child.clone()).or_default() += 1;
        }
        let subject = manifest.subject().map(|subject| subject.digest.clone());
        if let Some(subject) = &subject {
            self.referrers.entry(subject.clone()).or_default().insert(digest.clone());
        }
        let descriptor = manifest.as_referrer();
        self.manifests.insert(digest.clone(), Held { descriptor, children: children.into_iter().collect(), subject });
    }

    /// Lets a tag point here; what it pointed to before comes back.
    fn move_tag(&mut self, tag: &Tag, digest: &Digest) -> Option<Digest> {
        *self.tagged.entry(digest.clone()).or_default() += 1;
        let before = self.tags.insert(tag.clone(), digest.clone())?;
        self.untag(&before);
        Some(before)
    }

    fn untag(&mut self, digest: &Digest) {
        if let Some(tags) = self.tagged.get_mut(digest) {
            *tags -= 1;
        }
    }

    /// Sees to it that a manifest has an entry by digest exactly if it needs one.
    fn relist(&mut self, digest: &Digest) -> Option<IndexChange> {
        let none = |counts: &HashMap<Digest, usize>| counts.get(digest).is_none_or(|count| *count == 0);
        let version = Version::Digest(digest.clone());
        match self.manifests.get(digest) {
            Some(held) if none(&self.tagged) && none(&self.parents) => {
                if self.listed.contains_key(&version) {
                    return None;
                }
                let Descriptor { media_type, size, .. } = held.descriptor.clone();
                Some(self.set(Descriptor::new(media_type, digest.clone(), size), version))
            }
            _ => self.unlist(&version),
        }
    }

    /// Writes an entry. One that is there keeps its name, which may be another way to write the path.
    fn set(&mut self, descriptor: Descriptor, version: Version) -> IndexChange {
        let written = self.listed.get(&version).and_then(|name| sealift_oci_layout::Name::parse(name));
        let repository = written.map(|name| name.repository).filter(|name| !name.is_empty());
        let repository = repository.unwrap_or_else(|| self.path.clone());
        let sign = if version.tag().is_some() { ':' } else { '@' };
        self.listed.insert(version.clone(), format!("{repository}{sign}{version}"));
        IndexChange::Set(Box::new(named(descriptor, &repository, &version, RefStyle::Full)))
    }

    fn unlist(&mut self, version: &Version) -> Option<IndexChange> {
        self.listed.remove(version).map(IndexChange::Remove)
    }
}

#[cfg(test)]
mod tests;
