//! Harbor, met by a push to any registry that does not know beforehand what it meets. Played by a double.

use std::{sync::Arc, time::Duration};

use sealift_conformance::images::{Image, artifact, image};
use sealift_core::{
    content::{Descriptor, Digest, Repository},
    error::{ErrorKind, Retry},
    stage::{Fetch, Push, ReferrersTag, ResolveMode, UploadStart},
};
use sealift_serve::access::RequestKind;
use sealift_testkit::harbor::{ADMIN, Account, Gc, Harbor, Policy, Right};

use super::setting::*;
use crate::error::Reason;

fn push(harbor: &Harbor) -> crate::RegistryPush {
    push_of(&client_with(&[(&harbor.host(), login(ADMIN.0, ADMIN.1))], hasty()))
}

#[tokio::test]
async fn a_blob_that_garbage_collection_marked_is_not_believed_to_be_there() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    let at = repository(&harbor.host(), "team/app");
    let content = noise(1000);
    send(&push(&harbor), &at, &content).await.unwrap();
    assert_eq!(send(&push(&harbor), &at, &content).await.unwrap(), "have");
    harbor.mark_for_gc(&digest_of(&content).to_string());
    // Not even by the very first request, which learns on its way whom it is talking to.
    assert_eq!(send(&push(&harbor), &at, &content).await.unwrap(), "sent");
    let there = push(&harbor).blob_exists(&at, &layer(&content)).await.unwrap();
    assert!(there, "sending it took the mark off");
}

/// A repository that is said to have a blob, and one that shall get it.
fn two(harbor: &Harbor) -> (Repository, Repository) {
    (repository(&harbor.host(), "team/from"), repository(&harbor.host(), "team/to"))
}

#[tokio::test]
async fn a_blob_is_looked_for_where_it_shall_be_mounted_from() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    let (from, to) = two(&harbor);
    let content = noise(1000);
    send(&push(&harbor), &from, &content).await.unwrap();
    let push = push(&harbor);
    assert!(push.resolve(&image_at(&harbor.host(), "team/to:v1")).await.unwrap().is_none());
    // Garbage collection wants it, and takes it unless a HEAD touches it: the mount does not.
    let digest = digest_of(&content).to_string();
    harbor.set_gc(&digest, Gc::Delete);
    harbor.reset();
    assert!(matches!(push.offer(&to, &layer(&content), Some(&from)).await.unwrap(), UploadStart::Mounted));
    let journal = harbor.requests();
    assert_eq!(
        (journal.count("HEAD", RequestKind::Blob), journal.count("POST", RequestKind::Upload)),
        (2, 1),
        "{journal}"
    );
    harbor.sweep();
    assert!(push.blob_exists(&to, &layer(&content)).await.unwrap(), "it was kept");
    // What this run saw there is not looked for again.
    let third = repository(&harbor.host(), "team/third");
    harbor.reset();
    assert!(matches!(push.offer(&third, &layer(&content), Some(&to)).await.unwrap(), UploadStart::Mounted));
    assert_eq!(harbor.requests().count("HEAD", RequestKind::Blob), 1, "{}", harbor.requests());
}

#[tokio::test]
async fn a_blob_that_is_being_swept_is_not_mounted() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    let (from, to) = two(&harbor);
    let content = noise(1000);
    send(&push(&harbor), &from, &content).await.unwrap();
    harbor.set_gc(&digest_of(&content).to_string(), Gc::DeleteFailed);
    let offer = push(&harbor).offer(&to, &layer(&content), Some(&from)).await.unwrap();
    let UploadStart::Upload(slot) = offer else { panic!("the mount was believed") };
    slot.write(blob(&content)).await.unwrap();
}

#[tokio::test]
async fn a_missing_project_is_told_from_a_missing_right() {
    let Some(harbor) = Harbor::start().await else { return };
    let at = repository(&harbor.host(), "nope/app");
    let error = push(&harbor).put_child(&at, &empty_index()).await.unwrap_err();
    assert_eq!(Reason::of(&error), Some(Reason::NoProject), "{error}");
    assert!(push(&harbor).resolve(&image_at(&harbor.host(), "nope/app:v1")).await.unwrap().is_none());
}

/// The same with patience for a host that is not well.
fn patient(harbor: &Harbor, login_of: (&str, &str)) -> crate::RegistryPush {
    let timing = super::setting::patient(Duration::from_millis(30), Duration::from_secs(20));
    push_of(&client_with(&[(&harbor.host(), login(login_of.0, login_of.1))], timing))
}

