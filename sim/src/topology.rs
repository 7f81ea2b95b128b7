//! The registries, images and rules of a seed, as data.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use sealift_core::content::Digest;
use serde_json::{Value, json};

use crate::{draw::Draw, planned_change::PlannedChange, projects::HarborPlan};

/// The version of the generator. A change of what seeds mean makes a new one, and [`Reduced::generator`] keeps the old ones.
pub const GENERATOR: u32 = 3;

/// The kinds of events that generator 1 does not have: the version that has them first, and the share of the seeds with them.
/// Of weather, it is the rate that counts.
const LATER_KINDS: [(&str, u32, f64); 9] = [
    ("moved-tags", 2, 0.25),
    ("deleted-tags", 2, 0.25),
    ("garbage-collection", 2, 0.25),
    ("ended-uploads", 2, 0.25),
    ("two-runs", 2, 0.25),
    ("large-blobs", 2, 0.25),
    ("harbor", 2, 0.15),
    ("slow-upload", 2, 0.0),
    ("outage", 3, 0.0),
];

/// The parts of a scenario that are left out, to find out what a failure needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reduced {
    /// The images that are there; all, if none is named.
    pub images: Option<BTreeSet<usize>>,
    /// Kinds of weather and events that do not happen.
    pub without: BTreeSet<String>,
    /// Single faults that do not happen.
    pub without_faults: BTreeSet<u64>,
    /// Only the first destination of each rule counts.
    pub one_destination: bool,
    /// The first process is not interrupted.
    pub uninterrupted: bool,
}

impl Reduced {
    /// Returns what a version of the generator does not have.
    pub fn generator(version: u32) -> Self {
        let later = LATER_KINDS.iter().filter(|(_, first, _)| *first > version);
        Self { without: later.map(|(kind, ..)| (*kind).to_owned()).collect(), ..Self::default() }
    }

    /// Returns the kinds of events that happen in a seed.
    fn kinds(&self, draw: Draw) -> BTreeSet<&'static str> {
        let happens =
            |(kind, _, share): &(&str, u32, f64)| !self.without.contains(*kind) && draw.at(kind).chance(*share);
        LATER_KINDS.into_iter().filter(happens).map(|(kind, ..)| kind).collect()
    }
}

/// The way in which a registry asks for a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// It is open.
    Open,
    /// Basic.
    Basic,
    /// Tokens of a service of its own; anonymous users may read if this is true.
    Token { anonymous_reads: bool },
}

/// The properties of a registry.
#[derive(Clone, Debug)]
pub(crate) struct HostPlan {
    /// Its name.
    pub(crate) name: String,
    /// The way in which it asks for a login.
    pub(crate) scheme: Scheme,
    /// It knows the referrers API.
    pub(crate) has_referrers: bool,
    /// It refuses manifests whose content it does not have.
    pub(crate) checks: bool,
    /// It mounts blobs across repositories.
    pub(crate) mounts: bool,
    /// It serves blobs from another host.
    pub(crate) redirects: bool,
    /// It gives absolute locations of uploads.
    pub(crate) absolute_locations: bool,
    /// Tags in one page of a list.
    pub(crate) page: usize,
    /// Lifetime of tokens in seconds.
    pub(crate) token_life_s: u64,
    /// Time for one way in milliseconds.
    pub(crate) latency_ms: u64,
    /// Bytes in a millisecond.
    pub(crate) bytes_per_ms: u64,
    /// It is a Harbor.
    pub(crate) harbor: Option<HarborPlan>,
}

/// The password of a host, which no other host may see.
pub(crate) fn secret_of(host: &str) -> String {
    format!("{}password", marker_of(host))
}

/// The text that all secrets of a host contain.
pub(crate) fn marker_of(host: &str) -> String {
    format!("secret-{host}-")
}

/// Something that a registry stores.
#[derive(Clone, Debug)]
pub(crate) struct StoredContent {
    /// Its bytes.
    pub(crate) bytes: Bytes,
    /// Media type, of manifests.
    pub(crate) media_type: Option<&'static str>,
    /// Blobs that a manifest needs.
    pub(crate) blobs: Vec<Digest>,
    /// Manifests that an index needs.
    pub(crate) manifests: Vec<Digest>,
    /// The manifest that this one is about.
    pub(crate) subject: Option<Digest>,
}

