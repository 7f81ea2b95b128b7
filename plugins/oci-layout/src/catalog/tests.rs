use sealift_core::content::{Descriptor, MediaType, well_known};
use serde_json::json;

use super::*;
use crate::{
    CONTAINERD_NAME, REF_NAME, SOURCE, TARGETS,
    made::{Made, annotated},
};

fn names(catalog: &ImageCatalog) -> Vec<&str> {
    catalog.images().iter().map(|image| image.name.as_str()).collect()
}

#[tokio::test]
async fn images_are_listed_in_the_order_of_the_index_under_any_kind_of_name() {
    let mut made = Made::new().await;
    let (one, two) = (made.image("1").await, made.image("2").await);
    made.entry(&two, &[(REF_NAME, "2.0"), (CONTAINERD_NAME, "docker.io/library/two:2.0")]);
    made.entry(&one, &[(REF_NAME, "q.io/team/one:v1")]);
    made.entry(&one, &[(REF_NAME, "v1")]);
    let catalog = made.catalog().await;
    assert_eq!(names(&catalog), ["docker.io/library/two:2.0", "q.io/team/one:v1", "v1"]);
    assert_eq!(catalog.images()[2].source.to_string(), "localhost/bundle:v1");
    assert_eq!(catalog.find(&"q.io/team/one:v1".parse().unwrap()).unwrap().digest, one.digest);
    assert_eq!(catalog.warnings(), [""; 0]);
}

#[tokio::test]
async fn the_only_image_needs_no_name() {
    let mut made = Made::new().await;
    let image = made.image("1").await;
    made.entry(&image, &[]);
    let catalog = made.catalog().await;
    assert_eq!(names(&catalog), [format!("@{}", image.digest)]);
    assert_eq!(catalog.images()[0].source.to_string(), format!("localhost/bundle@{}", image.digest));
}

#[tokio::test]
async fn what_has_a_name_is_not_listed_again_without_it() {
    let mut made = Made::new().await;
    let (child, other) = (made.image("child").await, made.image("other").await);
    let inner = made.index(&[annotated(&child, &[])]).await;
    let outer = made.index(&[annotated(&inner, &[])]).await;
    for item in [&child, &inner, &outer, &other] {
        made.entry(item, &[]);
    }
    made.entry(&outer, &[(REF_NAME, "q.io/a:v1")]);
    made.entry(&outer, &[(REF_NAME, "q.io/a:v1")]);
    let catalog = made.catalog().await;
    assert_eq!(names(&catalog), [&format!("@{}", other.digest), "q.io/a:v1"]);
}

#[tokio::test]
async fn an_index_of_named_images_is_only_a_list() {
    let mut made = Made::new().await;
    let (one, two) = (made.image("1").await, made.image("2").await);
    let inner = made.index(&[annotated(&one, &[(REF_NAME, "q.io/a:1")]), annotated(&two, &[])]).await;
    let outer = made.index(&[annotated(&inner, &[]), annotated(&two, &[(REF_NAME, "q.io/a:2")])]).await;
    made.entry(&inner, &[]);
    made.entry(&outer, &[]);
    assert_eq!(names(&made.catalog().await), ["q.io/a:1", "q.io/a:2"]);
}

#[tokio::test]
async fn signatures_are_found_by_what_they_are_about_and_are_no_images() {
    let mut made = Made::new().await;
    let image = made.image("1").await;
    let signature = made.manifest(json!({ "subject": image, "artifactType": "a/sig" })).await;
    let sbom = made.manifest(json!({ "subject": image, "artifactType": "a/sbom" })).await;
    let index = made.index(&[annotated(&sbom, &[])]).await;
    let fallback = format!("sha256-{}", image.digest.hex());
    let cosign = made.image("cosign").await;
    made.entry(&image, &[(REF_NAME, "q.io/a:v1")]);
    made.entry(&signature, &[]);
    made.named(&signature, &format!("q.io/a@{}", signature.digest));
    made.entry(&index, &[(REF_NAME, &format!("q.io/a:{fallback}"))]);
    made.entry(&sbom, &[]);
    made.entry(&cosign, &[(REF_NAME, &format!("q.io/a:{fallback}.sig"))]);
    let catalog = made.catalog().await;
    assert_eq!(names(&catalog), ["q.io/a:v1", &format!("q.io/a:{fallback}.sig")]);
    let about: Vec<_> = catalog.referrers(&image.digest).iter().map(|one| one.artifact_type.as_deref()).collect();
    assert_eq!(about, [Some("a/sig"), Some("a/sbom")]);
    let repository = "q.io/a".parse().unwrap();
    assert_eq!(catalog.fallback(&repository, &image.digest).unwrap().digest, index.digest);
    assert_eq!(catalog.fallback(&repository, &index.digest), None);
}

#[tokio::test]
async fn a_referrer_is_listed_with_the_annotations_of_its_manifest_and_not_of_its_entry() {
    let mut made = Made::new().await;
    let image = made.image("1").await;
    let signature = made.manifest(json!({ "subject": image, "annotations": { "by": "manifest" } })).await;
    made.named(&image, "q.io/a:v1");
    made.named(&signature, &format!("q.io/a@{}", signature.digest));
    let catalog = made.catalog().await;
    let [referrer] = catalog.referrers(&image.digest) else { panic!("one referrer") };
    assert_eq!(referrer.annotations.iter().collect::<Vec<_>>(), [(&"by".to_owned(), &"manifest".to_owned())]);
}

