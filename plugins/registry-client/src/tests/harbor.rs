//! Harbor, met by a push to any registry that does not know beforehand what it meets. Played by a double.

use sealift_core::stage::{Offer, Push};
use sealift_testkit::harbor::{ADMIN, Harbor};

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
    let there = push(&harbor).has(&at, &layer(&content)).await.unwrap();
    assert!(there, "sending it took the mark off");
}

#[tokio::test]
async fn a_blob_is_mounted_from_where_this_run_brought_it_only() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    let (from, to) = (repository(&harbor.host(), "team/from"), repository(&harbor.host(), "team/to"));
    let content = noise(1000);
    send(&push(&harbor), &from, &content).await.unwrap();
    let push = push(&harbor);
    assert!(push.current(&image_at(&harbor.host(), "team/to:v1")).await.unwrap().is_none());
    // Somebody says that it is there; this run has not seen that.
    let offer = push.offer(&to, &layer(&content), Some(&from)).await.unwrap();
    let Offer::Want(slot) = offer else { panic!("it was believed") };
    slot.fill(blob(&content)).await.unwrap();
    let third = repository(&harbor.host(), "team/third");
    assert!(matches!(push.offer(&third, &layer(&content), Some(&to)).await.unwrap(), Offer::Mounted));
}

#[tokio::test]
async fn a_missing_project_is_told_from_a_missing_right() {
    let Some(harbor) = Harbor::start().await else { return };
    let at = repository(&harbor.host(), "nope/app");
    let error = push(&harbor).put_manifest(&at, &empty_index()).await.unwrap_err();
    assert_eq!(Reason::of(&error), Some(Reason::NoProject), "{error}");
    assert!(push(&harbor).current(&image_at(&harbor.host(), "nope/app:v1")).await.unwrap().is_none());
}
