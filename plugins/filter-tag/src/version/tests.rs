use proptest::prelude::*;

use super::*;

fn version(tag: &str) -> TagVersion {
    TagVersion::of(tag).unwrap_or_else(|| panic!("`{tag}` is a version"))
}

#[test]
fn loose_versions_are_read() {
    for (tag, semver) in [
        ("1.2.3", "1.2.3"),
        ("v1", "1.0.0"),
        ("V1.2", "1.2.0"),
        ("2024.01.05", "2024.1.5"),
        ("1.2.3.4", "1.2.3"),
        ("1.2.3-alpine", "1.2.3"),
        ("1.2.3-debian-12-r4", "1.2.3"),
        ("1.2.3-4", "1.2.3"),
        ("1.2.3_5", "1.2.3"),
        ("2.0.0.Final", "2.0.0"),
        ("20240105", "20240105.0.0"),
        ("1.2.3-rc1", "1.2.3-rc.1"),
        ("1.2.3-RC.1", "1.2.3-rc.1"),
        ("3.13.0rc1", "3.13.0-rc.1"),
        ("3.13.0a07-slim", "3.13.0-a.7"),
        ("2.0.0.M1", "2.0.0-m.1"),
        ("24-ea", "24.0.0-ea"),
        ("24-ea-17-jdk", "24.0.0-ea.17"),
        ("1.2-beta-2-slim", "1.2.0-beta.2"),
        ("1.2.3-alpine-rc1", "1.2.3-rc.1"),
        ("1.2.3-rc1_5", "1.2.3-rc.1"),
    ] {
        assert_eq!(version(tag).semver().to_string(), semver, "{tag}");
    }
}

#[test]
fn what_only_looks_like_a_version_is_none() {
    for tag in [
        "latest",
        "",
        "v",
        "vv1",
        "-1",
        "1.",
        "1..2",
        "1.2.x",
        "1.2.xy",
        "1.1.1w",
        "3f9c2d1",
        "3alpine",
        "alpine3.19",
        "99999999999999999999",
        "1.2.3\u{661}",
        "release-1.2",
    ] {
        assert_eq!(TagVersion::of(tag), None, "{tag}");
    }
}

#[test]
fn only_words_that_say_so_are_prereleases() {
    for tag in ["1-rc", "1-dev", "1.2.0-SNAPSHOT", "1.0-nightly.20240101", "1-alpine-beta3", "1.0a1", "1-m3"] {
        assert!(version(tag).is_prerelease(), "{tag}");
    }
    for tag in ["1-alpine", "1-4", "1-r4", "1-a", "1-m", "1-rcx", "1.2.3-20240101", "1-slim-bookworm", "1_rc1"] {
        assert!(!version(tag).is_prerelease(), "{tag}");
    }
}

#[test]
fn newer_versions_come_later() {
    let in_order = [
        "v0.9.9",
        "1.0.0-alpha",
        "1.0.0-beta2",
        "1.0.0-beta11",
        "1.0.0-rc1-alpine",
        "1.0.0-rc1",
        "1-alpine3.9",
        "1-alpine3.19",
        "1-alpine3.19_2",
        "1-alpine3.19_10",
        "v1",
        "1.0.0_2",
        "1.0.0_10",
        "1.0.0-r2",
        "1.0.0-10-slim",
        "1.0.0-10",
        "1.0.0.1",
        "1.0.1",
        "1.2.3",
        "1.10",
        "2024.1.5",
    ];
    for pair in in_order.windows(2) {
        assert!(version(pair[0]) < version(pair[1]), "{pair:?}");
    }
    assert_eq!(version("v1.0").cmp(&version("1.0.0")), Ordering::Equal);
}

#[test]
fn a_series_is_the_variant_without_its_numbers() {
    assert_eq!(version("1.2-alpine3.19").series(), version("2.0.1-alpine3.20").series());
    assert_eq!(version("1-debian-11-r2").series(), "debian-#-r#");
    assert_eq!(version("1.2.3-rc1-slim").series(), "slim");
    assert_eq!(version("1.2.3-4").series(), "");
}

/// Tags that are close to versions, so that the interesting paths are taken.
fn tags() -> impl Strategy<Value = String> {
    let part = prop_oneof!["[0-9]{1,3}", "(rc|beta|alpine|slim|dev|r|a|m|x)[0-9]{0,2}", "[a-zA-Z0-9]{1,4}",];
    ("v?", prop::collection::vec((part, "[-._]?"), 1..6))
        .prop_map(|(v, parts)| v + &parts.into_iter().map(|(part, separator)| part + &separator).collect::<String>())
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>(), tag in tags()) {
        let _ = TagVersion::of(&text);
        let _ = TagVersion::of(&tag);
    }

    #[test]
    fn numbers_come_back(major: u32, minor: u32, patch: u32) {
        let version = TagVersion::of(&format!("v{major}.{minor}.{patch}")).unwrap().semver();
        prop_assert_eq!((version.major, version.minor, version.patch), (major.into(), minor.into(), patch.into()));
    }

    #[test]
    fn the_order_is_total(tags in prop::collection::vec(tags(), 3)) {
        let versions: Vec<TagVersion> = tags.iter().filter_map(|tag| TagVersion::of(tag)).collect();
        for a in &versions {
            for b in &versions {
                prop_assert_eq!(a.cmp(b), b.cmp(a).reverse());
                prop_assert_eq!(a.cmp(b) == Ordering::Equal, a == b);
                for c in &versions {
                    prop_assert!(!(a <= b && b <= c) || a <= c);
                }
            }
        }
    }

    #[test]
    fn exact_versions_sort_as_semver_says(a in "[0-3]\\.[0-3]\\.[0-3](-(alpha|beta|rc)\\.[0-9])?", b in "[0-3]\\.[0-3]\\.[0-3](-(alpha|beta|rc)\\.[0-9])?") {
        let strict = |text: &str| text.parse::<semver::Version>().unwrap();
        prop_assert_eq!(version(&a).cmp(&version(&b)), strict(&a).cmp(&strict(&b)));
    }
}
