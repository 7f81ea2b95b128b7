//! The state that destinations must have in the end, from the topology alone: no code of the engine is used.

use std::collections::{BTreeMap, BTreeSet};

use sealift_core::content::Digest;

use crate::topology::Topology;

/// A repository of a destination.
pub(crate) type Place = (String, String);

/// The state that a complete run leaves behind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    /// Tags, with the image that each stands for and the source that it is read from.
    pub(crate) tags: BTreeMap<(Place, String), (Digest, String)>,
    /// Manifests that are about others, with their subject and the tag that they belong to.
    pub(crate) referrers: BTreeSet<(Place, Digest, Digest, String)>,
    /// Tags of signatures, which a run may write besides.
    pub(crate) signatures: BTreeMap<(Place, String), (Digest, String)>,
    /// The number of targets.
    pub(crate) targets: u64,
}

impl Expected {
    /// Returns what the rules of a topology ask for.
    pub(crate) fn of(topology: &Topology) -> Self {
        let mut expected = Self::default();
        for rule in &topology.rules {
            let mut listed = BTreeSet::new();
            for image in topology.images_of(rule) {
                listed.insert(image.tag.clone());
                listed.extend(image.signature.iter().map(|(tag, _)| tag.clone()).filter(|_| rule.lists));
                let source = format!("{}/{}:{}", image.host, image.repository, image.tag);
                for place in &rule.to {
                    let tag = (place.clone(), image.tag.clone());
                    expected.tags.insert(tag, (image.root.clone(), source.clone()));
                    for referrer in &image.referrers {
                        let about = (place.clone(), image.root.clone(), referrer.clone(), image.tag.clone());
                        expected.referrers.insert(about);
                    }
                    if let Some((tag, digest)) = &image.signature {
                        let signature = (digest.clone(), image.tag.clone());
                        expected.signatures.insert((place.clone(), tag.clone()), signature);
                    }
                }
            }
            expected.targets += listed.len() as u64 * rule.to.len() as u64;
        }
        expected
    }

    /// Returns true if a run may write this tag.
    pub(crate) fn may_write(&self, place: &Place, tag: &str) -> bool {
        let key = (place.clone(), tag.to_owned());
        self.tags.contains_key(&key) || self.signatures.contains_key(&key) || tag.starts_with("sha256-")
    }
}