/// A tag at a source, with everything that belongs to it.
#[derive(Clone, Debug)]
pub(crate) struct ImagePlan {
    /// Its number, for reducing.
    pub(crate) number: usize,
    /// The source.
    pub(crate) host: String,
    /// Repository there.
    pub(crate) repository: String,
    /// Tag.
    pub(crate) tag: String,
    /// The images that the tag stands for, one after the other.
    pub(crate) versions: Vec<ImageVersion>,
}

/// An image with everything that belongs to it.
#[derive(Clone, Debug)]
pub(crate) struct ImageVersion {
    /// The manifest.
    pub(crate) root: Digest,
    /// Manifests about it.
    pub(crate) referrers: Vec<Digest>,
    /// The tag of its signature.
    pub(crate) signature: Option<(String, Digest)>,
}

/// One rule of the pipeline.
#[derive(Clone, Debug)]
pub(crate) struct RulePlan {
    /// Host and repository to read.
    pub(crate) from: (String, String),
    /// Host and repository of each destination.
    pub(crate) to: Vec<(String, String)>,
    /// Its tags are listed, not named.
    pub(crate) lists: bool,
}

/// Everything that there is at the beginning.
#[derive(Clone, Debug)]
pub(crate) struct Topology {
    /// The registries by name.
    pub(crate) hosts: BTreeMap<String, HostPlan>,
    /// All content by digest.
    pub(crate) contents: BTreeMap<Digest, StoredContent>,
    /// The images at the sources.
    pub(crate) images: Vec<ImagePlan>,
    /// The rules.
    pub(crate) rules: Vec<RulePlan>,
    /// Tags that destinations have before: host, repository, tag, digest.
    pub(crate) before: Vec<(String, String, String, Digest)>,
    /// The kinds of events that happen.
    pub(crate) kinds: BTreeSet<&'static str>,
    /// The changes by others while the pipeline is run, in their order.
    pub(crate) changes: Vec<PlannedChange>,
}

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

impl Topology {
    /// Generates what a seed stands for.
    pub(crate) fn generate(seed: u64, reduced: &Reduced) -> Self {
        let draw = Draw::new(seed).at("topology");
        let mut topology = Self {
            hosts: BTreeMap::new(),
            contents: BTreeMap::new(),
            images: Vec::new(),
            rules: Vec::new(),
            before: Vec::new(),
            kinds: reduced.kinds(draw),
            changes: Vec::new(),
        };
        let sources = names("src", 1 + draw.at("sources").below(3));
        let destinations = names("dst", 1 + draw.at("destinations").below(3));
        for name in sources.iter().chain(&destinations) {
            let mut plan = host(draw.at(name), name);
            if topology.kinds.contains("harbor") && name.starts_with("dst") {
                plan = plan.into_harbor(draw.at(name).at("harbor"));
            }
            topology.hosts.insert(name.clone(), plan);
        }
        let large = draw.at("large").chance(0.05);
        let repositories = 1 + draw.at("repositories").below(if large { 8 } else { 4 });
        let mut number = 0;
        for repository in 0..repositories {
            let draw = draw.at("repository").nth(repository);
            let source = pick(draw.at("source"), &sources);
            let path = format!("team{}/app{repository}", repository % 2);
            let tags = 1 + draw.at("tags").below(if large { 6 } else { 3 });
            let mut rule = RulePlan { from: (source.clone(), path.clone()), to: Vec::new(), lists: false };
            rule.lists = topology.hosts[source].has_referrers && draw.at("lists").chance(0.5);
            let first = draw.at("to").below(destinations.len() as u64);
            let count = 1 + draw.at("several").below(destinations.len() as u64);
            for at in 0..if reduced.one_destination { 1 } else { count } {
                let at = (first + at) % destinations.len() as u64;
                let destination = &destinations[usize::try_from(at).expect("small")];
                rule.to.push((destination.clone(), format!("mirror/app{repository}")));
            }
            for tag in 0..tags {
                let kept = reduced.images.as_ref().is_none_or(|images| images.contains(&number));
                if kept {
                    let image = topology.new_image(draw.at("tag").nth(tag), number, source, &path, &format!("v{tag}"));
                    topology.images.push(image);
                }
                number += 1;
            }
            if topology.images.iter().any(|image| image.host == *source && image.repository == path) {
                topology.rules.push(rule);
            }
        }
        topology.fill_destinations(draw.at("before"));
        topology.changes = PlannedChange::generate(draw.at("changes"), &mut topology);
        topology
    }