/// Brings the database back after a moment.
fn soon_back(harbor: &Arc<Harbor>) {
    let harbor = Arc::clone(harbor);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(700)).await;
        harbor.database_away(false);
    });
}

async fn harbor_with_team() -> Option<Arc<Harbor>> {
    let harbor = Harbor::start().await?;
    harbor.add_project("team");
    harbor.add_account(Account::robot("robot$team+ci", "s3cret").may("team", &[Right::Pull, Right::Push]));
    Some(Arc::new(harbor))
}

const ROBOT: (&str, &str) = ("robot$team+ci", "s3cret");

#[tokio::test]
async fn a_database_that_is_away_for_a_moment_is_waited_for() {
    let Some(harbor) = harbor_with_team().await else { return };
    let at = repository(&harbor.host(), "team/app");
    let app = image("linux/amd64", &["layer"]);
    let name = image_at(&harbor.host(), "team/app:v1");
    // From the start: no project is known, no login, and a token is for nobody.
    harbor.database_away(true);
    soon_back(&harbor);
    assert_eq!(patient(&harbor, ROBOT).resolve(&name).await.unwrap(), None);
    let push = patient(&harbor, ROBOT);
    send_image(&push, &name, &app).await;
    // Each kind of request meets it once: HEAD of a blob, POST, PUT of a manifest.
    for content in [noise(1000), noise(2000)] {
        harbor.database_away(true);
        soon_back(&harbor);
        assert_eq!(send(&push, &at, &content).await.unwrap(), "sent");
    }
    harbor.database_away(true);
    soon_back(&harbor);
    push.tag(&image_at(&harbor.host(), "team/app:v2"), &app.manifest).await.unwrap();
    assert_eq!(harbor.digest_of("team/app:v2"), Some(app.manifest.digest().to_string()));
}

#[tokio::test]
async fn a_core_that_is_away_for_a_moment_is_waited_for() {
    let Some(harbor) = harbor_with_team().await else { return };
    let push = patient(&harbor, ROBOT);
    let name = image_at(&harbor.host(), "team/app:v1");
    let app = image("linux/amd64", &["layer"]);
    send_image(&push, &name, &app).await;
    // For longer than the few attempts that other failures get.
    let back_soon = |harbor: &Arc<Harbor>| {
        harbor.core_away(true);
        let harbor = Arc::clone(harbor);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(700)).await;
            harbor.core_away(false);
        });
    };
    back_soon(&harbor);
    assert_eq!(send(&push, &name.repository, &noise(100)).await.unwrap(), "sent");
    back_soon(&harbor);
    push.tag(&image_at(&harbor.host(), "team/app:v2"), &app.manifest).await.unwrap();
}

#[tokio::test]
async fn a_database_that_stays_away_is_no_missing_project_and_no_wrong_login() {
    let Some(harbor) = harbor_with_team().await else { return };
    let name = image_at(&harbor.host(), "team/app:v1");
    harbor.database_away(true);
    let client = client_with(&[(&harbor.host(), login(ROBOT.0, ROBOT.1))], hasty());
    let push = push_of(&client);
    for error in [
        push.resolve(&name).await.unwrap_err(),
        push.blob_exists(&name.repository, &layer(&noise(10))).await.unwrap_err(),
        client.check_login(&name.repository).await.unwrap_err(),
        client.grant(&name.repository).await.unwrap_err(),
    ] {
        assert_eq!(Reason::of(&error), Some(Reason::Unwell), "{error}");
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Soon), "{error}");
    }
    let text = push.resolve(&name).await.unwrap_err().to_string();
    assert!(text.contains("cannot look up the project `team` at the moment (401: failed to connect"), "{text}");
    harbor.database_away(false);
    assert_eq!(push.resolve(&name).await.unwrap(), None, "the token that was for nobody was not kept");
}

#[tokio::test]
async fn a_project_that_took_something_is_not_missing() {
    let Some(harbor) = harbor_with_team().await else { return };
    let at = repository(&harbor.host(), "team/app");
    let push = push(&harbor);
    send(&push, &at, &noise(100)).await.unwrap();
    harbor.remove_project("team");
    let error = push.blob_exists(&at, &layer(&noise(200))).await.unwrap_err();
    assert_eq!((Reason::of(&error), error.is_retryable()), (Some(Reason::Unwell), true), "{error}");
}

