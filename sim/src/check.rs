//! The invariants that are looked at after a process. Those of single requests are in `net.rs`.

use std::collections::BTreeMap;

use sealift_core::{
    content::Digest,
    report::{FailedItem, Report},
};

use crate::{
    model::{Expected, Place},
    store::Store,
    world::{World, WorldState, registry_of},
};

type Stores = BTreeMap<String, Store>;

/// Checks the world after a run that came to its end.
pub(crate) fn after(world: &World, expected: &Expected, before: &Stores, report: &Report, is_calm: bool) {
    foreign(world, expected, before);
    let mut state = world.state();
    let exit = report.exit_code();
    let lacking = lacking(&state, expected);
    if exit == 0 {
        for (what, ..) in &lacking {
            state.breaks(2, format!("exit 0, and {what}"));
        }
    } else if is_calm {
        let causes: Vec<&str> = report.failures.iter().map(|failure| failure.cause.as_str()).collect();
        state.breaks(7, format!("exit {exit} without weather: {causes:?}"));
    } else if exit == 1 {
        named(&mut state, &lacking, report);
        causes(&mut state, report);
    }
    sums(&mut state, expected, report);
    requests(&mut state, report);
    secrets(&mut state, report);
}

/// Invariant 2: nothing is changed that the pipeline is not about.
pub(crate) fn foreign(world: &World, expected: &Expected, before: &Stores) {
    let mut state = world.state();
    let mut changed = Vec::new();
    for (host, store) in &state.stores {
        for (path, repository) in &store.repositories {
            let place = (host.clone(), path.clone());
            let known = before.get(host).and_then(|store| store.repositories.get(path));
            for (tag, digest) in &repository.tags {
                let same = known.and_then(|known| known.tags.get(tag)) == Some(digest);
                if !same && !expected.may_write(&place, tag) {
                    changed.push(format!("`{host}/{path}:{tag}` is now {digest}, and no rule asks for it"));
                }
            }
        }
    }
    for what in changed {
        state.breaks(2, what);
    }
}

/// Returns what is missing at the destinations, with the place and the tag that it belongs to.
fn lacking(state: &WorldState, expected: &Expected) -> Vec<(String, Place, String)> {
    let mut lacking = Vec::new();
    for ((place, tag), (digest, _)) in &expected.tags {
        if let Some(what) = lacks_tag(state, place, tag, digest) {
            lacking.push((what, place.clone(), tag.clone()));
        }
    }
    for ((place, tag), (digest, image)) in &expected.signatures {
        if let Some(what) = lacks_tag(state, place, tag, digest) {
            lacking.push((what, place.clone(), image.clone()));
        }
    }
    for (place, subject, referrer, tag) in &expected.referrers {
        let store = &state.stores[&place.0];
        let missing = store.lacks(&place.1, referrer);
        let fallback = subject.to_string().replace(':', "-");
        let listed = store.plan.has_referrers || {
            let index = store.repositories.get(&place.1).and_then(|repository| repository.tags.get(&fallback));
            index.is_some_and(|index| store.links[index].manifests.contains(referrer))
        };
        if !missing.is_empty() || !listed {
            let what = format!("`{}/{}` lacks {referrer} about {subject}, or does not list it", place.0, place.1);
            lacking.push((what, place.clone(), tag.clone()));
        }
    }
    lacking
}

fn lacks_tag(state: &WorldState, place: &Place, tag: &str, digest: &Digest) -> Option<String> {
    let (host, path) = place;
    let store = &state.stores[host];
    let found = store.repositories.get(path).and_then(|repository| repository.tags.get(tag));
    if found != Some(digest) {
        return Some(format!("`{host}/{path}:{tag}` is {found:?} instead of {digest}"));
    }
    let missing = store.lacks(path, digest);
    (!missing.is_empty()).then(|| format!("`{host}/{path}:{tag}` lacks {missing:?}"))
}

/// Invariant 3: what is missing is named.
fn named(state: &mut WorldState, lacking: &[(String, Place, String)], report: &Report) {
    let names = report.failures.iter().flat_map(|failure| match &failure.what {
        FailedItem::Image { source, target } => {
            [Some(source.to_string()), target.as_ref().map(ToString::to_string)].into_iter().flatten().collect()
        }
        FailedItem::Listing { repository } => vec![repository.as_ref().map_or("*".to_owned(), ToString::to_string)],
        _ => vec!["*".to_owned()],
    });
    let names: Vec<String> = names.collect();
    for (what, (host, path), tag) in lacking {
        let target = format!("{host}/{path}:{tag}");
        let application = path.rsplit('/').next().unwrap_or_default();
        let is_named = names.iter().any(|name| {
            // A source is named where there was no target yet: its repository has the same last part.
            name == "*" || *name == target || name.contains(&format!("/{application}"))
        });
        if !is_named {
            state.breaks(3, format!("{what}, and the report names {names:?}"));
        }
    }
}

/// Invariant 3: each cause is a fault that there was, at a host of that image.
fn causes(state: &mut WorldState, report: &Report) {
    for failure in &report.failures {
        let hosts: Vec<String> = match &failure.what {
            FailedItem::Image { source, target } => {
                let target = target.iter().map(|target| target.repository.registry().to_owned());
                target.chain([source.repository.registry().to_owned()]).collect()
            }
            FailedItem::Listing { repository: Some(repository) } => vec![repository.registry().to_owned()],
            _ => state.stores.keys().cloned().collect(),
        };
        let injected = hosts.iter().any(|host| state.faults.contains_key(registry_of(host)));
        if !injected {
            let what = format!("{hosts:?} had no fault, and the report says: {}", failure.cause);
            state.breaks(3, what);
        }
    }
}

/// Invariant 4: the outcomes add up to what was selected.
fn sums(state: &mut WorldState, expected: &Expected, report: &Report) {
    let only_images = report.failures.iter().all(|failure| matches!(failure.what, FailedItem::Image { .. }));
    if report.interrupted || !only_images {
        return;
    }
    let sum = report.copied + report.skipped + report.failed + report.unfinished;
    if sum != expected.targets {
        let (copied, skipped, failed) = (report.copied, report.skipped, report.failed);
        let targets = expected.targets;
        state.breaks(4, format!("{copied} copied, {skipped} skipped, {failed} failed, of {targets} targets"));
    }
}

/// Invariant 5: the requests of the report are those that the hosts received.
fn requests(state: &mut WorldState, report: &Report) {
    let mut told: BTreeMap<(String, String), u64> = BTreeMap::new();
    for counters in report.counters.get("registries").into_iter().flatten() {
        for (name, count) in &counters.counts {
            let method = name.to_uppercase();
            if ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].contains(&&*method) {
                told.insert((counters.subject.clone(), method), *count);
            }
        }
    }
    // Uploads that were given up are ended after the report of a run that was stopped.
    let is_part = |(key, count): (&(String, String), &u64)| state.received.get(key).is_some_and(|all| count <= all);
    let is_right = told == state.received || (report.interrupted && told.iter().all(is_part));
    if !is_right {
        let what = format!("the report tells {told:?}, and the hosts received {:?}", state.received);
        state.breaks(5, what);
    }
}

/// Invariant 6: no secret is in the report.
fn secrets(state: &mut WorldState, report: &Report) {
    let text = serde_json::to_string(report).unwrap_or_default();
    if text.contains("secret-") {
        state.breaks(6, format!("the report tells a secret: {text}"));
    }
}
