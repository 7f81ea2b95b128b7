//! The content of a repository, and its entries in `index.json`.
//!
//! Every tag has an entry. A manifest without a tag has one, by digest, if no index of the repository has it below
//! itself: all content of the repository can be reached from an entry, so no tool that cleans up removes it,
//! and a server that starts again finds the same content. Content that does not follow from the index (blobs without a
//! manifest) is kept apart, in the store.

mod listed;
mod objection;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use sealift_core::content::{Descriptor, Digest, Manifest, Reference, Tag};
use sealift_oci_layout::{EntryChange, NamedEntry, RefStyle};

use listed::ListedEntry;
pub(crate) use objection::Objection;

/// The content of a repository. Cloned to try a change; the clone takes its place once the change is on the disk.
#[derive(Clone, Default)]
pub(crate) struct Content {
    path: String,
    pub(super) tags: BTreeMap<Tag, Digest>,
    manifests: HashMap<Digest, Arc<ManifestLinks>>,
    /// Manifests that are listed, or below an index, and were not read: not yet, or because they are missing or
    /// damaged.
    unread: HashMap<Digest, Descriptor>,
    /// The number of manifests that have a blob.
    blobs: HashMap<Digest, usize>,
    /// The number of tags that point to a manifest.
    tagged: HashMap<Digest, usize>,
    /// The number of indexes that contain a manifest.
    parents: HashMap<Digest, usize>,
    referrers: HashMap<Digest, BTreeSet<Digest>>,
    /// The entries of the index, by what they mean. The first one of a tag counts.
    listed: HashMap<Reference, Vec<ListedEntry>>,
}

/// The links of a manifest.
struct ManifestLinks {
    /// The descriptor for lists of referrers: with artifact type and annotations.
    descriptor: Descriptor,
    children: BTreeSet<Digest>,
    blobs: BTreeSet<Digest>,
    subject: Option<Digest>,
}

impl Content {
    pub(super) fn new(path: &str) -> Self {
        Self { path: path.to_owned(), ..Self::default() }
    }

    /// Takes up an entry of the index as it was found.
    pub(super) fn list(&mut self, version: Reference, item: &Descriptor) {
        // A name may claim another digest than the one that the entry points to.
        let version = match version {
            Reference::Digest(_) => Reference::Digest(item.digest.clone()),
            tag @ Reference::Tag(_) => tag,
        };
        if let Reference::Tag(tag) = &version
            && !self.tags.contains_key(tag)
        {
            self.tags.insert(tag.clone(), item.digest.clone());
            *self.tagged.entry(item.digest.clone()).or_default() += 1;
        }
        self.listed.entry(version).or_default().push(ListedEntry::of(item));
        self.lacks(item);
    }

    /// Notes a manifest that is pointed to and not read.
    pub(super) fn lacks(&mut self, item: &Descriptor) {
        if !self.manifests.contains_key(&item.digest) {
            let plain = Descriptor::new(item.media_type.clone(), item.digest.clone(), item.size);
            self.unread.entry(item.digest.clone()).or_insert(plain);
        }
    }

    /// The manifests that are listed and were not read.
    pub(super) fn unread(&self) -> Vec<Descriptor> {
        self.unread.values().cloned().collect()
    }

    /// Returns true if a manifest that is listed, or below an index, was not read.
    pub(super) fn lacks_something(&self) -> bool {
        !self.unread.is_empty()
    }

    /// The pointer to a manifest that is here, or should be.
    pub(super) fn descriptor(&self, digest: &Digest) -> Option<&Descriptor> {
        let held = self.manifests.get(digest).map(|held| &held.descriptor);
        held.or_else(|| self.unread.get(digest))
    }

    pub(super) fn has_blob(&self, digest: &Digest) -> bool {
        self.blobs.contains_key(digest)
    }

    /// A manifest and its blobs.
    pub(super) fn held_by(&self, digest: &Digest) -> Vec<Digest> {
        let blobs = self.manifests.get(digest).into_iter().flat_map(|held| held.blobs.iter().cloned());
        blobs.chain([digest.clone()]).collect()
    }

    /// Returns true if something is listed: then it is a repository after a restart, too.
    pub(super) fn has_manifests(&self) -> bool {
        !self.listed.is_empty()
    }

