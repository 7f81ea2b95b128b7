use axum::http::StatusCode;
use sealift_core::content::MediaType;

use super::asking::Asker;
use crate::harbor::{Gc, Harbor, Policy};
use sealift_conformance::images::{artifact, image, index};

fn refusal(status: u16, code: &str, words: &str) -> (u16, String, String) {
    (status, code.to_owned(), words.to_owned())
}

#[tokio::test]
async fn a_repository_needs_a_project_before_its_name() {
    let Some(harbor) = Harbor::start().await else { return };
    let answer = Asker::admin(&harbor).get("/v2/alone/tags/list").await;
    assert_eq!(answer.refusal().0, 400);
}

#[tokio::test]
async fn an_immutable_tag_is_never_written_again_not_even_with_its_own_digest() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.make_immutable("team", "**", "v*");
    let admin = Asker::admin(&harbor);
    let app = image("linux/amd64", &["layer"]);
    assert_eq!(admin.push("team/app", "v1", &app).await.status, StatusCode::CREATED, "the first one is welcome");
    let words = "Failed to process request due to 'app:v1' configured as immutable.";
    assert_eq!(admin.push("team/app", "v1", &app).await.refusal(), refusal(412, "PRECONDITION", words));
    assert_eq!(admin.push("team/app", "latest", &app).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn the_quota_is_asked_for_blobs_manifests_and_mounts() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("small");
    harbor.add_project("large");
    let admin = Asker::admin(&harbor);
    let app = image("linux/amd64", &["a layer of some length"]);
    let (config, layer) = (&app.blobs[0].1, &app.blobs[1].1);
    assert_eq!(admin.put_blob("large/app", layer).await.status, StatusCode::CREATED);
    harbor.limit_storage("small", config.len() as u64 + 5);
    assert_eq!(admin.put_blob("small/app", config).await.status, StatusCode::CREATED);
    let too_much = admin.put_blob("small/app", layer).await.refusal();
    assert_eq!((too_much.0, too_much.1.as_str()), (403, "DENIED"));
    let expected = "adding 22 B of storage resource, which when updated to current usage of ";
    assert!(
        too_much.2.starts_with(expected) && too_much.2.contains("exceed the configured upper limit"),
        "{too_much:?}"
    );
    // The same blob does not come in by a mount either.
    let digest = &app.blobs[1].0.digest;
    let mount = format!("/v2/small/app/blobs/uploads/?mount={digest}&from=large/app");
    assert_eq!(admin.ask("POST", &mount, "", Vec::new()).await.status, StatusCode::FORBIDDEN);
    // What is there costs nothing again.
    assert_eq!(admin.put_blob("small/app", config).await.status, StatusCode::CREATED);
    harbor.limit_storage("small", config.len() as u64 + layer.len() as u64);
    assert_eq!(admin.put_blob("small/app", layer).await.status, StatusCode::CREATED);
    assert_eq!(admin.put_manifest("small/app", "v1", &app).await.status, StatusCode::FORBIDDEN);
    // Exactly full, an upload can begin; with more in it than it may hold, it cannot, but a mount of what is there can.
    let begin = async || admin.ask("POST", "/v2/small/app/blobs/uploads/", "", Vec::new()).await;
    assert_eq!(begin().await.status, StatusCode::ACCEPTED);
    harbor.limit_storage("small", 3);
    assert!(begin().await.refusal().2.starts_with("subtracting 0 B of storage resource"));
    let mount = format!("/v2/small/other/blobs/uploads/?mount={digest}&from=small/app");
    assert_eq!(admin.ask("POST", &mount, "", Vec::new()).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_policy_bars_pulls_and_not_pushes() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.set_policy("team", Policy::Cosign);
    let admin = Asker::admin(&harbor);
    let app = image("linux/amd64", &["layer"]);
    for _ in 0..2 {
        assert_eq!(admin.push("team/app", "v1", &app).await.status, StatusCode::CREATED);
    }
    let expected = refusal(412, "PROJECTPOLICYVIOLATION", "The image is not signed by cosign.");
    assert_eq!(admin.get("/v2/team/app/manifests/v1").await.refusal(), expected);
    let path = format!("/v2/team/app/manifests/{}", app.manifest.digest());
    assert_eq!(admin.head(&path).await.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(admin.head("/v2/team/app/manifests/none").await.status, StatusCode::NOT_FOUND);
    let artifact = admin.get("/api/v2.0/projects/team/repositories/app/artifacts/v1").await.json();
    assert_eq!(artifact["digest"], app.manifest.digest().to_string());
}

#[tokio::test]
async fn a_config_that_is_none_is_an_error_without_a_word() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    let admin = Asker::admin(&harbor);
    let push = async |config: &'static str, bytes: &str| {
        let image = artifact(MediaType::from_static(config), bytes, &["layer"], &[]);
        admin.push("team/app", "v1", &image).await
    };
    let image = "application/vnd.oci.image.config.v1+json";
    let own = "application/vnd.acme.x.config.v1+json";
    for (config, bytes) in [(image, "no json"), (image, r#"{"created":""}"#), (own, "no json"), (own, "[]")] {
        let expected = refusal(500, "UNKNOWN", "internal server error");
        assert_eq!(push(config, bytes).await.refusal(), expected, "{config} {bytes}");
    }
    for (config, bytes) in
        [(image, "{}"), (own, "{}"), ("text/plain", "no json"), ("application/vnd.oci.empty.v1+json", "{}")]
    {
        assert_eq!(push(config, bytes).await.status, StatusCode::CREATED, "{config} {bytes}");
    }
}

#[tokio::test]
async fn what_garbage_collection_only_wants_is_kept_by_a_look_and_what_it_sweeps_is_not_taken_in() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    let admin = Asker::admin(&harbor);
    let bytes = b"some bytes";
    assert_eq!(admin.put_blob("team/app", bytes).await.status, StatusCode::CREATED);
    let digest = sealift_core::content::Digest::of(bytes).to_string();
    let head = async |repository: &str| admin.head(&format!("/v2/{repository}/blobs/{digest}")).await.status.as_u16();
    harbor.set_gc(&digest, Gc::Delete);
    assert_eq!(head("team/other").await, 404, "the touch is by digest, the registry behind is asked by repository");
    harbor.sweep();
    assert_eq!(head("team/app").await, 200);
    harbor.set_gc(&digest, Gc::Deleting);
    assert_eq!(head("team/app").await, 404);
    assert!(admin.put_blob("team/app", bytes).await.refusal().2.starts_with("the asking blob is in GC"));
    let mount = format!("/v2/team/other/blobs/uploads/?mount={digest}&from=team/app");
    assert_eq!(admin.ask("POST", &mount, "", Vec::new()).await.status, StatusCode::CREATED, "a mount does not look");
}

