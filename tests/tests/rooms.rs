//! Who may depend on whom, asked of cargo: what is written in a plan only is soon forgotten.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

/// What every package of ours needs to be built, by name; what only its tests need does not count.
struct Workspace {
    direct: BTreeMap<String, BTreeSet<String>>,
    /// Everything below a package, over all steps.
    below: BTreeMap<String, BTreeSet<String>>,
}

fn workspace() -> Workspace {
    let cargo = std::env::var_os("CARGO").expect("cargo runs its tests");
    let output = Command::new(cargo)
        // Of this platform only: the others' crates were never fetched, and tests need no network.
        .args(["metadata", "--format-version=1", "--offline", "--locked", "--filter-platform", &host()])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();

    let names: BTreeMap<String, String> =
        list(&metadata["packages"]).iter().map(|package| (text(&package["id"]), text(&package["name"]))).collect();
    let needed = |dependency: &Value| list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
    let graph: BTreeMap<String, Vec<String>> = list(&metadata["resolve"]["nodes"])
        .iter()
        .map(|node| {
            let needs = list(&node["deps"]).iter().filter(|dep| needed(dep)).map(|dep| text(&dep["pkg"])).collect();
            (text(&node["id"]), needs)
        })
        .collect();

    let (mut direct, mut below) = (BTreeMap::new(), BTreeMap::new());
    for member in list(&metadata["workspace_members"]) {
        let id = text(&member);
        let mut seen = BTreeSet::new();
        let mut waiting = graph[&id].clone();
        while let Some(next) = waiting.pop() {
            if seen.insert(next.clone()) {
                waiting.extend(graph[&next].iter().cloned());
            }
        }
        direct.insert(names[&id].clone(), graph[&id].iter().map(|id| names[id].clone()).collect());
        below.insert(names[&id].clone(), seen.iter().map(|id| names[id].clone()).collect());
    }
    Workspace { direct, below }
}

/// The platform that this runs on, as the compiler calls it.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc can be started");
    let text = String::from_utf8(output.stdout).expect("rustc writes UTF-8");
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc says its host").to_owned()
}

/// A crate that holds stages, and is therefore needed by the umbrella alone.
fn is_stage(name: &str) -> bool {
    ["sealift-source-", "sealift-dest-", "sealift-filter-"].iter().any(|prefix| name.starts_with(prefix))
}

#[test]
fn core_knows_content_and_not_places() {
    let workspace = workspace();
    let core = &workspace.below["sealift-core"];
    assert!(core.contains("sha2") && core.contains("tokio"), "cargo was asked the right thing");
    for place in [
        "axum",
        "clap",
        "console",
        "crossterm",
        "h2",
        "http",
        "hyper",
        "indicatif",
        "reqwest",
        "rustls",
        "serde_yaml",
        "tempfile",
        "tracing-subscriber",
        "yaml_serde",
    ] {
        assert!(!core.contains(place), "sealift-core depends on `{place}`");
    }
    assert!(!core.iter().any(|name| name.starts_with("sealift-")), "core points at nothing of ours");
}

#[test]
fn no_stage_depends_on_another_stage() {
    let stages = workspace().direct;
    let stages: Vec<_> = stages.iter().filter(|(name, _)| is_stage(name)).collect();
    assert!(stages.len() >= 4, "{stages:?}");
    for (name, needs) in stages {
        let wrong: Vec<_> = needs.iter().filter(|need| is_stage(need) || *need == "sealift-cli").collect();
        assert!(wrong.is_empty(), "`{name}` depends on {wrong:?}: what two stages share is a library beside them");
    }
}

#[test]
fn only_the_umbrella_knows_the_stages() {
    for (name, needs) in workspace().direct {
        if name == "sealift-plugins" {
            continue;
        }
        let wrong: Vec<_> = needs.iter().filter(|need| is_stage(need)).collect();
        assert!(wrong.is_empty(), "`{name}` depends on {wrong:?}");
    }
}

#[test]
fn nothing_points_back_at_the_command_line() {
    let workspace = workspace();
    for library in ["sealift-registry-client", "sealift-oci-layout", "sealift-image-syncer", "sealift-serve"] {
        let below = &workspace.below[library];
        for above in ["sealift-cli", "sealift-plugins", "sealift-testkit"] {
            assert!(!below.contains(above), "`{library}` depends on `{above}`");
        }
    }
    let readers: Vec<_> = workspace.direct.iter().filter(|(_, needs)| needs.contains("yaml_serde")).collect();
    let names: Vec<_> = readers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["sealift-image-syncer"], "one crate reads YAML");
}
