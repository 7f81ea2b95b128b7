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
