use axum::http::StatusCode;

use super::asking::Asker;
use crate::{
    harbor::Harbor,
    images::{image, index},
};

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
    let expected = "Quota exceeded when processing the request of adding 22.0 B of storage resource";
    assert!(too_much.2.starts_with(expected), "{too_much:?}");
    // The same blob does not come in by a mount either.
    let digest = &app.blobs[1].0.digest;
    let mount = format!("/v2/small/app/blobs/uploads/?mount={digest}&from=large/app");
    assert_eq!(admin.ask("POST", &mount, "", Vec::new()).await.status, StatusCode::FORBIDDEN);
    // What is there costs nothing again.
    assert_eq!(admin.put_blob("small/app", config).await.status, StatusCode::CREATED);
    harbor.limit_storage("small", config.len() as u64 + layer.len() as u64);
    assert_eq!(admin.put_blob("small/app", layer).await.status, StatusCode::CREATED);
    assert_eq!(admin.put_manifest("small/app", "v1", &app).await.status, StatusCode::FORBIDDEN);
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
    let expected = refusal(403, "DENIED", "can not push artifact to a proxy project: hub");
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
    let behind = format!("{}/v2/team/app/manifests/v2", harbor.registry().url());
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