#[tokio::test]
async fn in_read_only_mode_nothing_is_written_whoever_asks() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    let app = image("linux/amd64", &["layer"]);
    assert_eq!(Asker::admin(&harbor).push("team/app", "v1", &app).await.status, StatusCode::CREATED);
    harbor.read_only(true);
    let words = "The system is in read only mode. Any modification is prohibited.";
    let post = Asker::nobody(&harbor).ask("POST", "/v2/team/app/blobs/uploads/", "", Vec::new()).await;
    assert_eq!(post.refusal(), refusal(403, "DENIED", words));
    assert_eq!(Asker::admin(&harbor).get("/v2/team/app/manifests/v1").await.status, StatusCode::OK);
}

#[tokio::test]
async fn nothing_is_pushed_to_a_project_that_caches_another_registry() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_proxy_cache("hub");
    let admin = Asker::admin(&harbor);
    let app = image("linux/amd64", &["layer"]);
    let expected = refusal(403, "DENIED", "denied: can not push artifact to a proxy project: hub");
    assert_eq!(admin.push("hub/app", "v1", &app).await.refusal(), expected);
    assert_eq!(admin.put_manifest("hub/app", "v1", &app).await.refusal(), expected);
    assert_eq!(admin.get("/api/v2.0/projects/hub").await.json()["registry_id"], 1);
}

#[tokio::test]
async fn an_index_is_refused_without_its_children_also_after_it_was_stored() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    let admin = Asker::admin(&harbor);
    let app = image("linux/amd64", &["layer"]);
    let both = index(&[("linux/amd64", &app)]);
    // The registry behind never saw the child: it refuses by itself.
    let early = admin.put_manifest("team/app", "v1", &both).await;
    assert_eq!((early.refusal().0, early.refusal().1.as_str()), (400, "MANIFEST_BLOB_UNKNOWN"));
    // It has the child, but the database does not: Harbor refuses, and the registry behind has stored it.
    assert_eq!(admin.push("team/app", "v1", &both).await.status, StatusCode::CREATED);
    let child = app.manifest.digest().to_string();
    harbor.delete_artifact("team/app", &child);
    harbor.delete_artifact("team/app", &both.manifest.digest().to_string());
    let late = admin.put_manifest("team/app", "v2", &both).await;
    assert_eq!(late.refusal(), refusal(404, "NOT_FOUND", &format!("artifact team/app@{child} not found")));
    assert_eq!(harbor.digest_of("team/app:v2"), None);
    let behind = format!("{}/v2/team/app/manifests/{}", harbor.registry().url(), both.manifest.digest());
    assert_eq!(Asker::nobody(&harbor).get(&behind).await.status, StatusCode::OK);
    assert_eq!(admin.get("/v2/team/app/manifests/v2").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_marked_blob_is_mounted_although_it_is_said_to_be_gone_and_is_swept() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    let admin = Asker::admin(&harbor);
    let app = image("linux/amd64", &["layer"]);
    for (_, bytes) in &app.blobs {
        admin.put_blob("team/old", bytes).await;
    }
    let digest = app.blobs[1].0.digest.to_string();
    let head = async |repository: &str| admin.head(&format!("/v2/{repository}/blobs/{digest}")).await.status;
    assert_eq!(head("team/old").await, StatusCode::OK);
    harbor.mark_for_gc(&digest);
    assert_eq!(head("team/old").await, StatusCode::NOT_FOUND);
    let mount = format!("/v2/team/new/blobs/uploads/?mount={digest}&from=team/old");
    assert_eq!(admin.ask("POST", &mount, "", Vec::new()).await.status, StatusCode::CREATED, "nobody looks at the mark");
    assert_eq!(head("team/new").await, StatusCode::NOT_FOUND);
    harbor.sweep();
    admin.put_blob("team/new", &app.blobs[0].1).await;
    let broken = admin.put_manifest("team/new", "v1", &app).await;
    assert_eq!(broken.refusal().1, "MANIFEST_BLOB_UNKNOWN", "who believed the mount is left without the blob");
    // Sending it again heals, before and after the sweep.
    admin.put_blob("team/new", &app.blobs[1].1).await;
    assert_eq!(head("team/new").await, StatusCode::OK);
    harbor.mark_for_gc(&digest);
    admin.put_blob("team/new", &app.blobs[1].1).await;
    harbor.sweep();
    assert_eq!(admin.put_manifest("team/new", "v1", &app).await.status, StatusCode::CREATED);
}
