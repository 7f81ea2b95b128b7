//! What must be true after every run, whatever went wrong in it.
//!
//! Judged by other code than the program's own: the layout is read here by plain JSON and hashes.

use std::{collections::BTreeSet, path::Path};

use sealift_core::content::Digest;
use sealift_e2e::program::Ran;
use serde_json::Value;

use crate::scene::{Scene, Wanted, files, report};

/// I1 to I7 of `docs/reliability.md`, in their order. Ends the faults of the scene, because of the last one.
#[track_caller]
pub(crate) fn assert_invariants(scene: &Scene, ran: &Ran) {
    what_is_visible_is_right(&scene.layout());
    let there = names_lead_to_whole_images(&scene.layout());
    let missing: Vec<_> = scene.wanted.iter().filter(|wanted| !is_there(scene, wanted, &there)).collect();
    the_exit_code_is_honest(ran, &missing);
    every_failure_has_a_cause(scene, ran, &missing);
    no_secret_comes_out(scene, ran);
    nothing_is_left_over(scene);
    a_rerun_converges(scene);
}

/// I1: no blob stands under its digest with other bytes.
#[track_caller]
fn what_is_visible_is_right(layout: &Path) {
    for file in files(&layout.join("blobs")) {
        let name = file.file_name().unwrap().to_str().unwrap();
        let algorithm = file.parent().unwrap().file_name().unwrap().to_str().unwrap();
        if name.starts_with('.') {
            continue; // on its way
        }
        let digest: Digest = format!("{algorithm}:{name}").parse().unwrap_or_else(|_| panic!("{}", file.display()));
        assert!(digest.matches(&std::fs::read(&file).unwrap()), "I1: `{digest}` has other bytes");
    }
}

/// I2: no name leads to something that is missing. Gives back the names, with their digests.
#[track_caller]
fn names_lead_to_whole_images(layout: &Path) -> BTreeSet<(String, String)> {
    let mut names = BTreeSet::new();
    let Ok(index) = std::fs::read(layout.join("index.json")) else { return names };
    let index: Value = serde_json::from_slice(&index).expect("I2: `index.json` is JSON at all times");
    for entry in index["manifests"].as_array().expect("I2: an index has entries") {
        let digest = entry["digest"].as_str().unwrap();
        let name = entry["annotations"]["org.opencontainers.image.ref.name"].as_str().unwrap_or(digest);
        is_whole(layout, digest, name);
        names.insert((name.to_owned(), digest.to_owned()));
    }
    names
}

#[track_caller]
fn is_whole(layout: &Path, digest: &str, name: &str) {
    let (algorithm, hex) = digest.split_once(':').unwrap();
    let bytes = std::fs::read(layout.join("blobs").join(algorithm).join(hex));
    let bytes = bytes.unwrap_or_else(|error| panic!("I2: `{name}` leads to `{digest}`: {error}"));
    // What is no JSON is a layer; configs lead nowhere.
    let Ok(document) = serde_json::from_slice::<Value>(&bytes) else { return };
    let lists = ["manifests", "layers"].into_iter().filter_map(|list| document[list].as_array()).flatten();
    let foreign = |item: &&Value| item["mediaType"].as_str().is_some_and(|kind| kind.contains("nondistributable"));
    for item in lists.chain([&document["config"]]).filter(|item| !foreign(item)) {
        if let Some(digest) = item["digest"].as_str() {
            is_whole(layout, digest, name);
        }
    }
}

fn is_there(scene: &Scene, wanted: &Wanted, there: &BTreeSet<(String, String)>) -> bool {
    scene.names(wanted).into_iter().any(|name| there.contains(&(name, wanted.digest.to_string())))
}

/// I3: the exit code is 0 if and only if everything that was asked for is there to stay.
#[track_caller]
fn the_exit_code_is_honest(ran: &Ran, missing: &[&Wanted]) {
    let names: Vec<_> = missing.iter().map(|wanted| format!("{}:{}", wanted.repository, wanted.tag)).collect();
    let done = missing.is_empty() && !may_not_last(ran);
    assert_eq!(ran.code == Some(0), done, "I3: {names:?} are missing\n{}", ran.all());
}

/// Whether the run says that a destination could not make it last: then everything may be there, for now.
fn may_not_last(ran: &Ran) -> bool {
    let failures = |ran| report(ran)["failures"].as_array().cloned().unwrap_or_default();
    ran.code == Some(1) && failures(ran).iter().any(|failure| failure["what"] == "finish")
}

/// I4: the report names everything that failed, with its cause.
#[track_caller]
fn every_failure_has_a_cause(scene: &Scene, ran: &Ran, missing: &[&Wanted]) {
    if ran.code.is_none() || missing.is_empty() {
        return; // whoever kills it gets no report
    }
    let report = report(ran);
    let failures = report["failures"].as_array().expect("I4: a report has failures");
    for Wanted { repository, tag, .. } in missing {
        let (listing, image) =
            (format!("{}/{repository}", scene.from.host()), format!("{}/{repository}:{tag}", scene.from.host()));
        let failure = failures.iter().find(|failure| match failure["what"].as_str() {
            Some("image") => failure["source"].as_str() == Some(&image),
            Some("listing") => failure["repository"].as_str().is_none_or(|name| name == listing),
            // What could not be made to last has no name of its own any more.
            Some("finish") => true,
            _ => false,
        });
        let failure = failure.unwrap_or_else(|| panic!("I4: `{image}` is not in the report: {report:#}"));
        assert!(failure["cause"].as_str().is_some_and(|cause| cause.len() > 10), "I4: {failure:#}");
    }
}

/// I5: no secret is in what it printed or wrote.
#[track_caller]
pub(crate) fn no_secret_comes_out(scene: &Scene, ran: &Ran) {
    scene.canaries.assert_absent("stdout (I5)", &ran.stdout);
    scene.canaries.assert_absent("stderr (I5)", &ran.stderr);
    for file in files(scene.folder.dir()) {
        let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
        scene.canaries.assert_absent(&format!("`{}` (I5)", file.display()), &text);
    }
}

/// I6: nothing temporary is left after an orderly end.
#[track_caller]
fn nothing_is_left_over(scene: &Scene) {
    assert_eq!(files(&scene.tmp()), [] as [std::path::PathBuf; 0], "I6: files in TMPDIR");
    if scene.writes_a_directory() {
        let hidden = |file: &std::path::PathBuf| file.file_name().unwrap().to_str().unwrap().starts_with('.');
        let left: Vec<_> = files(&scene.layout().join("blobs")).into_iter().filter(hidden).collect();
        assert!(left.is_empty(), "I6: {left:?}");
    }
}

/// I7: once nothing goes wrong any more a rerun brings what is missing, and the one after it moves nothing.
#[track_caller]
fn a_rerun_converges(scene: &Scene) {
    scene.from.heal();
    scene.to.heal();
    scene.run().expect(0);
    let there = names_lead_to_whole_images(&scene.layout());
    assert!(scene.wanted.iter().all(|wanted| is_there(scene, wanted, &there)), "I7: {there:?}");
    scene.from.forget();
    scene.to.forget();
    scene.run().expect(0);
    let (read, written) = (scene.from.journal(), scene.to.journal());
    assert_eq!(read.count("GET", "/blobs/"), 0, "I7: a further rerun reads blobs\n{read}");
    assert_eq!(written.count("PUT", ""), 0, "I7: a further rerun writes\n{written}");
}
