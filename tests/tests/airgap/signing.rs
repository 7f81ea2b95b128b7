//! Signatures and SBOMs travel, also where a registry knows nothing of referrers.

use sealift_conformance::images::{Image, artifact, index};
use sealift_core::content::{Manifest, Tag, well_known};
use sealift_oci_layout::{CONTAINERD_NAME, REF_NAME};
use sealift_serve::{ServeOptions, Server, access::RequestKind};
use sealift_testkit::{content::Content, registry::Registry};
use serde_json::json;

use crate::{app, folder, sites};

/// Something that refers to a manifest.
fn about(subject: &Manifest, kind: &str) -> Image {
    let members = [("artifactType", json!(kind)), ("subject", json!(subject.descriptor()))];
    artifact(well_known::OCI_EMPTY, "{}", &[kind], &members)
}

/// The tag that lists what is about a manifest.
fn listing(subject: &Manifest) -> Tag {
    Tag::referrers_tag(subject.digest()).unwrap()
}

/// An image with an SBOM and a signature of it (found by the fallback tag), and a cosign signature of one platform.
pub(crate) async fn signed(at: &Content) -> Image {
    let image = app("v1");
    at.put("shop/app", "v1", &image).await;
    let sbom = about(&image.manifest, "application/x.sbom");
    let signature = about(&sbom.manifest, "application/x.signature");
    at.put("shop/app", &listing(&image.manifest), &index(&[("", &sbom)])).await;
    at.put("shop/app", &listing(&sbom.manifest), &index(&[("", &signature)])).await;
    let cosign = format!("{}.sig", listing(&image.children[0].manifest));
    at.put("shop/app", &cosign, &crate::image("linux/amd64", &["cosign"])).await;
    image
}