    /// The manifests that are about `subject`.
    pub(super) fn referrers(&self, subject: &Digest) -> Vec<Descriptor> {
        let digests = self.referrers.get(subject).into_iter().flatten();
        digests.filter_map(|digest| self.descriptor(digest).cloned()).collect()
    }

    /// All of it as text, for comparisons.
    #[cfg(test)]
    pub(super) fn summary(&self) -> Vec<String> {
        let mut all: Vec<_> = self.tags.iter().map(|(tag, digest)| format!("tag {tag} {digest}")).collect();
        all.extend(self.manifests.values().map(|held| format!("manifest {:?}", held.descriptor)));
        all.extend(self.unread.keys().map(|digest| format!("unread {digest}")));
        all.extend(self.blobs.iter().map(|(digest, count)| format!("blob {digest} {count}")));
        let about = self.referrers.iter().filter(|(_, all)| !all.is_empty());
        all.extend(about.map(|(subject, all)| format!("about {subject} {all:?}")));
        all.extend(self.listed.keys().map(|version| format!("listed {version}")));
        all.sort();
        all
    }

    /// Takes up a manifest, with what it points to.
    pub(super) fn hold(&mut self, manifest: &Manifest) {
        let digest = manifest.digest();
        self.unread.remove(digest);
        if self.manifests.contains_key(digest) {
            return;
        }
        // An index may name the same child twice; it is one child all the same.
        let children = manifest.children().map(|child| child.digest.clone()).collect::<BTreeSet<_>>();
        let blobs = manifest.blobs().map(|blob| blob.digest.clone()).collect::<BTreeSet<_>>();
        for child in &children {
            *self.parents.entry(child.clone()).or_default() += 1;
        }
        for blob in &blobs {
            *self.blobs.entry(blob.clone()).or_default() += 1;
        }
        let subject = manifest.subject().map(|subject| subject.digest.clone());
        if let Some(subject) = &subject {
            self.referrers.entry(subject.clone()).or_default().insert(digest.clone());
        }
        let held = ManifestLinks { descriptor: manifest.referrer_descriptor(), children, blobs, subject };
        self.manifests.insert(digest.clone(), Arc::new(held));
    }

    /// Takes a manifest, under a tag if there is one.
    pub(super) fn put(&mut self, manifest: &Manifest, tag: Option<&Tag>) -> Vec<EntryChange> {
        let digest = manifest.digest();
        self.hold(manifest);
        let (mut changes, mut touched) = (Vec::new(), vec![digest.clone()]);
        touched.extend(manifest.children().map(|child| child.digest.clone()));
        if let Some(tag) = tag {
            touched.extend(self.move_tag(tag, digest));
            touched.extend(self.set(manifest.descriptor(), Reference::Tag(tag.clone()), &mut changes));
        }
        self.relist(touched, &mut changes);
        changes
    }

    /// Removes a tag; none if there is none.
    pub(super) fn remove_tag(&mut self, tag: &Tag) -> Option<Vec<EntryChange>> {
        let digest = self.tags.remove(tag)?;
        decrease(&mut self.tagged, &digest);
        let mut changes = Vec::new();
        let mut touched = self.unlist(&Reference::Tag(tag.clone()), &mut changes);
        touched.push(digest);
        self.relist(touched, &mut changes);
        Some(changes)
    }

    /// Removes a manifest and the tags that point to it; none if there is none. The caller has asked
    /// [`Content::objection_to_removing`].
    pub(super) fn remove(&mut self, digest: &Digest) -> Option<Vec<EntryChange>> {
        let unread = self.unread.remove(digest);
        let held = self.manifests.remove(digest);
        if held.is_none() && unread.is_none() {
            return None;
        }
        let (mut changes, mut touched) = (Vec::new(), Vec::new());
        let tags: Vec<Tag> = self.tags.iter().filter(|(_, at)| *at == digest).map(|(tag, _)| tag.clone()).collect();
        for tag in tags {
            self.tags.remove(&tag);
            touched.extend(self.unlist(&Reference::Tag(tag), &mut changes));
        }
        self.tagged.remove(digest);
        touched.extend(self.unlist(&Reference::Digest(digest.clone()), &mut changes));
        self.unlist_others(digest, &mut changes);
        if let Some(held) = held {
            self.let_go(digest, &held);
            touched.extend(held.children.iter().cloned());
        }
        self.relist(touched, &mut changes);
        Some(changes)
    }