#[tokio::test]
async fn a_login_that_is_not_taken_is_asked_for_twice_and_called_wrong() {
    let Some(harbor) = harbor_with_team().await else { return };
    for (project, who) in [("team", ("robot$team+ci", "wrong")), ("nope", ("nobody", "x"))] {
        harbor.reset();
        let at = repository(&harbor.host(), &format!("{project}/app"));
        let push = push_of(&client_with(&[(&harbor.host(), login(who.0, who.1))], hasty()));
        let error = push.blob_exists(&at, &layer(&noise(10))).await.unwrap_err();
        assert!(error.to_string().contains("does not accept the login from"), "{error}");
        let tokens = || harbor.requests().iter().filter(|request| request.path.starts_with("/service/token")).count();
        assert_eq!(tokens(), 2, "{}", harbor.requests());
        // It is known then.
        assert!(push.blob_exists(&at, &layer(&noise(20))).await.is_err());
        assert_eq!(tokens(), 2, "{}", harbor.requests());
    }
}

#[tokio::test]
async fn a_login_without_the_right_to_push_sends_nothing() {
    let Some(harbor) = harbor_with_team().await else { return };
    harbor.add_account(Account::robot("robot$team+reader", "s").may("team", &[Right::Pull]));
    let at = repository(&harbor.host(), "team/app");
    let push = push_of(&client_with(&[(&harbor.host(), login("robot$team+reader", "s"))], hasty()));
    let error = send(&push, &at, &noise(100)).await.unwrap_err();
    assert_eq!(Reason::of(&error), Some(Reason::NoRight), "{error}");
    assert!(error.message().ends_with("may not push to the project `team`"), "{error}");
    // The very first request goes bare, and learns who wants a token.
    assert_eq!(harbor.requests().count("POST", RequestKind::Upload), 1, "{}", harbor.requests());
    for number in 0..5 {
        assert!(send(&push, &at, &noise(200 + number)).await.is_err());
    }
    assert_eq!(harbor.requests().count("POST", RequestKind::Upload), 1, "{}", harbor.requests());
}

#[tokio::test]
async fn a_project_that_was_created_after_its_token_is_pushed_to() {
    let Some(harbor) = harbor_with_team().await else { return };
    let at = repository(&harbor.host(), "young/app");
    let push = push(&harbor);
    assert_eq!(Reason::of(&send(&push, &at, &noise(10)).await.err().unwrap()), Some(Reason::NoProject));
    harbor.add_project("young");
    assert_eq!(send(&push, &at, &noise(10)).await.unwrap(), "sent");
}

#[tokio::test]
async fn a_full_project_gets_no_bytes_and_keeps_what_it_has() {
    let Some(harbor) = harbor_with_team().await else { return };
    harbor.add_project("large");
    let (from, to) = two(&harbor);
    let (small, big) = (noise(100), noise(5000));
    let large = repository(&harbor.host(), "large/app");
    let app = image("linux/amd64", &["layer"]);
    let name = image_at(&harbor.host(), "team/from:v1");
    send_image(&push(&harbor), &name, &app).await;
    send(&push(&harbor), &from, &small).await.unwrap();
    send(&push(&harbor), &large, &big).await.unwrap();
    harbor.limit_storage("team", harbor.used_storage("team") + 1000);
    let quota = |error: &sealift_core::error::Error| {
        assert_eq!(Reason::of(error), Some(Reason::Quota), "{error}");
        assert_eq!(error.kind(), ErrorKind::Storage);
    };
    // On each way that Harbor asks for room: mounts, uploads, uploads at all where there is too much already.
    let mount = push(&harbor);
    assert!(mount.resolve(&name).await.unwrap().is_some());
    quota(&mount.offer(&to, &layer(&big), Some(&large)).await.err().unwrap());
    let upload = push(&harbor);
    quota(&send(&upload, &to, &big).await.unwrap_err());
    harbor.limit_storage("team", 10);
    quota(&send(&push(&harbor), &to, &noise(7)).await.unwrap_err());
    // Where no upload begins, nothing is sent from then on, and what costs nothing goes.
    quota(&send(&upload, &to, &noise(9)).await.unwrap_err());
    harbor.reset();
    quota(&send(&upload, &to, &noise(5)).await.unwrap_err());
    let journal = harbor.requests();
    assert_eq!(
        (journal.count("POST", RequestKind::Upload), journal.count("PUT", RequestKind::Upload)),
        (0, 0),
        "{journal}"
    );
    assert!(matches!(upload.offer(&from, &layer(&small), None).await.unwrap(), UploadStart::Present));
    assert!(matches!(upload.offer(&to, &layer(&small), Some(&from)).await.unwrap(), UploadStart::Mounted));
    upload.tag(&image_at(&harbor.host(), "team/from:v2"), &app.manifest).await.unwrap();
}

