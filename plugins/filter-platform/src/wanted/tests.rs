use super::*;

fn platform(os: &str, architecture: &str, variant: Option<&str>, version: Option<&str>) -> Platform {
    Platform {
        os: os.to_owned(),
        architecture: architecture.to_owned(),
        variant: variant.map(str::to_owned),
        os_version: version.map(str::to_owned),
    }
}

fn lists(os: &[&str], arch: &[&str]) -> PlatformSelection {
    PlatformSelection::Lists {
        os: os.iter().map(|text| Os::parse(text).unwrap()).collect(),
        arch: arch.iter().map(|text| Arch::parse(text).unwrap()).collect(),
    }
}

#[test]
fn one_of_each_list_must_match_and_an_empty_list_matches_all() {
    let amd64 = platform("linux", "amd64", None, None);
    for (os, arch, kept) in [
        (&["linux"][..], &["amd64"][..], true),
        (&["windows", "linux"], &["s390x", "amd64"], true),
        (&["linux"], &[], true),
        (&[], &["amd64"], true),
        (&[], &[], true),
        (&["windows"], &["amd64"], false),
        (&["linux"], &["arm64"], false),
        (&["amd64"], &["linux"], false),
    ] {
        assert_eq!(lists(os, arch).matches(&amd64), kept, "{os:?} {arch:?}");
    }
}

#[test]
fn variants_match_as_image_syncer_users_know_it() {
    for (wanted, architecture, variant, kept) in [
        ("arm", "arm", Some("v6"), true),
        ("arm", "arm", Some("v7"), true),
        ("arm", "arm", None, true),
        ("arm", "arm64", None, false),
        ("arm:v7", "arm", Some("v7"), true),
        ("arm:v7", "arm", Some("v6"), false),
        // An entry that does not say is not filtered by it.
        ("arm:v7", "arm", None, true),
        ("arm:v7", "arm", Some(""), true),
        // 64-bit ARM without a variant is version 8.
        ("arm64", "arm64", Some("v8"), true),
        ("arm64:v8", "arm64", None, true),
        ("arm64:v8", "arm64", Some("v8"), true),
        ("arm64:v8", "arm64", Some("v9"), false),
        ("arm64:v9", "arm64", None, false),
        ("arm64", "arm64", Some("v9"), true),
    ] {
        let found = platform("linux", architecture, variant, None);
        assert_eq!(lists(&[], &[wanted]).matches(&found), kept, "{wanted} and {found}");
    }
}

#[test]
fn an_os_version_must_be_equal() {
    for (wanted, version, kept) in [
        ("windows", Some("10.0.17763.1234"), true),
        ("windows:10.0.17763.1234", Some("10.0.17763.1234"), true),
        ("windows:10.0.17763", Some("10.0.17763.1234"), false),
        ("windows:10.0.17763.1234", None, true),
    ] {
        assert_eq!(lists(&[wanted], &[]).matches(&platform("windows", "amd64", None, version)), kept, "{wanted}");
    }
}

#[test]
fn what_is_not_said_is_no_reason() {
    assert!(lists(&["linux"], &["amd64"]).matches(&platform("", "", None, None)));
    assert!(lists(&["linux"], &["amd64"]).matches(&platform("", "amd64", None, None)));
    assert!(!lists(&["linux"], &["amd64"]).matches(&platform("", "arm64", None, None)));
}

#[test]
fn a_pair_is_kept_as_a_pair() {
    let pairs = [("linux", "amd64"), ("windows", "arm64")];
    let wanted = PlatformSelection::Pairs(
        pairs.iter().map(|(os, arch)| (Os::parse(os).unwrap(), Arch::parse(arch).unwrap())).collect(),
    );
    assert!(wanted.matches(&platform("linux", "amd64", None, None)));
    assert!(wanted.matches(&platform("windows", "arm64", None, None)));
    assert!(!wanted.matches(&platform("linux", "arm64", None, None)));
}

#[test]
fn a_plan_says_what_is_kept() {
    let arm = (Os::parse("linux").unwrap(), Arch::new("arm", Some("v7")).unwrap());
    let windows = (Os::parse("windows:10.0.17763.1").unwrap(), Arch::parse("amd64").unwrap());
    assert_eq!(PlatformSelection::Pairs(vec![arm, windows]).to_string(), "linux/arm/v7, windows:10.0.17763.1/amd64");
    assert_eq!(lists(&["linux"], &["amd64", "arm:v7"]).to_string(), "linux, amd64, arm:v7");
}