    /// Forgets what a manifest points to.
    fn let_go(&mut self, digest: &Digest, held: &ManifestLinks) {
        if let Some(subject) = &held.subject
            && let Some(referrers) = self.referrers.get_mut(subject)
        {
            referrers.remove(digest);
        }
        held.blobs.iter().for_each(|blob| decrease(&mut self.blobs, blob));
        held.children.iter().for_each(|child| decrease(&mut self.parents, child));
    }

    /// Lets a tag point here; what it pointed to before comes back.
    fn move_tag(&mut self, tag: &Tag, digest: &Digest) -> Option<Digest> {
        *self.tagged.entry(digest.clone()).or_default() += 1;
        let before = self.tags.insert(tag.clone(), digest.clone())?;
        decrease(&mut self.tagged, &before);
        Some(before)
    }

    /// Sees to it that manifests have an entry by digest exactly if they need one.
    fn relist(&mut self, touched: Vec<Digest>, changes: &mut Vec<EntryChange>) {
        for digest in touched {
            let is_reached = self.tagged.contains_key(&digest) || self.parents.contains_key(&digest);
            let version = Reference::Digest(digest.clone());
            match (self.manifests.get(&digest), self.listed.contains_key(&version)) {
                (Some(held), false) if !is_reached => {
                    let item = Descriptor::new(held.descriptor.media_type.clone(), digest, held.descriptor.size);
                    self.set(item, version, changes);
                }
                (Some(_), true) if is_reached => drop(self.unlist(&version, changes)),
                // An entry of its own is not written for what is missing or damaged.
                (None, false) if !is_reached => drop(self.unread.remove(&digest)),
                _ => {}
            }
        }
    }

    /// Writes an entry in the place of those that mean the same; what those pointed to comes back.
    ///
    /// The first one keeps its text, which may be another way to write the path.
    fn set(&mut self, item: Descriptor, version: Reference, changes: &mut Vec<EntryChange>) -> Vec<Digest> {
        let before = self.listed.remove(&version).unwrap_or_default();
        let kept = before.iter().find_map(|entry| entry.moved(item.clone(), &version));
        let is_referrer =
            version.digest().and_then(|digest| self.manifests.get(digest)).is_some_and(|held| held.subject.is_some());
        let entry = kept.unwrap_or_else(|| match is_referrer {
            true => NamedEntry::referrer(item, &self.path),
            false => NamedEntry::new(item, &self.path, &version, RefStyle::Full),
        });
        let others = before.iter().filter(|other| !other.is_called(entry.name()));
        changes.extend(others.map(ListedEntry::removal));
        self.listed.insert(version, vec![ListedEntry::of(entry.entry())]);
        changes.push(EntryChange::Set(Box::new(entry)));
        before.into_iter().map(|entry| entry.digest).collect()
    }

    /// Removes all entries that mean a version; what they pointed to comes back.
    fn unlist(&mut self, version: &Reference, changes: &mut Vec<EntryChange>) -> Vec<Digest> {
        let entries = self.listed.remove(version).unwrap_or_default();
        changes.extend(entries.iter().map(ListedEntry::removal));
        entries.into_iter().map(|entry| entry.digest).collect()
    }

    /// Removes entries of a manifest that do not count, because another one of their tag comes first.
    fn unlist_others(&mut self, digest: &Digest, changes: &mut Vec<EntryChange>) {
        for entries in self.listed.values_mut() {
            let hidden = entries.extract_if(.., |entry| entry.digest == *digest);
            changes.extend(hidden.map(|entry| entry.removal()));
        }
        self.listed.retain(|_, entries| !entries.is_empty());
    }
}

fn decrease(counts: &mut HashMap<Digest, usize>, digest: &Digest) {
    if let Some(count) = counts.get_mut(digest) {
        *count -= 1;
        if *count == 0 {
            counts.remove(digest);
        }
    }
}

#[cfg(test)]
mod tests;
