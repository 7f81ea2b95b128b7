//! Refusals of registries, as errors.

use std::time::Duration;

use http::StatusCode;
use sealift_core::{
    content::{Digest, ImageRef, Reference, Repository},
    error::{Error, ErrorKind, Retry},
};

use sealift_conformance::images::{image, index, with_blob_entry};
use sealift_core::content::MediaType;

use super::{
    double::{Double, reply},
    setting::*,
};
use crate::{
    credentials::SentSecrets,
    error::{self, ErrorBody, Reason, Refusal, explain},
    operation::Operation,
    profile::{RegistryProfile as _, harbor::Harbor},
};

fn refusal(answer: &Refusal<'_>) -> Error {
    error::refusal(answer, explain(answer))
}

fn at_harbor(answer: &Refusal<'_>) -> Error {
    error::refusal(answer, Harbor.interpret(answer).unwrap_or_else(|| explain(answer)))
}

struct Scene {
    image: ImageRef,
    repository: Repository,
    digest: Digest,
}

impl Scene {
    fn new() -> Self {
        let image: ImageRef = "harbor.corp/library/nginx:1.27".parse().unwrap();
        Self { repository: image.repository.clone(), image, digest: Digest::of(b"x") }
    }

    fn push(&self) -> Operation<'_> {
        Operation::PushManifest(&self.image)
    }

    fn blob(&self) -> Operation<'_> {
        Operation::PushBlob(&self.repository, &self.digest)
    }
}

fn answer<'a>(operation: Operation<'a>, status: u16, body: &str) -> Refusal<'a> {
    let status = StatusCode::from_u16(status).unwrap();
    Refusal {
        operation,
        status,
        body: ErrorBody::of(body.as_bytes(), &SentSecrets::default()),
        foreign: false,
        unchallenged: false,
        wrote: false,
        proven: false,
        login: Some("`auth.yaml`".to_owned()),
        wait: None,
        quota: None,
    }
}

fn code(code: &str, message: &str) -> String {
    format!(r#"{{"errors":[{{"code":"{code}","message":"{message}"}}]}}"#)
}

#[test]
fn every_answer_is_sorted_by_what_can_be_done() {
    use ErrorKind::*;
    let scene = Scene::new();
    let read = Operation::ReadManifest(&scene.image);
    let sha512 = format!("sha512:{}", "a".repeat(128)).parse().unwrap();
    let sha512 = ImageRef { reference: Reference::Digest(sha512), ..scene.image.clone() };
    for (operation, status, body, kind, retry) in [
        (read, 404, code("MANIFEST_UNKNOWN", "x"), NotFound, Retry::Never),
        (read, 404, code("NOT_FOUND", "artifact not found"), NotFound, Retry::Never),
        (read, 404, "404 page not found".to_owned(), NotFound, Retry::Never),
        (read, 401, code("UNAUTHORIZED", "x"), Denied, Retry::Never),
        (read, 403, code("DENIED", "requested access is denied"), Denied, Retry::Never),
        (read, 412, code("PROJECTPOLICYVIOLATION", "vulnerable"), Denied, Retry::Never),
        (read, 429, "<html>slow down".to_owned(), Throttled, Retry::Soon),
        (read, 503, String::new(), Unavailable, Retry::Soon),
        (read, 522, String::new(), Unavailable, Retry::Soon),
        (read, 451, String::new(), Unsupported, Retry::Never),
        (scene.push(), 412, code("PRECONDITION", "immutable"), Conflict, Retry::Never),
        (scene.push(), 400, code("TAG_INVALID", "The image tag is immutable"), Conflict, Retry::Never),
        (scene.push(), 400, code("MANIFEST_INVALID", "x"), Unsupported, Retry::Never),
        (scene.push(), 400, code("DIGEST_INVALID", "x"), Corrupt, Retry::Soon),
        (Operation::PushManifest(&sha512), 400, code("DIGEST_INVALID", "x"), Unsupported, Retry::Never),
        (scene.push(), 413, String::new(), Unsupported, Retry::Never),
        (
            scene.push(),
            403,
            code("DENIED", "adding 1 GiB will exceed the configured upper limit of quota"),
            Storage,
            Retry::Never,
        ),
        (scene.push(), 500, code("MANIFEST_BLOB_UNKNOWN", "invalid URL on layer"), Unsupported, Retry::Never),
        (scene.push(), 500, code("UNKNOWN", "internal server error"), Unavailable, Retry::Soon),
        (scene.push(), 507, String::new(), Storage, Retry::Never),
        (scene.push(), 405, String::new(), Unsupported, Retry::Never),
        (scene.blob(), 400, code("DIGEST_INVALID", "x"), Corrupt, Retry::Soon),
        (scene.blob(), 404, code("BLOB_UPLOAD_UNKNOWN", "x"), Unavailable, Retry::Soon),
        (scene.blob(), 404, code("NAME_UNKNOWN", "x"), NotFound, Retry::Never),
        (scene.push(), 404, code("NAME_UNKNOWN", "x"), NotFound, Retry::Never),
        (scene.push(), 404, code("MANIFEST_BLOB_UNKNOWN", "x"), NotFound, Retry::Soon),
        (scene.blob(), 416, String::new(), Unavailable, Retry::Soon),
    ] {
        let error = refusal(&answer(operation, status, &body));
        assert_eq!((error.kind(), error.retry()), (kind, retry), "{status} {body}: {error}");
    }
}

#[test]
fn harbor_is_missing_a_project_only_if_it_says_so() {
    let scene = Scene::new();
    let unchallenged = |body: &str| {
        let refusal = answer(scene.blob(), 401, body);
        Refusal { unchallenged: true, ..refusal }
    };
    let words = code("UNAUTHORIZED", "project library not found: project library not found");
    let missing = unchallenged(&words);
    insta::assert_snapshot!(at_harbor(&missing), @"cannot push the blob `sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881` to `harbor.corp/library/nginx`: the project `library` does not exist");
    assert_eq!(Reason::of(&at_harbor(&missing)), Some(Reason::NoProject));
    let wrote = Refusal { wrote: true, ..unchallenged(&words) };
    // The same challenge comes while the database is away; HEAD has no body that could tell.
    let lost = code("UNAUTHORIZED", "failed to connect to `user=harbor database=registry`: connection refused");
    for away in [wrote, unchallenged(&lost), unchallenged("")] {
        let error = at_harbor(&away);
        assert_eq!(Reason::of(&error), Some(Reason::Unwell), "{error}");
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Soon));
    }
    assert!(refusal(&missing).message().contains("the login from `auth.yaml` is not enough"));
}

