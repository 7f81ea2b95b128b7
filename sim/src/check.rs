//! The invariants that are looked at after a process. Those of single requests are in `net.rs`.

use std::collections::BTreeMap;

use sealift_core::report::{FailedItem, Report};

use crate::{
    model::{Expected, ExpectedTag, Place},
    store::Store,
    topology::ImageVersion,
    world::{WorldState, registry_of},
};

type Stores = BTreeMap<String, Store>;

/// Checks the world after a run of a process that came to its end. `beside` are the reports of runs at the same time: where a
/// tag moved meanwhile, they may have left it with an image of which they name what is missing.
pub(crate) fn after(state: &mut WorldState, expected: &Expected, run: usize, report: &Report, beside: &[&Report]) {
    let is_calm = state.is_calm;
    let exit = report.exit_code();
    let lacking = lacking(state, expected);
    if exit == 0 {
        let told: Vec<String> = beside.iter().flat_map(|report| names(report)).collect();
        for (what, ..) in lacking.iter().filter(|(_, place, tag)| !is_named(&told, place, tag)) {
            state.breaks(2, format!("exit 0, and {what}"));
        }
    } else if is_calm {
        let causes: Vec<&str> = report.failures.iter().map(|failure| failure.cause.as_str()).collect();
        state.breaks(7, format!("exit {exit} without weather: {causes:?}"));
    } else if exit == 1 {
        named(state, &lacking, report);
        causes(state, report);
    }
    sums(state, expected, report);
    requests(state, run, report);
    secrets(state, report);
}

/// Invariant 2: nothing is changed that the pipeline is not about.
pub(crate) fn foreign(state: &mut WorldState, expected: &Expected, before: &Stores) {
    let mut changed = Vec::new();
    for (host, store) in state.stores.iter().filter(|(host, _)| host.starts_with("dst")) {
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
    for ((place, tag), expected) in &expected.tags {
        let what = lacks(state, place, tag, expected);
        lacking.extend(what.into_iter().map(|what| (what, place.clone(), tag.clone())));
    }
    lacking
}

/// Returns what a tag of a destination lacks.
fn lacks(state: &WorldState, (host, path): &Place, tag: &str, expected: &ExpectedTag) -> Vec<String> {
    let store = &state.stores[host];
    let tags = |tag: &str| store.repositories.get(path).and_then(|repository| repository.tags.get(tag));
    let found = tags(tag);
    let version = found.and_then(|found| expected.versions.iter().find(|version| version.root == *found));
    let Some(ImageVersion { root, referrers, signature }) = version else {
        let roots: Vec<_> = expected.versions.iter().map(|version| version.root.to_string()).collect();
        let what = format!("`{host}/{path}:{tag}` is {found:?} instead of {}", roots.join(" or "));
        return if expected.is_optional { Vec::new() } else { vec![what] };
    };
    let mut lacks = Vec::new();
    let missing = store.lacks(path, root);
    if !missing.is_empty() {
        lacks.push(format!("`{host}/{path}:{tag}` lacks {missing:?}"));
    }
    if expected.is_optional {
        return lacks; // It may have been there before, and the run may have seen no tag at the source.
    }
    if let Some((tag, digest)) = signature
        && (tags(tag) != Some(digest) || !store.lacks(path, digest).is_empty())
    {
        lacks.push(format!("`{host}/{path}:{tag}` is {:?} instead of {digest}, or not whole", tags(tag)));
    }
    for referrer in referrers {
        let fallback = root.to_string().replace(':', "-");
        let is_listed = store.plan.has_referrers
            || tags(&fallback).is_some_and(|index| store.links[index].manifests.contains(referrer));
        if !is_listed || !store.lacks(path, referrer).is_empty() {
            lacks.push(format!("`{host}/{path}` lacks {referrer} about {root}, or does not list it"));
        }
    }
    lacks
}

/// Invariant 3: what is missing is named.
fn named(state: &mut WorldState, lacking: &[(String, Place, String)], report: &Report) {
    let names = names(report);
    for (what, ..) in lacking.iter().filter(|(_, place, tag)| !is_named(&names, place, tag)) {
        state.breaks(3, format!("{what}, and the report names {names:?}"));
    }
}

/// Returns what a report says that failed.
fn names(report: &Report) -> Vec<String> {
    let names = report.failures.iter().flat_map(|failure| match &failure.what {
        FailedItem::Image { source, target } => {
            [Some(source.to_string()), target.as_ref().map(ToString::to_string)].into_iter().flatten().collect()
        }
        FailedItem::Listing { repository } => vec![repository.as_ref().map_or("*".to_owned(), ToString::to_string)],
        _ => vec!["*".to_owned()],
    });
    names.collect()
}

/// Returns true if a tag of a destination is among what failed.
fn is_named(names: &[String], (host, path): &Place, tag: &str) -> bool {
    let target = format!("{host}/{path}:{tag}");
    let application = path.rsplit('/').next().unwrap_or_default();
    names.iter().any(|name| {
        // A source is named where there was no target yet: its repository has the same last part.
        name == "*" || *name == target || name.contains(&format!("/{application}"))
    })
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
    if let Some(targets) = expected.targets.filter(|targets| *targets != sum) {
        let (copied, skipped, failed) = (report.copied, report.skipped, report.failed);
        state.breaks(4, format!("{copied} copied, {skipped} skipped, {failed} failed, of {targets} targets"));
    }
}

/// Invariant 5: the requests of the report are those that the hosts received, and so are blobs and bytes without weather.
fn requests(state: &mut WorldState, run: usize, report: &Report) {
    let mut told: BTreeMap<(usize, String, String), u64> = BTreeMap::new();
    for counters in report.counters.get("registries").into_iter().flatten() {
        for (name, count) in &counters.counts {
            let method = name.to_uppercase();
            if ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].contains(&&*method) {
                told.insert((run, counters.subject.clone(), method), *count);
            }
        }
    }
    // Uploads that were given up are ended after the report of a run that was stopped.
    let mut received = state.received.clone();
    received.retain(|(of, ..), _| *of == run);
    let is_part = |(key, count): (&(usize, String, String), &u64)| received.get(key).is_some_and(|all| count <= all);
    let is_right = told == received || (report.interrupted && told.iter().all(is_part));
    if !is_right {
        state.breaks(5, format!("the report tells {told:?}, and the hosts received {received:?}"));
    }
    let (uploaded, moved) = (state.uploaded, (report.moved.blobs, report.moved.bytes));
    if state.is_calm && state.runs == 1 && uploaded != moved {
        state.breaks(5, format!("the report tells {moved:?} blobs and bytes, and the hosts took {uploaded:?}"));
    }
}

/// Invariant 6: no secret is in the report.
fn secrets(state: &mut WorldState, report: &Report) {
    let text = serde_json::to_string(report).unwrap_or_default();
    if text.contains("secret-") {
        state.breaks(6, format!("the report tells a secret: {text}"));
    }
}