/// Once, a project that had refused a layer refused also the config of an image whose layers were in: it filled up with
/// layers and got no tag, in each further run the same.
#[tokio::test]
async fn a_project_that_refused_a_layer_gets_what_is_smaller_and_manifests() {
    let Some(harbor) = harbor_with_team().await else { return };
    let name = image_at(&harbor.host(), "team/app:v1");
    let app = image("linux/amd64", &[&"x".repeat(3000)]);
    let (config, layers) = app.blobs.split_first().unwrap();
    let push = push(&harbor);
    let bring =
        async |(item, bytes): &(Descriptor, bytes::Bytes)| match push.offer(&name.repository, item, None).await? {
            UploadStart::Upload(slot) => {
                slot.write(sealift_core::blob::Blob::from_bytes(item.clone(), bytes.clone())).await
            }
            _ => Ok(()),
        };
    for layer in layers {
        bring(layer).await.unwrap();
    }
    // Room for the config and the manifest, and not for another layer.
    let small = config.0.size + app.manifest.bytes().len() as u64;
    harbor.limit_storage("team", harbor.used_storage("team") + small);
    let large = usize::try_from(small).unwrap() + 1000;
    assert!(send(&push, &name.repository, &noise(large)).await.is_err());
    harbor.reset();
    for size in [large, large + 1] {
        let error = send(&push, &name.repository, &noise(size)).await.unwrap_err();
        assert_eq!(Reason::of(&error), Some(Reason::Quota), "{error}");
    }
    assert_eq!(harbor.requests().count("POST", RequestKind::Upload), 0, "{}", harbor.requests());
    bring(config).await.unwrap();
    push.tag(&name, &app.manifest).await.unwrap();
    assert_eq!(harbor.digest_of("team/app:v1"), Some(app.manifest.digest().to_string()));
    // Each refusal closes it for more.
    let refused = async |size| send(&push, &name.repository, &noise(size)).await.unwrap_err();
    refused(50).await;
    harbor.reset();
    refused(51).await;
    assert_eq!(harbor.requests().count("POST", RequestKind::Upload), 0, "{}", harbor.requests());
}

#[tokio::test]
async fn a_missing_project_to_read_from_is_not_to_be_created() {
    let Some(harbor) = harbor_with_team().await else { return };
    let client = client_with(&[(&harbor.host(), login(ADMIN.0, ADMIN.1))], hasty());
    let name = image_at(&harbor.host(), "nope/app:v1");
    let error = fetch_of(&client).resolve(&name, ResolveMode::Manifest).await.err().unwrap();
    assert_eq!(Reason::of(&error), Some(Reason::NoProject), "{error}");
    let hint = error.hint().unwrap_or_default();
    assert!(hint.contains("check the name of the project") && !hint.contains("push"), "{hint}");
    let error = push_of(&client).put_child(&name.repository, &empty_index()).await.unwrap_err();
    assert!(error.hint().unwrap_or_default().contains("create it in Harbor"), "{error}");
}