#[test]
fn a_login_that_was_taken_before_is_not_said_to_be_wrong() {
    let scene = Scene::new();
    let said = |proven: bool| {
        let refusal_of = Refusal { proven, ..answer(scene.blob(), 401, &code("UNAUTHORIZED", "no")) };
        at_harbor(&refusal_of).message().contains("or is wrong")
    };
    assert_eq!((said(false), said(true)), (true, false));
}

#[test]
fn a_name_that_is_too_long_is_not_tried_again() {
    let long: Repository = format!("r.io/p/{}", "a".repeat(250)).parse().unwrap();
    let digest = Digest::of(b"x");
    let error = refusal(&answer(Operation::PushBlob(&long, &digest), 500, "{}"));
    assert!(!error.is_retryable() && error.message().contains("the name is too long"), "{error}");
}

#[test]
fn what_harbor_means_is_said_with_what_helps() {
    let scene = Scene::new();
    let quota = "adding 1.0 GiB of storage resource, which when updated to current usage of 1 B will exceed the \
                 configured upper limit of 2 B.";
    let mut told = String::new();
    for (operation, status, body) in [
        (scene.blob(), 401, code("UNAUTHORIZED", "unauthorized to access repository: library/nginx, action: push")),
        (scene.blob(), 403, code("DENIED", quota)),
        (scene.blob(), 403, code("DENIED", "The system is in read only mode. Any modification is prohibited.")),
        (scene.push(), 403, code("DENIED", "denied: can not push artifact to a proxy project: library")),
        (scene.blob(), 404, code("NOT_FOUND", "the asking blob is in GC, mark it as non existing")),
        (scene.push(), 404, code("NOT_FOUND", "artifact library/nginx@sha256:00 not found")),
        (scene.push(), 412, code("PRECONDITION", "'nginx:1.27' configured as immutable.")),
    ] {
        let error = at_harbor(&answer(operation, status, &body));
        let message = error.message().split_once(": ").unwrap().1;
        told += &format!("{message}\n  hint: {}\n", error.hint().unwrap());
    }
    insta::assert_snapshot!(told);
}

#[test]
fn nobody_logged_in_is_told_how() {
    let scene = Scene::new();
    let mut anonymous = answer(scene.push(), 401, "");
    anonymous.login = None;
    let error = refusal(&anonymous);
    assert_eq!(error.message(), "cannot push `harbor.corp/library/nginx:1.27`: `harbor.corp` wants a login (401)");
    assert!(error.hint().unwrap().contains("docker login harbor.corp"));
}

#[test]
fn a_wait_that_was_asked_for_is_passed_on() {
    let scene = Scene::new();
    let mut throttled = answer(scene.push(), 429, "");
    throttled.wait = Some(Duration::from_secs(7));
    assert_eq!(refusal(&throttled).retry(), Retry::After(Duration::from_secs(7)));
}

#[test]
fn an_expired_signed_url_is_worth_another_try_at_the_registry() {
    let scene = Scene::new();
    let mut expired = answer(Operation::ReadBlob(&scene.repository, &scene.digest), 403, "<Error>AccessDenied</Error>");
    expired.foreign = true;
    assert_eq!(refusal(&expired).retry(), Retry::Soon);
}

// distribution 3 says so of a blob that it has.
#[tokio::test]
async fn an_index_with_a_blob_is_refused_with_that_cause_if_the_blob_is_there() {
    let kind = MediaType::from_static("application/vnd.example.data+json");
    let mixed = with_blob_entry(&index(&[("linux/amd64", &image("linux/amd64", &["x"]))]), kind, "{}");
    let entry = mixed.blobs[0].0.digest.to_string();
    for (is_there, kind, words) in [
        (true, ErrorKind::Unsupported, "takes no index that lists a blob (`application/vnd.example.data+json`"),
        (false, ErrorKind::NotFound, "something that the manifest points to is not there"),
    ] {
        let body = code("MANIFEST_BLOB_UNKNOWN", &format!("blob unknown to registry: {entry}"));
        let double = Double::start(move |asked| match asked.method.as_str() {
            "PUT" => reply(400).header("content-type", "application/json").body(body.clone()),
            "HEAD" if asked.path.contains("/blobs/") && is_there => reply(200).header("content-length", "2"),
            _ => reply(404),
        })
        .await;
        let error = push_of(&client()).tag(&image_at(&double.host(), "a/b:v1"), &mixed.manifest).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().contains(words), "{error}");
    }
}
