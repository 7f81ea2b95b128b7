//! Who may depend on whom, asked of cargo: what is written in a plan only is soon forgotten.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

/// What every package of ours needs to be built, by name; what only its tests need does not count.
struct Workspace {
    metadata: Value,
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
    Workspace { metadata, direct, below }
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
    ["sealift-source-", "sealift-dest-", "sealift-filter-", "sealift-login-"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
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
    for library in [
        "sealift-registry-client",
        "sealift-cloud-login",
        "sealift-oci-layout",
        "sealift-image-syncer",
        "sealift-serve",
    ] {
        let below = &workspace.below[library];
        for above in ["sealift-cli", "sealift-plugins", "sealift-testkit", "sealift-conformance"] {
            assert!(!below.contains(above), "`{library}` depends on `{above}`");
        }
    }
    let readers: Vec<_> = workspace.direct.iter().filter(|(_, needs)| needs.contains("yaml_serde")).collect();
    let names: Vec<_> = readers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["sealift-image-syncer"], "one crate reads image-syncer's YAML");
}

#[test]
fn only_the_command_line_links_the_built_in_plugins() {
    let workspace = workspace();
    let linkers: Vec<_> = workspace.direct.iter().filter(|(_, needs)| needs.contains("sealift-plugins")).collect();
    for (name, _) in linkers {
        // Programs of users, and what measures or tests the whole, may do it too.
        let is_program = ["sealift-cli", "sealift-bench", "sealift-e2e", "sealift-sim"].contains(&name.as_str())
            || name.starts_with("example-");
        assert!(is_program, "`{name}` links the built-in plugins");
    }
    for (file, text) in sources("cli/src") {
        let is_binary = file.ends_with("main.rs");
        let links =
            text.lines().any(|line| line.contains("sealift_plugins") && !line.contains("//") && !line.contains('"'));
        assert!(is_binary || !links, "`{file}`: the library of the command line must not know the built-in plugins");
    }
}

#[test]
fn core_neither_opens_files_nor_reads_the_environment() {
    let sources = sources("core/src");
    assert!(sources.len() > 40, "{} files of core were found", sources.len());
    for (file, text) in sources {
        for place in ["std::fs", "std::env", "std::process", "tokio::fs", "tokio::net", "tokio::process", "TcpStream"] {
            assert!(!text.contains(place), "`{file}` mentions `{place}`");
        }
    }
}

/// Requests go through the trait `Transport`, so that they can be simulated down to it.
#[test]
fn the_http_client_is_known_to_the_transport_only() {
    let sources = sources("plugins/registry-client/src");
    let (inside, outside): (Vec<_>, Vec<_>) = sources.iter().partition(|(file, _)| file.contains("/transport/"));
    assert!(inside.iter().any(|(_, text)| text.contains("reqwest::")), "it is in real use");
    for (file, text) in outside {
        assert!(!text.contains("reqwest::"), "`{file}` knows types of reqwest");
    }
}

/// Without `biased` the branches are polled in an order that differs from run to run, so that no run can be repeated.
#[test]
fn every_select_says_its_order() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let plugins = std::fs::read_dir(root.join("plugins")).expect("a folder can be read");
    let plugins = plugins.map(|entry| format!("plugins/{}/src", entry.unwrap().file_name().display()));
    let folders = ["core/src", "serve/src", "cli/src", "plugins/src"].map(str::to_owned).into_iter().chain(plugins);
    let (mut found, mut wrong) = (0, Vec::new());
    for (file, text) in folders.filter(|folder| root.join(folder).is_dir()).flat_map(|folder| sources(&folder)) {
        for (at, _) in text.match_indices("select! {") {
            found += 1;
            if !text[at + "select! {".len()..].trim_start().starts_with("biased;") {
                wrong.push(format!("{file}:{}", text[..at].lines().count()));
            }
        }
    }
    assert!(found > 20, "only {found} were found");
    assert!(wrong.is_empty(), "without `biased`: {wrong:#?}");
}

/// The Rust files below a folder of the workspace, with their texts.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut waiting = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder)];
    let mut found = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(std::fs::read_dir(&path).expect("a folder can be read").map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push((path.display().to_string(), std::fs::read_to_string(&path).expect("a file can be read")));
        }
    }
    found
}

/// Authors of plugins build the suites with each change, so what they need stays small. The features of other members
/// must not count, so that `cargo tree` is asked for this crate alone.
#[test]
fn a_test_of_a_plugin_needs_few_crates() {
    let cargo = std::env::var_os("CARGO").expect("cargo runs its tests");
    let output = Command::new(cargo)
        .args(["tree", "--package=sealift-conformance", "--edges=normal", "--prefix=none", "--offline", "--locked"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).expect("names are text");
    let crates: BTreeSet<&str> = lines.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    assert!(crates.len() > 20, "{crates:?}");
    assert!(crates.len() <= 61, "{} crates with itself: {crates:?}", crates.len());
}

/// `rust-version` is a promise for everything that is built with us. What our own code uses of the standard library is held
/// to it by clippy (`incompatible_msrv`).
#[test]
fn no_dependency_asks_for_a_newer_compiler_than_we_do() {
    let metadata = workspace().metadata;
    let version = |package: &Value| {
        let text = package["rust_version"].as_str()?;
        let mut parts = text.split('.').map(|part| part.parse::<u32>().expect("versions are numbers"));
        Some((parts.next(), parts.next()))
    };
    let packages = metadata["packages"].as_array().expect("a list");
    let ours = packages.iter().find(|package| package["name"] == "sealift-core").and_then(version);
    assert!(ours.is_some(), "the workspace has a rust-version");
    let newer: Vec<_> =
        packages.iter().filter(|package| version(package) > ours).map(|package| &package["name"]).collect();
    assert!(newer.is_empty(), "these need a newer compiler: {newer:?}");
}
