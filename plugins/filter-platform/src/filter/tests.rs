use std::sync::Arc;

use sealift_conformance::{
    images::{self, Image},
    memory::Memory,
};
use sealift_core::{
    content::{Digest, MediaType},
    plugin::{BuildContext, Purpose, StageConfig},
    stage::ResolveMode,
};

use super::*;
use crate::Config;

fn filter(keep: &[&str]) -> Box<dyn Filter> {
    let config = Config { keep: Some(keep.iter().map(ToString::to_string).collect()), ..Config::default() };
    config.build(&BuildContext::new(Arc::new(|_| None), "", Purpose::Run)).unwrap()
}

fn entry(platform: Option<&str>) -> Descriptor {
    let name = platform.unwrap_or_default();
    let platform = platform.map(|platform| platform.parse().unwrap());
    Descriptor { platform, ..Descriptor::new(well_known::OCI_MANIFEST, Digest::of(name.as_bytes()), 1) }
}

/// The platforms that are left of these entries.
fn left<'a>(keep: &[&str], entries: &[Option<&'a str>]) -> Vec<Option<&'a str>> {
    let before: Vec<_> = entries.iter().map(|platform| entry(*platform)).collect();
    let mut after = before.clone();
    filter(keep).filter_entries(&mut after);
    before.iter().zip(entries).filter(|(entry, _)| after.contains(entry)).map(|(_, platform)| *platform).collect()
}

/// What the filter says of a single image that is in a registry in memory.
async fn verdict(keep: &[&str], image: &Image) -> Verdict {
    let source = Memory::new("quay.io");
    source.add("a/b:v1", image);
    let mut resolved = source.resolve(&source.name("a/b:v1"), ResolveMode::Manifest).await.unwrap();
    let filter = filter(keep);
    let told = filter.check(&resolved, &source).await.unwrap();
    resolved.manifest = None;
    assert_eq!(filter.check(&resolved, &source).await.unwrap(), told, "it does not matter who reads the manifest");
    told
}

fn with_config(config_type: MediaType, config: &str) -> Image {
    images::artifact(config_type, config, &["layer"], &[])
}

#[test]
fn a_plan_says_which_platforms_are_kept() {
    assert_eq!(filter(&["linux/amd64", "linux/arm/v7"]).summary().as_deref(), Some("linux/amd64, linux/arm/v7"));
}

#[test]
fn entries_of_other_platforms_are_dropped_in_order() {
    let entries = [Some("linux/amd64"), Some("linux/arm/v6"), Some("windows/amd64"), Some("linux/arm/v7")];
    assert_eq!(left(&["linux/arm/v7", "linux/amd64"], &entries), [Some("linux/amd64"), Some("linux/arm/v7")]);
    assert_eq!(left(&["linux/riscv64"], &entries), []);
}

#[test]
fn entries_that_do_not_say_are_kept() {
    let entries = [None, Some("linux/amd64"), Some("unknown/unknown"), Some("linux/s390x")];
    assert_eq!(left(&["linux/amd64"], &entries), [None, Some("linux/amd64"), Some("unknown/unknown")]);
    assert_eq!(left(&["linux/amd64"], &[Some("unknown/unknown")]), [Some("unknown/unknown")]);
}

#[test]
fn what_describes_images_goes_with_the_last_of_them() {
    assert_eq!(left(&["linux/amd64"], &[Some("linux/s390x"), Some("unknown/unknown"), None]), [None]);
}