/// Says that everything arrived, and that the fallback tags list it.
pub(crate) async fn arrived(at: &Content, repository: &str, image: &Image) {
    let sbom = about(&image.manifest, "application/x.sbom");
    let signature = about(&sbom.manifest, "application/x.signature");
    for (subject, referrer) in [(image, &sbom), (&sbom, &signature)] {
        let list = at.manifest(repository, &listing(&subject.manifest)).await.expect("there is a fallback tag");
        let entries: Vec<_> = list.entries().iter().map(|entry| &entry.digest).collect();
        assert_eq!(entries, [referrer.manifest.digest()]);
        assert_eq!(list.entries()[0].artifact_type.as_deref(), referrer.manifest.artifact_type());
        at.whole(repository, &referrer.manifest.digest().to_string()).await;
    }
    at.whole(repository, &format!("{}.sig", listing(&image.children[0].manifest))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_about_an_image_reaches_a_registry_without_the_api() {
    let Some((from, to)) = sites() else { return };
    let image = signed(&Content::at(&from.url())).await;
    let (folder, f, t) = (folder(), from.host(), to.host());
    from.reset();
    folder.run(&["copy", &format!("{f}/shop/app:v1"), &format!("{t}/mirror/app:v1")]).expect(0);
    arrived(&Content::at(&to.url()), "mirror/app", &image).await;
    let asked = from.requests();
    assert_eq!(asked.of_kind(RequestKind::Referrers), 1, "a registry without the API is asked once");
    assert_eq!(asked.of_kind(RequestKind::Tags), 1, "and its tags are looked at once");
}

// A plan said nothing of signatures and SBOMs, and no exit code told whether a run would change anything.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_tells_what_is_about_images_and_by_its_exit_code_whether_anything_would_change() {
    let Some((from, to)) = sites() else { return };
    let source = Content::at(&from.url());
    source.put("shop/app", "v1", &app("v1")).await;
    let (folder, f, t) = (folder(), from.host(), to.host());
    let (image, target) = (format!("{f}/shop/app:v1"), format!("{t}/mirror/app:v1"));
    for (words, plan) in [
        (vec!["copy", &image, &target], vec!["--plan", "--detailed-exit-code"]),
        (vec!["stage", &image, "--to", "bundle"], vec!["--plan", "--detailed-exit-code", "--report", "plan.json"]),
    ] {
        let planned = [&words[..], &plan[..]].concat();
        folder.run(&planned).expect(3);
        folder.run(&words).expect(0);
        let ran = folder.run(&planned).expect(0);
        assert!(ran.stdout.contains("nothing to copy"), "{}", ran.all());
    }
    assert!(folder.read("plan.json").contains("\"mode\": \"plan\""));

    // An SBOM, its signature, and a cosign signature come to the image later.
    signed(&source).await;
    for words in [vec!["copy", &image, &target], vec!["stage", &image, "--to", "bundle"]] {
        let planned = [&words[..], &["--plan", "--detailed-exit-code"]].concat();
        let ran = folder.run(&planned).expect(3);
        assert!(ran.stdout.contains("  it is there already, with 3 referrers"), "{}", ran.all());
        assert!(ran.stdout.contains("1 image to copy to 1 target"), "{}", ran.all());
        let without = folder.run(&[&planned[..], &["--no-referrers"]].concat()).expect(0);
        assert!(without.stdout.contains("nothing to copy"), "{}", without.all());
        let sent = folder.run(&words).expect(0);
        let (sum, blobs) = ran.stdout.split_once(": up to ").unwrap();
        assert!(sum.contains("to copy") && !blobs.starts_with("0 B"), "{}{}", ran.all(), sent.all());
        let again = folder.run(&planned).expect(0);
        assert!(again.stdout.contains("nothing to copy"), "{}", again.all());
    }
    // A plan that fails says so by its code, whatever would change besides.
    let none = format!("{f}/shop/app:none");
    folder.run(&["stage", &image, &none, "--to", "other", "--plan", "--detailed-exit-code"]).expect(1);
    let ran = folder.run(&["copy", &image, &target, "--detailed-exit-code"]).expect(2);
    assert!(ran.stderr.contains("--plan"), "{}", ran.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_others_stay_in_the_list() {
    let Some((from, to)) = sites() else { return };
    let image = signed(&Content::at(&from.url())).await;
    let target = Content::at(&to.url());
    let theirs = about(&image.manifest, "application/x.theirs");
    target.put("mirror/app", &listing(&image.manifest), &index(&[("", &theirs)])).await;
    let (folder, f, t) = (folder(), from.host(), to.host());
    // All tags, so that the fallback tag of the source is among what is listed, too.
    folder.write("images.yaml", &format!("{f}/shop/app: {t}/mirror/app\n"));
    folder.run(&["sync", "--images", "images.yaml", "--referrers"]).expect(0);
    let list = target.manifest("mirror/app", &listing(&image.manifest)).await.unwrap();
    let kinds: Vec<_> = list.entries().iter().map(|entry| entry.digest.clone()).collect();
    let sbom = about(&image.manifest, "application/x.sbom");
    assert_eq!(kinds, [theirs.manifest.digest().clone(), sbom.manifest.digest().clone()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_about_an_image_crosses_the_air_gap() {
    let Some((from, to)) = sites() else { return };
    let image = signed(&Content::at(&from.url())).await;
    let (folder, f, t) = (folder(), from.host(), to.host());
    folder.run(&["stage", &format!("{f}/shop/app:v1"), "--to", "bundle"]).expect(0);
    folder.run(&["load", "bundle", "--to", &t]).expect(0);
    arrived(&Content::at(&to.url()), "shop/app", &image).await;

    // containerd makes an image of each name, and fails at a signature. A server knows the repository nevertheless.
    let index: serde_json::Value = serde_json::from_str(&folder.read("bundle/index.json")).unwrap();
    let entries = index["manifests"].as_array().unwrap();
    let names = [REF_NAME, CONTAINERD_NAME]
        .map(|key| entries.iter().filter_map(move |entry| entry["annotations"][key].as_str()));
    let names: Vec<&str> = names.into_iter().flatten().collect();
    assert!(entries.len() == 4 && names.len() == 4 && names.iter().all(|name| !name.contains('@')), "{index}");
    let served = Server::start(ServeOptions::new(folder.path("bundle"))).await.unwrap();
    folder.run(&["copy", &format!("{}/shop/app:v1", served.host()), &format!("{t}/served/app:v1")]).expect(0);
    arrived(&Content::at(&to.url()), "served/app", &image).await;

    // A registry that has the API finds them by itself, and gets no fallback tag.
    let inside = tempfile::tempdir().unwrap();
    let modern = Server::start(ServeOptions::new(inside.path()).writable().record()).await.unwrap();
    folder.run(&["load", "bundle", "--to", &modern.host()]).expect(0);
    let target = Content::at(&modern.url());
    assert!(target.manifest("shop/app", &listing(&image.manifest)).await.is_none());
    let Some(last) = Registry::start() else { return };
    folder.run(&["copy", &format!("{}/shop/app:v1", modern.host()), &format!("{}/shop/app:v1", last.host())]).expect(0);
    arrived(&Content::at(&last.url()), "shop/app", &image).await;
}

/// Rules rename an image on its way; its signatures were left in a repository of the old name.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_about_a_renamed_image_crosses_the_air_gap_with_it() {
    let Some((from, to)) = sites() else { return };
    let image = signed(&Content::at(&from.url())).await;
    let (folder, f, t) = (folder(), from.host(), to.host());
    folder.write("images.yaml", &format!("{f}/shop/app:v1: elsewhere.example.com/mirror/zero\n"));
    folder.run(&["stage", "--images", "images.yaml", "--to", "bundle"]).expect(0);
    folder.run(&["load", "bundle", "--to", &format!("{t}/all")]).expect(0);
    arrived(&Content::at(&to.url()), "all/mirror/zero", &image).await;
    folder.run(&["load", "bundle", "--include", &format!("{f}/shop/app:v1"), "--to", &format!("{t}/one")]).expect(0);
    arrived(&Content::at(&to.url()), "one/mirror/zero", &image).await;
    folder.run(&["copy", &format!("oci-dir:bundle:{f}/shop/app:v1"), &format!("{t}/third/name:x")]).expect(0);
    arrived(&Content::at(&to.url()), "third/name", &image).await;
}
