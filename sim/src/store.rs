//! The memory of a simulated registry: it outlives the processes that talk to it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use sealift_core::content::Digest;

use crate::{
    projects::HarborProjects,
    topology::{HostPlan, ImagePlan, Topology},
};

/// A repository.
#[derive(Clone, Debug, Default)]
pub(crate) struct Repo {
    /// Blobs that are there.
    pub(crate) blobs: BTreeSet<Digest>,
    /// Manifests that are there.
    pub(crate) manifests: BTreeSet<Digest>,
    /// Tags.
    pub(crate) tags: BTreeMap<String, Digest>,
}

impl Repo {
    /// Drops the blobs that no manifest needs.
    fn drop_blobs(&mut self, links: &BTreeMap<Digest, StoredLinks>) {
        let needed: BTreeSet<&Digest> = self.manifests.iter().flat_map(|digest| &links[digest].blobs).collect();
        self.blobs.retain(|blob| needed.contains(blob));
    }
}

/// An upload that was begun.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// Its repository.
    pub(crate) repository: String,
    /// The bytes so far.
    pub(crate) bytes: Vec<u8>,
}

/// The links of a manifest, as this registry reads them.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoredLinks {
    /// Media type.
    pub(crate) media_type: String,
    /// Blobs.
    pub(crate) blobs: Vec<Digest>,
    /// Manifests.
    pub(crate) manifests: Vec<Digest>,
    /// The manifest that it is about.
    pub(crate) subject: Option<Digest>,
}

/// Everything that a registry has.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    /// Its properties.
    pub(crate) plan: HostPlan,
    /// Repositories by path.
    pub(crate) repositories: BTreeMap<String, Repo>,
    /// Bytes by digest, of all repositories.
    pub(crate) bytes: BTreeMap<Digest, Bytes>,
    /// What manifests link to.
    pub(crate) links: BTreeMap<Digest, StoredLinks>,
    /// Uploads by name.
    pub(crate) sessions: BTreeMap<String, Session>,
    /// The number of uploads so far.
    pub(crate) begun: u64,
    /// Tokens with the time of their end in milliseconds and the scopes.
    pub(crate) tokens: BTreeMap<String, (u64, BTreeSet<String>)>,
    /// The projects of a Harbor.
    pub(crate) projects: HarborProjects,
}

impl Store {
    /// Returns a registry without content.
    pub(crate) fn new(plan: &HostPlan) -> Self {
        Self {
            plan: plan.clone(),
            repositories: BTreeMap::new(),
            bytes: BTreeMap::new(),
            links: BTreeMap::new(),
            sessions: BTreeMap::new(),
            begun: 0,
            tokens: BTreeMap::new(),
            projects: HarborProjects::default(),
        }
    }

    /// Puts content with everything below it into a repository.
    pub(crate) fn fill(&mut self, topology: &Topology, repository: &str, root: &Digest) {
        for digest in topology.below(root) {
            let content = &topology.contents[&digest];
            self.bytes.insert(digest.clone(), content.bytes.clone());
            let repo = self.repositories.entry(repository.to_owned()).or_default();
            match content.media_type {
                None => _ = repo.blobs.insert(digest),
                Some(media_type) => {
                    repo.manifests.insert(digest.clone());
                    let links = StoredLinks {
                        media_type: media_type.to_owned(),
                        blobs: content.blobs.clone(),
                        manifests: content.manifests.clone(),
                        subject: content.subject.clone(),
                    };
                    self.links.insert(digest, links);
                }
            }
        }
    }

    /// Returns what is missing below a manifest of a repository, the manifest included.
    pub(crate) fn lacks(&self, repository: &str, root: &Digest) -> Vec<Digest> {
        let empty = Repo::default();
        let repo = self.repositories.get(repository).unwrap_or(&empty);
        let (mut seen, mut open, mut missing) = (BTreeSet::new(), vec![root.clone()], Vec::new());
        while let Some(next) = open.pop() {
            if !seen.insert(next.clone()) {
                continue;
            }
            if !repo.manifests.contains(&next) {
                missing.push(next);
                continue;
            }
            let links = &self.links[&next];
            missing.extend(links.blobs.iter().filter(|blob| !repo.blobs.contains(blob)).cloned());
            open.extend(links.manifests.iter().cloned());
        }
        missing
    }

    /// Returns the manifests of a repository that are about a digest.
    pub(crate) fn referrers(&self, repository: &str, subject: &Digest) -> Vec<Digest> {
        let Some(repo) = self.repositories.get(repository) else { return Vec::new() };
        let about = |digest: &&Digest| self.links[*digest].subject.as_ref() == Some(subject);
        repo.manifests.iter().filter(about).cloned().collect()
    }

