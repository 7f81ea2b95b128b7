//! `deny.toml` holds wherever tests run, also where `cargo-deny` is not installed and there is no network.

use std::{path::Path, process::Command};

use semver::{Version, VersionReq};
use serde_json::Value;
use toml::Table;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn table(file: &str) -> Table {
    let path = root().join(file);
    std::fs::read_to_string(&path).expect("the file is there").parse().expect("it is TOML")
}

/// What a lock file names, for all platforms.
fn locked(file: &str) -> Vec<(String, Version, Option<String>)> {
    let lock = table(file);
    let text = |package: &toml::Value, key: &str| package.get(key).and_then(|value| value.as_str()).map(str::to_owned);
    let packages = lock["package"].as_array().expect("a lock file lists packages").iter();
    let package = |package| {
        let version = text(package, "version").expect("it has a version").parse().expect("it is a version");
        (text(package, "name").expect("it has a name"), version, text(package, "source"))
    };
    packages.map(package).collect()
}

/// `name`, or `name:<version`.
fn bans() -> Vec<(String, VersionReq)> {
    let deny = table("deny.toml");
    let bans = deny["bans"]["deny"].as_array().expect("it is a list").iter();
    let ban = |ban: &toml::Value| {
        let named = ban["crate"].as_str().expect("a ban names a crate");
        let (name, versions) = named.split_once(':').unwrap_or((named, "*"));
        (name.to_owned(), versions.parse().expect("these are versions"))
    };
    bans.map(ban).collect()
}

#[test]
fn nothing_that_is_banned_comes_in() {
    let bans = bans();
    assert!(bans.len() >= 14, "{bans:?}");
    for file in ["Cargo.lock", "fuzz/Cargo.lock"] {
        let packages = locked(file);
        assert!(packages.len() > 100, "`{file}` has {} packages", packages.len());
        for (name, version, source) in packages {
            let banned = bans.iter().find(|(ban, versions)| *ban == name && versions.matches(&version));
            assert!(banned.is_none(), "`{file}`: `{name}` {version} is banned by deny.toml");
            let known = source
                .as_deref()
                .is_none_or(|source| source == "registry+https://github.com/rust-lang/crates.io-index");
            assert!(known, "`{file}`: `{name}` comes from {source:?}");
        }
    }
}

#[test]
fn every_licence_is_one_that_was_agreed_on() {
    let deny = table("deny.toml");
    let agreed: Vec<_> =
        deny["licenses"]["allow"].as_array().expect("it is a list").iter().filter_map(toml::Value::as_str).collect();
    let output = Command::new(std::env::var_os("CARGO").expect("cargo runs its tests"))
        .args(["metadata", "--format-version=1", "--offline", "--locked", "--filter-platform", &host()])
        .current_dir(root())
        .output()
        .expect("cargo can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("it lists packages");
    assert!(packages.len() > 100);
    for package in packages {
        let licence = package["license"].as_str().unwrap_or_default();
        assert!(allows(licence, &agreed), "`{}` has the licence `{licence}`", package["name"]);
    }
}

/// The platform that this runs on: the others' crates were never fetched.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc can be started");
    let text = String::from_utf8(output.stdout).expect("rustc writes UTF-8");
    text.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc says its host").to_owned()
}

/// Whether an SPDX expression, also in its old form with `/`, can be met with these licences.
fn allows(expression: &str, agreed: &[&str]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<_> = spaced.split_whitespace().collect();
    let mut at = 0;
    let met = either(&words, &mut at, agreed);
    met && at == words.len()
}

fn either(words: &[&str], at: &mut usize, agreed: &[&str]) -> bool {
    let mut met = both(words, at, agreed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        met |= both(words, at, agreed);
    }
    met
}

fn both(words: &[&str], at: &mut usize, agreed: &[&str]) -> bool {
    let mut met = one(words, at, agreed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one(words, at, agreed);
    }
    met
}

fn one(words: &[&str], at: &mut usize, agreed: &[&str]) -> bool {
    let word = words.get(*at).copied().unwrap_or_default();
    *at += 1;
    if word == "(" {
        let met = either(words, at, agreed);
        *at += 1; // the closing one
        return met;
    }
    if words.get(*at) == Some(&"WITH") {
        *at += 2; // an exception gives more rights, not fewer
    }
    agreed.contains(&word)
}

#[test]
fn expressions_of_licences_are_understood() {
    let agreed = ["MIT", "ISC"];
    for good in ["MIT", "MIT OR GPL-3.0", "GPL-3.0/MIT", "(GPL-3.0 OR ISC) AND MIT", "MIT WITH an-exception"] {
        assert!(allows(good, &agreed), "{good}");
    }
    for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR ISC) AND GPL-3.0", "MIT ISC"] {
        assert!(!allows(bad, &agreed), "{bad}");
    }
}