    fn new_image(&mut self, draw: Draw, number: usize, host: &str, repository: &str, tag: &str) -> ImagePlan {
        ImagePlan {
            number,
            host: host.to_owned(),
            repository: repository.to_owned(),
            tag: tag.to_owned(),
            versions: vec![self.version(draw)],
        }
    }

    /// Generates an image with everything that belongs to it.
    pub(crate) fn version(&mut self, draw: Draw) -> ImageVersion {
        let root = match draw.at("index").chance(0.25) {
            true => {
                let children = 0..1 + draw.at("children").below(3);
                let children: Vec<Digest> =
                    children.map(|child| self.manifest(draw.at("child").nth(child), None)).collect();
                self.index(&children)
            }
            false => self.manifest(draw, None),
        };
        let referrers = (0..draw.at("referrers").below(3)).filter(|_| draw.at("has_referrers").chance(0.4));
        let referrers = referrers.map(|at| self.manifest(draw.at("referrer").nth(at), Some(&root))).collect();
        let signature = draw.at("signature").chance(0.15).then(|| {
            let tag = format!("{}.sig", root.to_string().replace(':', "-"));
            (tag, self.manifest(draw.at("signature"), None))
        });
        ImageVersion { root, referrers, signature }
    }

    fn manifest(&mut self, draw: Draw, subject: Option<&Digest>) -> Digest {
        let layers = draw.at("layers").below(4);
        let layers: Vec<Digest> = (0..layers).map(|layer| self.layer(draw.at("layer").nth(layer))).collect();
        let config = json!({
            "os": "linux",
            "architecture": "amd64",
            "rootfs": { "type": "layers", "diff_ids": [] },
            "created_by": draw.bits(),
        });
        let config = self.add(config.to_string().into_bytes(), None, &[], &[], None);
        let describe = |digest: &Digest, media_type: &str| json!({ "mediaType": media_type, "digest": digest.to_string(), "size": self.contents[digest].bytes.len() });
        let mut document = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": describe(&config, OCI_CONFIG),
            "layers": layers.iter().map(|layer| describe(layer, OCI_LAYER)).collect::<Vec<_>>(),
        });
        if let Some(subject) = subject {
            document["subject"] = describe(subject, self.contents[subject].media_type.unwrap_or(OCI_MANIFEST));
            document["artifactType"] = "application/vnd.example.signature".into();
        }
        let blobs: Vec<Digest> = std::iter::once(config).chain(layers).collect();
        self.add(document.to_string().into_bytes(), Some(OCI_MANIFEST), &blobs, &[], subject)
    }

    fn index(&mut self, children: &[Digest]) -> Digest {
        let entry = |(at, digest): (usize, &Digest)| -> Value {
            let architecture = ["amd64", "arm64", "s390x"][at % 3];
            json!({
                "mediaType": OCI_MANIFEST,
                "digest": digest.to_string(),
                "size": self.contents[digest].bytes.len(),
                "platform": { "os": "linux", "architecture": architecture },
            })
        };
        let document = json!({
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": children.iter().enumerate().map(entry).collect::<Vec<_>>(),
        });
        self.add(document.to_string().into_bytes(), Some(OCI_INDEX), &[], children, None)
    }

    /// A layer: one of a few that images share, or one of its own.
    fn layer(&mut self, draw: Draw) -> Digest {
        let draw = match draw.at("shared").chance(0.5) {
            true => Draw::new(draw.at("which").below(6)).at("layer"),
            false => draw,
        };
        let length = match draw.at("size").below(20) {
            _ if self.kinds.contains("large-blobs") && draw.at("large").chance(0.1) => draw.at("length").below(3 << 20),
            0 => 0,
            1..=9 => draw.at("length").below(2 << 10),
            10..=17 => draw.at("length").below(40 << 10),
            _ => draw.at("length").below(300 << 10),
        };
        let bytes = draw.at("bytes").bytes(usize::try_from(length).expect("small"));
        self.add(bytes, None, &[], &[], None)
    }

    fn add(
        &mut self,
        bytes: Vec<u8>,
        media_type: Option<&'static str>,
        blobs: &[Digest],
        manifests: &[Digest],
        subject: Option<&Digest>,
    ) -> Digest {
        let digest = Digest::of(&bytes);
        let (blobs, manifests, subject) = (blobs.to_vec(), manifests.to_vec(), subject.cloned());
        self.contents
            .insert(digest.clone(), StoredContent { bytes: bytes.into(), media_type, blobs, manifests, subject });
        digest
    }

    /// Some images are at their destinations already, and other tags are that must stay.
    fn fill_destinations(&mut self, draw: Draw) {
        for rule in self.rules.clone() {
            let images: Vec<_> = self.images_of(&rule).cloned().collect();
            for (host, repository) in &rule.to {
                if self.hosts[host].harbor.as_ref().is_some_and(|harbor| !harbor.has_project) {
                    continue;
                }
                let draw = draw.at(host).at(repository);
                if draw.at("foreign").chance(0.3) {
                    let digest = self.manifest(draw.at("foreign"), None);
                    self.before.push((host.clone(), repository.clone(), "keep-me".to_owned(), digest));
                }
                for image in &images {
                    let draw = draw.nth(image.number as u64);
                    if draw.at("there").chance(0.15) {
                        let root = image.versions[0].root.clone();
                        self.before.push((host.clone(), repository.clone(), image.tag.clone(), root));
                    } else if draw.at("other").chance(0.1) {
                        let other = self.manifest(draw.at("other"), None);
                        self.before.push((host.clone(), repository.clone(), image.tag.clone(), other));
                    }
                }
            }
        }
    }

    /// Returns the image with a number.
    pub(crate) fn image(&self, number: usize) -> &ImagePlan {
        self.images.iter().find(|image| image.number == number).expect("changes are about images that there are")
    }

    /// Returns the images that a rule is about.
    pub(crate) fn images_of<'a>(&'a self, rule: &'a RulePlan) -> impl Iterator<Item = &'a ImagePlan> {
        self.images.iter().filter(|image| image.host == rule.from.0 && image.repository == rule.from.1)
    }

    /// Returns a manifest and all content below it.
    pub(crate) fn below(&self, root: &Digest) -> BTreeSet<Digest> {
        let (mut found, mut open) = (BTreeSet::new(), vec![root.clone()]);
        while let Some(next) = open.pop() {
            if found.insert(next.clone()) {
                let content = &self.contents[&next];
                open.extend(content.blobs.iter().chain(&content.manifests).cloned());
            }
        }
        found
    }
}

