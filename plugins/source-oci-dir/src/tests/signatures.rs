//! Tags that are about an image (cosign's `sha256-….sig`, `.att`, `.sbom`) go where the image goes.

use sealift_conformance::{
    images::{Image, artifact, image, index},
    memory::Memory,
};
use sealift_core::content::well_known;
use serde_json::json;

use super::{engine::load, *};

/// The tag for something about an image.
fn tag(subject: &Image, suffix: &str) -> String {
    format!("sha256-{}.{suffix}", subject.manifest.digest().hex())
}

/// An image of two platforms, one of which is signed, too; the rule renamed the image and nobody noted targets for the
/// tags about it. Seen: with `--to` the signatures went to the repository of the source.
async fn renamed(made: &mut Made) -> (Image, Vec<String>) {
    let child = image("linux/amd64", &["1"]);
    let whole = index(&[("linux/amd64", &child)]);
    let sbom = artifact(well_known::OCI_EMPTY, "{}", &["sbom"], &[("subject", json!(whole.manifest.descriptor()))]);
    let attestation = image("linux/amd64", &["att"]);
    made.ours(&whole, "q.io/team/a:v1", "h.io/mirror/zero:v1 i.io/other/zero:v1").await;
    made.ours(&image("linux/amd64", &["2"]), "q.io/team/a:v2", "h.io/mirror/second:v2").await;
    made.ours(&sbom, &format!("q.io/team/a@{}", sbom.manifest.digest()), "").await;
    made.ours(&attestation, &format!("q.io/team/a:{}", tag(&whole, "att")), "").await;
    let mut tags = vec![tag(&whole, "att")];
    for (subject, suffix) in [(&whole, "sig"), (&child, "sig"), (&sbom, "sig"), (&attestation, "sig")] {
        let name = tag(subject, suffix);
        made.ours(&image("linux/amd64", &[&name]), &format!("q.io/team/a:{name}"), "").await;
        tags.push(name);
    }
    (whole, tags)
}

#[tokio::test]
async fn a_signature_goes_to_every_repository_that_its_image_goes_to() {
    let mut made = Made::new().await;
    let (_, tags) = renamed(&mut made).await;
    for (config, places) in [
        (json!({}), ["h.io/mirror/zero", "i.io/other/zero"]),
        (json!({ "to": "x.io" }), ["x.io/mirror/zero", "x.io/other/zero"]),
        (json!({ "to": "x.io/p" }), ["x.io/p/mirror/zero", "x.io/p/other/zero"]),
    ] {
        let all = listed(config.clone(), &made.path()).await.unwrap();
        for tag in &tags {
            let expected = format!("q.io/team/a:{tag} -> {}:{tag} {}:{tag}", places[0], places[1]);
            assert!(all.lines.contains(&expected), "{config}: {expected} is not in {:#?}", all.lines);
        }
        assert_eq!(all.lines.len(), 2 + tags.len());
    }
}

#[tokio::test]
async fn a_signature_of_something_that_is_not_there_goes_where_the_images_of_its_repository_go() {
    let mut made = Made::new().await;
    let name = tag(&image("linux/amd64", &["of an index that a filter cut"]), "sig");
    made.ours(&image("linux/amd64", &["1"]), "q.io/team/a:v1", "h.io/mirror/zero:v1").await;
    made.ours(&image("linux/amd64", &["sig"]), &format!("q.io/team/a:{name}"), "").await;
    made.ours(&image("linux/amd64", &["alone"]), &format!("q.io/signatures:{name}"), "").await;
    let all = listed(json!({ "to": "x.io" }), &made.path()).await.unwrap();
    let expected = [
        format!("q.io/signatures:{name} -> x.io/signatures:{name}"),
        "q.io/team/a:v1 -> x.io/mirror/zero:v1".to_owned(),
        format!("q.io/team/a:{name} -> x.io/mirror/zero:{name}"),
    ];
    assert_eq!(all.lines, expected);
}

#[tokio::test]
async fn tags_alone_are_related_as_full_names_are() {
    let mut made = Made::new().await;
    let signed = image("linux/amd64", &["1"]);
    let name = tag(&signed, "sig");
    made.entry(&signed, &[(REF_NAME, "v1"), (TARGETS, "h.io/mirror/zero:v1")]).await;
    made.entry(&image("linux/amd64", &["sig"]), &[(REF_NAME, &name)]).await;
    let all = listed(json!({ "to": "x.io" }), &made.path()).await.unwrap();
    let sig = format!("localhost/bundle:{name} -> x.io/mirror/zero:{name}");
    assert_eq!(all.lines, ["localhost/bundle:v1 -> x.io/mirror/zero:v1".to_owned(), sig]);
}

/// Seen: a single image arrived without its signature, and the exit code was 0.
#[tokio::test]
async fn what_is_about_an_image_goes_along_when_that_image_is_chosen() {
    let mut made = Made::new().await;
    let (whole, tags) = renamed(&mut made).await;
    let picks = json!([{ "from": "q.io/team/a:v1", "to": ["h.io/new/name:x"] }]);
    for (config, repository) in [
        (json!({ "include": ["q.io/team/a:v1"], "to": "h.io" }), "mirror/zero"),
        (json!({ "images": picks }), "new/name"),
    ] {
        let registry = Memory::new("h.io");
        let report = load(config.clone(), &made.path(), &registry).await;
        assert_eq!(report.exit_code(), 0, "{report:?}");
        for tag in &tags[..4] {
            assert!(registry.digest_of(&format!("{repository}:{tag}")).is_some(), "{config}: {tag} is missing");
        }
        let sbom = artifact(well_known::OCI_EMPTY, "{}", &["sbom"], &[("subject", json!(whole.manifest.descriptor()))]);
        let at = format!("h.io/{repository}").parse().unwrap();
        assert!(
            Fetch::manifest(&registry, &at, &sbom.manifest.descriptor()).await.is_ok(),
            "{config}: the SBOM is missing"
        );
        assert!(registry.digest_of("mirror/second:v2").is_none());
    }
}

#[tokio::test]
async fn the_only_image_needs_no_name_although_it_is_signed() {
    let mut made = Made::new().await;
    let signed = image("linux/amd64", &["1"]);
    let name = tag(&signed, "sig");
    made.ours(&signed, "q.io/a:v1", "").await;
    made.ours(&image("linux/amd64", &["sig"]), &format!("q.io/a:{name}"), "").await;
    let registry = Memory::new("h.io");
    let report = load(json!({ "images": [{ "to": ["h.io/x:1"] }] }), &made.path(), &registry).await;
    assert_eq!((report.exit_code(), report.copied), (0, 1), "{report:?}");
    assert!(registry.digest_of(&format!("x:{name}")).is_some());
}