#[tokio::test]
async fn who_asks_for_a_signature_gets_it_as_an_image() {
    let mut made = Made::new().await;
    let image = made.image("1").await;
    let signature = made.manifest(json!({ "subject": image })).await;
    let name = format!("q.io/a@{}", signature.digest);
    made.entry(&signature, &[(REF_NAME, &name), (SOURCE, &name)]);
    assert_eq!(names(&made.catalog().await), [name]);
}

#[tokio::test]
async fn what_cannot_be_read_is_listed_so_that_it_fails_where_it_is_asked_for() {
    let mut made = Made::new().await;
    let gone = Descriptor::of_bytes(well_known::OCI_MANIFEST, b"gone");
    made.entry(&gone, &[]);
    assert_eq!(names(&made.catalog().await), [format!("@{}", gone.digest)]);
}

#[tokio::test]
async fn what_is_no_image_is_said() {
    let mut made = Made::new().await;
    let image = made.image("1").await;
    let readme = made.put(MediaType::from_static("text/plain"), json!("read me")).await;
    made.entry(&readme, &[(REF_NAME, "readme")]);
    made.entry(&image, &[(REF_NAME, "Not/A/Name:v1")]);
    made.entry(&image, &[(REF_NAME, "q.io/a:v1"), (TARGETS, "h.io/p/a:v1")]);
    let catalog = made.catalog().await;
    assert_eq!(names(&catalog), ["q.io/a:v1"]);
    assert_eq!(catalog.images()[0].targets, ["h.io/p/a:v1".parse().unwrap()]);
    let said = catalog.warnings();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].ends_with("is a `text/plain`, which is no image"), "{}", said[0]);
    assert!(said[1].contains("`Not/A/Name:v1` is no image reference"), "{}", said[1]);
    assert_eq!(catalog.broken(), []);
}

/// Seen: one bit of an entry was flipped on a stick, and `load` and `verify` ended with 0 without the image.
#[tokio::test]
async fn a_damaged_entry_is_told_with_the_name_that_is_left_of_it() {
    let mut made = Made::new().await;
    let (image, gone) = (made.image("1").await, Descriptor::of_bytes(MediaType::from_static("text/plain"), b"gone"));
    let named = |change: &dyn Fn(&mut serde_json::Value)| {
        let names = [(REF_NAME, "q.io/a:v1"), (CONTAINERD_NAME, "q.io/a:v1"), (SOURCE, "q.io/a:v1")];
        let mut entry = annotated(&image, &names);
        change(&mut entry);
        entry
    };
    let named_of = |entry: serde_json::Value| entry["annotations"].clone();
    for (entry, says) in [
        (named(&|entry| entry["digest"] = "sha256:0".into()), "the entry `q.io/a:v1`"),
        (named(&|entry| entry["digest"] = "blake3:00".into()), "the entry `q.io/a:v1`"),
        (named(&|entry| drop(entry.as_object_mut().unwrap().remove("digest"))), "missing field `digest`"),
        (named(&|entry| entry["size"] = "7".into()), "the entry `q.io/a:v1`"),
        (named(&|entry| drop(entry.as_object_mut().unwrap().remove("size"))), "missing field `size`"),
        (named(&|entry| entry["annotations"]["x"] = 1.into()), "the entry `q.io/a:v1`"),
        (named(&|entry| entry["annotations"] = json!([])), "an entry of `index.json` cannot be understood"),
        (json!(null), "cannot be understood"),
        (json!([1]), "cannot be understood"),
        (
            named(&|entry| entry["mediaType"] = "application/vnd.oci.imbge.manifest.v1+json".into()),
            "and that is a manifest",
        ),
        (annotated(&gone, &[(REF_NAME, "readme")]), "and there is no such file"),
        (named(&|entry| entry["annotations"][TARGETS] = "h.io/p/a:v1 No/Place".into()), "shall go to `No/Place`"),
        (named(&|entry| entry["annotations"][CONTAINERD_NAME] = "q.io/b:v1".into()), "do not agree"),
        (
            named(&|entry| entry["annotations"] = json!({ REF_NAME: "v1", SOURCE: named_of(entry.clone())[SOURCE] })),
            "it has no `io.containerd.image.name`",
        ),
    ] {
        made.entries = vec![entry.clone()];
        let catalog = made.catalog().await;
        let told = catalog.broken().first().map(ToString::to_string).unwrap_or_default();
        assert!(told.contains(says), "{entry}: {told}");
    }
}

#[tokio::test]
async fn one_name_for_two_images_is_seen() {
    let mut made = Made::new().await;
    let (one, two) = (made.image("1").await, made.image("2").await);
    made.entry(&one, &[(REF_NAME, "q.io/a:v1")]);
    made.entry(&two, &[(REF_NAME, "q.io/a:v1")]);
    let catalog = made.catalog().await;
    assert_eq!(names(&catalog), ["q.io/a:v1", "q.io/a:v1"]);
    assert_eq!(catalog.find(&catalog.images()[1].source).unwrap().digest, one.digest, "as everybody reads it");
}