#[tokio::test]
async fn a_single_image_is_judged_by_its_config() {
    let config = r#"{"os": "linux", "architecture": "arm", "variant": "v7", "rootfs": {}}"#;
    for config_type in [well_known::OCI_CONFIG, well_known::DOCKER_CONFIG] {
        let image = with_config(config_type, config);
        assert_eq!(verdict(&["linux/arm/v7"], &image).await, Verdict::Keep);
        assert_eq!(verdict(&["linux/arm"], &image).await, Verdict::Keep);
        assert_eq!(
            verdict(&["linux/amd64", "linux/arm/v6"], &image).await,
            Verdict::Drop { reason: "it is for `linux/arm/v7`, which is not wanted".to_owned() }
        );
    }
    let windows = r#"{"os": "windows", "architecture": "amd64", "os.version": "10.0.17763.1"}"#;
    let windows = with_config(well_known::DOCKER_CONFIG, windows);
    assert_eq!(verdict(&["windows:10.0.17763.1/amd64"], &windows).await, Verdict::Keep);
    assert_eq!(
        verdict(&["windows:10.0.17763.2/amd64"], &windows).await,
        Verdict::Drop { reason: "it is for `windows/amd64 (10.0.17763.1)`, which is not wanted".to_owned() }
    );
}

#[tokio::test]
async fn what_has_no_platform_is_kept() {
    for (config_type, config) in [
        (MediaType::from_static("application/vnd.cncf.helm.config.v1+json"), r#"{"os": "plan9"}"#),
        (well_known::OCI_EMPTY, "{}"),
        (well_known::OCI_CONFIG, "{}"),
        (well_known::OCI_CONFIG, r#"{"os": null, "architecture": ""}"#),
        (well_known::OCI_CONFIG, "not JSON"),
        (well_known::OCI_CONFIG, r#"{"os": "unknown", "architecture": "unknown"}"#),
    ] {
        assert_eq!(
            verdict(&["linux/amd64"], &with_config(config_type.clone(), config)).await,
            Verdict::Keep,
            "{config}"
        );
    }
}

#[tokio::test]
async fn an_index_is_judged_by_its_entries_only() {
    let image = images::image("linux/s390x", &[]);
    let index = images::index(&[("linux/s390x", &image)]);
    assert_eq!(verdict(&["linux/amd64"], &index).await, Verdict::Keep);
}

#[tokio::test]
async fn schema_1_says_its_architecture_itself() {
    let digest = Digest::of(b"layer");
    let document = format!(
        r#"{{"schemaVersion": 1, "name": "a/b", "tag": "v1", "architecture": "arm", "fsLayers": [{{"blobSum": "{digest}"}}]}}"#
    );
    let manifest = Manifest::parse(document, &well_known::SCHEMA1).unwrap();
    let image = Image { manifest, children: Vec::new(), blobs: Vec::new() };
    assert_eq!(verdict(&["linux/arm"], &image).await, Verdict::Keep);
    assert!(matches!(verdict(&["linux/amd64"], &image).await, Verdict::Drop { .. }));
}

fn as_image_syncer(arch: &str) -> Box<dyn Filter> {
    let config = Config {
        arch: Some(vec![arch.to_owned()]),
        attestations: Attestations::Drop,
        oci_images: OciImages::All,
        ..Config::default()
    };
    config.build(&BuildContext::new(Arc::new(|_| None), "", Purpose::Run)).unwrap()
}

#[test]
fn attestations_are_dropped_on_demand() {
    let filter = as_image_syncer("amd64");
    let mut entries = [Some("linux/amd64"), Some("unknown/unknown"), Some("linux/arm64"), None].map(entry).to_vec();
    filter.filter_entries(&mut entries);
    assert_eq!(entries, [entry(Some("linux/amd64")), entry(None)]);
    assert!(filter.drops_attestations() && !self::filter(&["linux/amd64"]).drops_attestations());
}

#[tokio::test]
async fn single_oci_images_are_kept_on_demand() {
    let source = Memory::new("quay.io");
    source.add("a/oci:1", &images::image("linux/arm64", &["x"]));
    let resolved = source.resolve(&source.name("a/oci:1"), ResolveMode::Manifest).await.unwrap();
    assert_eq!(as_image_syncer("amd64").check(&resolved, &source).await.unwrap(), Verdict::Keep);
    assert_ne!(filter(&["linux/amd64"]).check(&resolved, &source).await.unwrap(), Verdict::Keep);
}