    /// Fills a registry with what the topology says of it.
    pub(crate) fn of(topology: &Topology, plan: &HostPlan) -> Self {
        let mut store = Self::new(plan);
        for image in topology.images.iter().filter(|image| image.host == plan.name) {
            store.put(topology, image, 0);
        }
        for (host, repository, tag, digest) in &topology.before {
            if *host == plan.name {
                store.fill(topology, repository, digest);
                store.tag(repository, tag, digest);
            }
        }
        HarborProjects::set_up(&mut store);
        store
    }

    /// Puts a version of an image under its tag, with everything that belongs to it.
    pub(crate) fn put(&mut self, topology: &Topology, image: &ImagePlan, version: usize) {
        let version = &image.versions[version];
        self.fill(topology, &image.repository, &version.root);
        self.tag(&image.repository, &image.tag, &version.root);
        for referrer in &version.referrers {
            self.fill(topology, &image.repository, referrer);
        }
        if let Some((tag, digest)) = &version.signature {
            self.fill(topology, &image.repository, digest);
            self.tag(&image.repository, tag, digest);
        }
        if !self.plan.has_referrers && !version.referrers.is_empty() {
            self.list_by_tag(&image.repository, &version.root);
        }
    }

    /// Deletes a tag, and the manifest that it stands for with its content if no other needs it.
    pub(crate) fn delete(&mut self, repository: &str, tag: &str, content: bool) {
        let Some(repo) = self.repositories.get_mut(repository) else { return };
        let Some(root) = repo.tags.remove(tag).filter(|root| content && !repo.tags.values().any(|tag| tag == root))
        else {
            return;
        };
        let children = self.links[&root].manifests.clone();
        repo.manifests.remove(&root);
        for child in children {
            let is_needed = repo.manifests.iter().any(|other| self.links[other].manifests.contains(&child));
            if !is_needed && !repo.tags.values().any(|tag| *tag == child) {
                repo.manifests.remove(&child);
            }
        }
        repo.drop_blobs(&self.links);
    }

    /// Deletes the blobs that no manifest needs; before, the manifests that no tag leads to and that are about none.
    pub(crate) fn collect(&mut self, untagged: bool) {
        let links = &self.links;
        for repo in self.repositories.values_mut() {
            if untagged {
                let about_others = repo.manifests.iter().filter(|digest| links[*digest].subject.is_some());
                let mut open: Vec<Digest> = repo.tags.values().chain(about_others).cloned().collect();
                let mut live = BTreeSet::new();
                while let Some(next) = open.pop() {
                    if live.insert(next.clone()) {
                        open.extend(links.get(&next).into_iter().flat_map(|links| links.manifests.clone()));
                    }
                }
                repo.manifests.retain(|digest| live.contains(digest));
            }
            repo.drop_blobs(links);
        }
    }

    /// Sets a tag.
    pub(crate) fn tag(&mut self, repository: &str, tag: &str, digest: &Digest) {
        let repo = self.repositories.entry(repository.to_owned()).or_default();
        repo.tags.insert(tag.to_owned(), digest.clone());
    }

    /// Writes the tag that lists the referrers of a manifest, where there is no API for it.
    fn list_by_tag(&mut self, repository: &str, subject: &Digest) {
        let index = self.referrers_index(repository, subject);
        let digest = Digest::of(&index);
        let links = StoredLinks {
            media_type: crate::topology::OCI_INDEX.to_owned(),
            manifests: self.referrers(repository, subject),
            ..StoredLinks::default()
        };
        self.bytes.insert(digest.clone(), index.into());
        self.links.insert(digest.clone(), links);
        let repo = self.repositories.entry(repository.to_owned()).or_default();
        repo.manifests.insert(digest.clone());
        self.tag(repository, &subject.to_string().replace(':', "-"), &digest);
    }

    /// Returns the index of the manifests that are about a digest.
    pub(crate) fn referrers_index(&self, repository: &str, subject: &Digest) -> Vec<u8> {
        let entry = |digest: &Digest| {
            serde_json::json!({
                "mediaType": self.links[digest].media_type,
                "digest": digest.to_string(),
                "size": self.bytes[digest].len(),
                "artifactType": "application/vnd.example.signature",
            })
        };
        let entries: Vec<_> = self.referrers(repository, subject).iter().map(entry).collect();
        let media_type = crate::topology::OCI_INDEX;
        serde_json::json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": entries })
            .to_string()
            .into_bytes()
    }
}