#[tokio::test]
async fn what_a_policy_bars_is_there_and_the_api_says_what_it_is() {
    let Some(harbor) = harbor_with_team().await else { return };
    harbor.set_policy("team", Policy::Vulnerability);
    harbor.make_immutable("team", "**", "v*");
    harbor.add_account(Account::user("dev", "s3cret").may("team", &Right::DEVELOPER));
    let app = image("linux/amd64", &["layer"]);
    let name = image_at(&harbor.host(), "team/deep/app:v1");
    send_image(&push(&harbor), &name, &app).await;
    let at = |who: (&str, &str)| push_of(&client_with(&[(&harbor.host(), login(who.0, who.1))], hasty()));
    let found = at(("dev", "s3cret")).resolve(&name).await.unwrap().unwrap();
    assert_eq!(found.digest, *app.manifest.digest());
    // A robot that may only push is not told, and may write again.
    let robot = at(ROBOT);
    assert_eq!(robot.resolve(&name).await.unwrap(), None);
    let by_digest = name.repository.with_digest(app.manifest.digest());
    assert_eq!(robot.resolve(&by_digest).await.unwrap().unwrap().digest, *app.manifest.digest());
    assert_eq!(robot.resolve(&image_at(&harbor.host(), "team/deep/app:none")).await.unwrap(), None);
    robot.tag(&image_at(&harbor.host(), "team/deep/app:latest"), &app.manifest).await.unwrap();
    robot.tag(&image_at(&harbor.host(), "team/deep/app:latest"), &app.manifest).await.unwrap();
    // An immutable tag that stands for it already is no failure where that can be known.
    at(("dev", "s3cret")).tag(&name, &app.manifest).await.unwrap();
    let error = robot.tag(&name, &app.manifest).await.unwrap_err();
    assert_eq!(Reason::of(&error), Some(Reason::Immutable), "{error}");
    let agents: Vec<_> = harbor.requests().iter().filter(|request| request.status == 412).cloned().collect();
    assert!(!agents.is_empty(), "the policy was met");
}

/// Puts the blobs of an image, then its manifest by its digest.
async fn put(push: &crate::RegistryPush, at: &Repository, image: &Image) -> sealift_core::error::Result<()> {
    for (item, bytes) in &image.blobs {
        if let UploadStart::Upload(slot) = push.offer(at, item, None).await? {
            slot.write(sealift_core::blob::Blob::from_bytes(item.clone(), bytes.clone())).await?;
        }
    }
    push.put_child(at, &image.manifest).await
}

#[tokio::test]
async fn a_manifest_that_harbor_stumbles_over_is_sent_again_and_one_that_it_cannot_read_three_times() {
    let Some(harbor) = harbor_with_team().await else { return };
    let at = repository(&harbor.host(), "team/app");
    let push = push(&harbor);
    harbor.stumble(1);
    put(&push, &at, &image("linux/amd64", &["layer"])).await.unwrap();
    assert_eq!(harbor.requests().count("PUT", RequestKind::Manifest), 2);
    harbor.reset();
    let odd = artifact(sealift_core::content::well_known::OCI_CONFIG, "no json", &["layer"], &[]);
    let error = put(&push, &at, &odd).await.unwrap_err();
    assert_eq!((Reason::of(&error), error.is_retryable()), (Some(Reason::Unreadable), false), "{error}");
    assert!(error.hint().unwrap().contains("its config"), "{error:?}");
    assert_eq!(harbor.requests().count("PUT", RequestKind::Manifest), 3, "{}", harbor.requests());
}

#[tokio::test]
async fn what_does_not_say_that_it_is_about_an_image_gets_into_no_index_of_those_that_are() {
    let Some(harbor) = harbor_with_team().await else { return };
    harbor.forget_referrers();
    let at = repository(&harbor.host(), "team/app");
    let push = push(&harbor);
    let app = image("linux/amd64", &["layer"]);
    put(&push, &at, &app).await.unwrap();
    let subject: Descriptor = app.manifest.descriptor();
    let about = |members: &[(&str, serde_json::Value)]| {
        artifact(sealift_core::content::well_known::OCI_CONFIG, "{}", &["signature"], members)
    };
    let says_so = about(&[("subject", serde_json::to_value(&subject).unwrap())]);
    let listed_only = about(&[]);
    for manifest in [&says_so, &listed_only] {
        put(&push, &at, manifest).await.unwrap();
    }
    let both = [&says_so.manifest, &listed_only.manifest];
    push.add_referrers(&at, app.manifest.digest(), &both).await.unwrap();
    let tag = sealift_core::content::Tag::referrers_tag(app.manifest.digest()).unwrap();
    let client = client_with(&[(&harbor.host(), login(ADMIN.0, ADMIN.1))], hasty());
    let index = read_index(&client, &at, &tag.to_string()).await;
    assert_eq!(index, [says_so.manifest.digest().clone()]);
}

async fn read_index(client: &Arc<crate::Client>, at: &Repository, tag: &str) -> Vec<Digest> {
    let name = image_at(at.registry(), &format!("{}:{tag}", at.path()));
    let resolved = fetch_of(client).resolve(&name, ResolveMode::Manifest).await.unwrap();
    resolved.manifest.unwrap().children().map(|child| child.digest.clone()).collect()
}
