//! What is linked by the one line `use sealift_plugins as _;`.
#![cfg(all(
    feature = "source-registry",
    feature = "source-oci-dir",
    feature = "source-files",
    feature = "source-catalog",
    feature = "dest-registry",
    feature = "dest-harbor",
    feature = "dest-oci-dir",
    feature = "filter-platform",
    feature = "filter-tag",
    feature = "login-alibaba",
    feature = "login-ecr",
    feature = "login-google",
    feature = "login-azure",
    feature = "login-huawei",
    feature = "login-tencent",
    feature = "login-ci"
))]

use sealift_core::plugin::{plugins, sections};
use sealift_plugins as _;

#[test]
fn the_built_in_plugins_are_these() {
    let found: Vec<String> =
        plugins().iter().map(|plugin| format!("{} {} {}", plugin.role(), plugin.kind(), plugin.defined_in())).collect();
    insta::assert_snapshot!(found.join("\n"), @r"
    list catalog sealift_source_catalog
    list compose sealift_source_files
    list kubernetes sealift_source_files
    list oci-dir sealift_source_oci_dir
    list registry sealift_source_registry
    list text sealift_source_files
    filter age sealift_filter_tag
    filter newest sealift_filter_tag
    filter platform sealift_filter_platform
    filter tag sealift_filter_tag
    fetch oci-dir sealift_source_oci_dir
    fetch registry sealift_source_registry
    push harbor sealift_dest_harbor
    push oci-dir sealift_dest_oci_dir
    push registry sealift_dest_registry
    login alibaba sealift_login_alibaba
    login azure sealift_login_azure
    login ecr sealift_login_ecr
    login github sealift_login_ci
    login gitlab sealift_login_ci
    login google sealift_login_google
    login huawei sealift_login_huawei
    login tencent sealift_login_tencent
    ");
}

#[test]
fn the_shared_tables_are_these() {
    let found: Vec<String> =
        sections().iter().map(|section| format!("{} {}", section.table(), section.defined_in())).collect();
    insta::assert_snapshot!(found.join("\n"), @r"
    containers sealift_registry_client
    credentials sealift_registry_client
    registries sealift_registry_client
    ");
}

#[test]
fn every_plugin_says_what_it_does_in_one_line() {
    for plugin in plugins() {
        let summary = plugin.summary();
        assert!(!summary.is_empty() && summary.len() <= 120, "{} {}: `{summary}`", plugin.role(), plugin.kind());
    }
}

#[test]
fn every_key_has_a_text() {
    let schemas = plugins().into_iter().map(|plugin| (format!("{} {}", plugin.role(), plugin.kind()), plugin.schema()));
    let sections = sections().into_iter().map(|section| (section.table().to_owned(), section.schema()));
    for (name, schema) in schemas.chain(sections) {
        let Some(keys) = schema.get("properties").and_then(|keys| keys.as_object()) else { continue };
        for (key, value) in keys {
            let text = value.get("description").and_then(|text| text.as_str()).unwrap_or_default();
            assert!(!text.trim().is_empty(), "`{key}` of {name} says nothing about itself");
        }
    }
}

/// What authors are asked to keep, the built-in plugins keep: each has a line for the suite of its role.
#[test]
fn every_plugin_is_run_through_the_suite_of_its_role() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for plugin in plugins() {
        let folder = plugin.defined_in().trim_start_matches("sealift_").replace('_', "-");
        let tests = root.join(folder).join("tests/conformance.rs");
        let text = std::fs::read_to_string(&tests).unwrap_or_else(|error| panic!("{}: {error}", tests.display()));
        let (role, kind) = (plugin.role(), plugin.kind());
        let is_run = text.contains(&format!("{role}: ")) && text.contains(&format!("use = \\\"{kind}\\\""));
        assert!(is_run, "{} does not run {role} `{kind}` through its suite", tests.display());
    }
}