fn names(kind: &str, count: u64) -> Vec<String> {
    (0..count).map(|number| format!("{kind}{number}.example")).collect()
}

fn pick<T>(draw: Draw, all: &[T]) -> &T {
    &all[usize::try_from(draw.below(all.len() as u64)).expect("small")]
}

fn host(draw: Draw, name: &str) -> HostPlan {
    let scheme = match draw.at("scheme").below(5) {
        0 => Scheme::Open,
        1 => Scheme::Basic,
        2 => Scheme::Token { anonymous_reads: true },
        _ => Scheme::Token { anonymous_reads: false },
    };
    HostPlan {
        name: name.to_owned(),
        scheme,
        has_referrers: draw.at("referrers").chance(0.6),
        checks: draw.at("checks").chance(0.8),
        mounts: draw.at("mounts").chance(0.8),
        redirects: draw.at("redirects").chance(0.3),
        absolute_locations: draw.at("locations").chance(0.5),
        page: usize::try_from(1 + draw.at("page").below(8)).expect("small"),
        token_life_s: 60 + draw.at("life").below(240),
        latency_ms: *pick(draw.at("latency"), &[0, 1, 5, 40, 200]),
        bytes_per_ms: *pick(draw.at("bandwidth"), &[100, 1_000, 10_000, 100_000]),
        harbor: None,
    }
}

impl HostPlan {
    /// Makes it a Harbor.
    fn into_harbor(self, draw: Draw) -> Self {
        let has_project = draw.at("has_project").chance(0.7);
        let room = draw.at("quota").chance(0.4).then(|| draw.at("room").below(200 << 10));
        let harbor = HarborPlan { has_project, room, may_read: draw.at("may_read").chance(0.6) };
        Self {
            scheme: Scheme::Token { anonymous_reads: false },
            has_referrers: true,
            checks: true,
            mounts: true,
            absolute_locations: true,
            harbor: Some(harbor),
            ..self
        }
    }
}
