//! What others do to the registries while the pipeline is run: tags that move or go, and garbage collection.

use crate::{
    draw::Draw,
    planned_change::{PlannedChange, RegistryChange},
    topology::Topology,
    world::{World, WorldState},
};

/// Changes happen within so many requests, and those that are left when the weather ends.
const WITHIN: u64 = 250;

impl PlannedChange {
    /// Generates the changes of a seed, in their order.
    pub(crate) fn generate(draw: Draw, topology: &mut Topology) -> Vec<Self> {
        let mut changes = Vec::new();
        let mut add = |draw: Draw, change| changes.push(Self { at: 1 + draw.at("when").below(WITHIN), change });
        for at in 0..topology.images.len() {
            let image = topology.images[at].number;
            let draw = draw.at("image").nth(image as u64);
            if topology.kinds.contains("moved-tags") {
                for version in 1..=draw.at("moves").below(3) {
                    let draw = draw.at("move").nth(version);
                    let moved = topology.version(draw);
                    topology.images[at].versions.push(moved);
                    add(draw, RegistryChange::Move { image, version: topology.images[at].versions.len() - 1 });
                }
            }
            if topology.kinds.contains("deleted-tags") && draw.at("deleted").chance(0.3) {
                let draw = draw.at("deleted");
                add(draw, RegistryChange::Delete { image, content: draw.at("content").chance(0.5) });
                if draw.at("restored").chance(0.5) {
                    let version = topology.images[at].versions.len() - 1;
                    add(draw.at("restored"), RegistryChange::Move { image, version });
                }
            }
        }
        for plan in topology.hosts.values().filter(|plan| plan.name.starts_with("dst")) {
            let draw = draw.at(&plan.name);
            // A registry that takes manifests without their content loses content without a word.
            if topology.kinds.contains("garbage-collection") && plan.checks {
                for number in 0..1 + draw.at("collections").below(4) {
                    let draw = draw.at("collection").nth(number);
                    let untagged = draw.at("untagged").chance(0.5);
                    add(draw, RegistryChange::Collect { host: plan.name.clone(), untagged });
                }
            }
            if topology.kinds.contains("ended-uploads") {
                for number in 0..1 + draw.at("ended").below(4) {
                    add(draw.at("ended").nth(number), RegistryChange::EndUploads { host: plan.name.clone() });
                }
            }
        }
        changes.sort_by_key(|change| change.at);
        changes
    }
}

impl World {
    /// Lets everything happen that is due, or all that is left.
    pub(crate) fn change(&self, state: &mut WorldState, all: bool) {
        while let Some(PlannedChange { at, change }) = self.topology.changes.get(state.changes)
            && (all || *at <= state.handled)
        {
            state.changes += 1;
            self.apply(state, change);
        }
    }

    /// Brings back the tags without which no run can succeed: those that rules name, and one of each list.
    pub(crate) fn restore(&self, state: &mut WorldState) {
        for rule in &self.topology.rules {
            let (host, repository) = &rule.from;
            for image in self.topology.images_of(rule) {
                let has_tags = |state: &WorldState| !state.stores[host].repositories[repository].tags.is_empty();
                if state.versions[&image.number].is_none() && !(rule.lists && has_tags(state)) {
                    self.apply(state, &RegistryChange::Move { image: image.number, version: image.versions.len() - 1 });
                }
            }
        }
    }

    fn apply(&self, state: &mut WorldState, change: &RegistryChange) {
        let host = match change {
            RegistryChange::Move { image, .. } | RegistryChange::Delete { image, .. } => {
                let image = self.topology.image(*image);
                let version = if let RegistryChange::Move { version, .. } = change { Some(*version) } else { None };
                state.versions.insert(image.number, version);
                state.seen.entry(image.number).or_default().insert(version);
                let store = state.stores.get_mut(&image.host).expect("hosts of the scenario have a store");
                match change {
                    RegistryChange::Delete { content, .. } => store.delete(&image.repository, &image.tag, *content),
                    _ => store.put(&self.topology, image, version.unwrap_or_default()),
                }
                image.host.clone()
            }
            RegistryChange::Collect { host, untagged } => {
                let store = state.stores.get_mut(host).expect("hosts of the scenario have a store");
                store.collect(*untagged);
                host.clone()
            }
            RegistryChange::EndUploads { host } => {
                state.stores.get_mut(host).expect("hosts of the scenario have a store").sessions.clear();
                host.clone()
            }
        };
        state.note(&format!("others: {change:?} at {host}"));
        state.faults.entry(host).or_default().push(format!("{change:?}"));
    }
}
