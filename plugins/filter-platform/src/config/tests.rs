use std::sync::Arc;

use sealift_core::plugin::{Purpose, Role, plugins};

use super::*;

/// What is wrong with a table: `key: message (hint)`.
fn problems(table: &str) -> Vec<String> {
    let config: Config = toml::from_str(table).unwrap();
    let cx = BuildContext::new(Arc::new(|_| None), "", Purpose::Run);
    let errors = config.build(&cx).err().map(ConfigError::into_problems).unwrap_or_default();
    let said = |problem: sealift_core::plugin::Problem| {
        let hint = problem.diagnostic.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{}: {}{hint}", problem.key.unwrap_or_default(), problem.diagnostic.message)
    };
    errors.into_iter().map(said).collect()
}

#[test]
fn what_image_syncer_takes_is_taken() {
    for table in [
        "keep = ['linux/amd64', 'linux/arm/v7', 'windows:10.0.17763.1234/amd64', 'Linux/ARM64']",
        "os = ['linux', 'windows:10.0.17763.1234']",
        "arch = ['amd64', 'arm:v7']",
        "os = []\narch = []",
    ] {
        assert_eq!(problems(table), [""; 0], "{table}");
    }
}

#[test]
fn every_mistake_names_its_key() {
    assert_eq!(
        problems("keep = ['linux', 'linux/amd64', '/arm', 'linux/', 'a/b/c/d', 'linux/arm/', 'linux/x86_64']\nos = []"),
        [
            "os: `keep` and `os` exclude each other",
            "keep[0]: `linux` is no platform, expected `os/arch` or `os/arch/variant` \
             (such as `linux/amd64` or `linux/arm/v7`)",
            "keep[2]: `/arm` is no platform, expected `os/arch` or `os/arch/variant` \
             (such as `linux/amd64` or `linux/arm/v7`)",
            "keep[3]: `linux/` is no platform, expected `os/arch` or `os/arch/variant` \
             (such as `linux/amd64` or `linux/arm/v7`)",
            "keep[4]: `a/b/c/d` is no platform, expected `os/arch` or `os/arch/variant` \
             (such as `linux/amd64` or `linux/arm/v7`)",
            "keep[5]: `linux/arm/` is no platform, expected `os/arch` or `os/arch/variant` \
             (such as `linux/amd64` or `linux/arm/v7`)",
            "keep[6]: images do not use the name `x86_64` (they use `amd64`)",
        ]
    );
    assert_eq!(
        problems("os = ['', 'linux:', 'macos', 'linux,windows']\narch = ['arm:v7:x', 'aarch64', 'arm /v7']"),
        [
            "os[0]: `` is no operating system",
            "os[1]: `linux:` cannot be read, expected something like `linux` or `windows:10.0.17763.1234`",
            "os[2]: images do not use the name `macos` (they use `darwin`)",
            "os[3]: `linux,windows` is no operating system",
            "arch[0]: `arm:v7:x` cannot be read, expected something like `amd64` or `arm:v7`",
            "arch[1]: images do not use the name `aarch64` (they use `arm64`)",
            "arch[2]: `arm /v7` is no architecture",
        ]
    );
}

#[test]
fn it_must_be_said_what_is_kept() {
    assert_eq!(
        problems(""),
        [": no platform to keep is named (for example `keep = [\"linux/amd64\", \"linux/arm64\"]`)"]
    );
    assert_eq!(problems("keep = []"), ["keep: at least one platform is needed (such as `linux/amd64`)"]);
}

#[test]
fn the_filter_is_linked_and_every_key_has_a_text() {
    let plugin = plugins().into_iter().find(|plugin| (plugin.role(), plugin.kind()) == (Role::Filter, "platform"));
    let plugin = plugin.expect("the plugin is linked");
    assert_eq!(plugin.summary(), "Keeps the platforms that are wanted.");
    assert_eq!(plugin.defined_in(), "sealift_filter_platform");
    let schema = plugin.schema();
    let properties = schema.get("properties").unwrap().as_object().unwrap();
    assert_eq!(properties.keys().collect::<Vec<_>>(), ["keep", "os", "arch", "attestations", "oci_images"]);
    assert!(properties.values().all(|field| field.get("description").is_some()));
}

/// Seen before: `linux/amd46` was taken without a word, and dropped every image.
#[test]
fn platforms_that_do_not_exist_are_warned_of() {
    let warnings = |table: &str| {
        let config: Config = toml::from_str(table).unwrap();
        let cx = BuildContext::new(Arc::new(|_| None), "", Purpose::Check);
        assert!(config.build(&cx).is_ok(), "{table}");
        let said = |problem: sealift_core::plugin::Problem| {
            let hint = problem.diagnostic.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
            format!("{}: {}{hint}", problem.key.unwrap_or_default(), problem.diagnostic.message)
        };
        cx.take_warnings().into_iter().map(said).collect::<Vec<_>>()
    };
    assert_eq!(
        warnings("keep = ['linux/amd64', 'linux/amd46']"),
        ["keep[1]: no architecture is known as `amd46`, so that images for it are unlikely (did you mean `amd64`?)"]
    );
    assert_eq!(
        warnings("os = ['linx']\narch = ['arm:v7']"),
        ["os[0]: no operating system is known as `linx`, so that images for it are unlikely (did you mean `linux`?)"]
    );
}
