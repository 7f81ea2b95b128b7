//! The state that destinations must have in the end, from the topology alone: no code of the engine is used.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    topology::{ImageVersion, Topology},
    world::WorldState,
};

/// A repository of a destination.
pub(crate) type Place = (String, String);

/// The images that a tag of a destination may stand for.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExpectedTag {
    /// Those that the tag of the source stood for during the process.
    pub(crate) versions: Vec<ImageVersion>,
    /// The tag of the source was deleted for a while, so there may be nothing.
    pub(crate) is_optional: bool,
}

/// The state that a complete run leaves behind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    /// Tags, with what each may stand for.
    pub(crate) tags: BTreeMap<(Place, String), ExpectedTag>,
    /// Tags that a run may write.
    writable: BTreeSet<(Place, String)>,
    /// The number of targets; none if tags that are listed came or went during the process.
    pub(crate) targets: Option<u64>,
}

impl Expected {
    /// Returns what the rules of a topology ask for in the process that just ended.
    pub(crate) fn of(topology: &Topology, state: &WorldState) -> Self {
        let mut expected = Self { targets: Some(0), ..Self::default() };
        for rule in &topology.rules {
            let mut is_steady = true;
            for image in topology.images_of(rule) {
                let seen = &state.seen[&image.number];
                is_steady &= seen.len() == 1;
                let is_optional = seen.contains(&None);
                let has_referrers = topology.hosts[&rule.from.0].has_referrers;
                let version = |at: &usize| {
                    let mut version = image.versions[*at].clone();
                    if state.versions_before[&image.number] != Some(*at) {
                        // Tags were listed before it came, so that its signature is for the next run.
                        version.signature = None;
                        version.referrers.retain(|_| has_referrers);
                    }
                    version
                };
                let versions: Vec<_> = seen.iter().flatten().map(version).collect();
                for place in &rule.to {
                    let tag = ExpectedTag { versions: versions.clone(), is_optional };
                    expected.tags.insert((place.clone(), image.tag.clone()), tag);
                    expected.writable.insert((place.clone(), image.tag.clone()));
                    let signatures = image.versions.iter().filter_map(|version| version.signature.as_ref());
                    expected.writable.extend(signatures.map(|(tag, _)| (place.clone(), tag.clone())));
                }
            }
            let (host, repository) = &rule.from;
            let tags = state.stores[host].repositories.get(repository).map_or(0, |repository| repository.tags.len());
            let selected = if rule.lists { tags } else { topology.images_of(rule).count() };
            let targets = (selected * rule.to.len()) as u64;
            expected.targets = expected.targets.filter(|_| is_steady || !rule.lists).map(|sum| sum + targets);
        }
        expected
    }

    /// Returns true if a run may write this tag.
    pub(crate) fn may_write(&self, place: &Place, tag: &str) -> bool {
        self.writable.contains(&(place.clone(), tag.to_owned())) || tag.starts_with("sha256-")
    }
}
