use sealift_core::content::{Digest, ImageRef, Repository, Version};

use super::*;
use crate::credentials::Shown;

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

    fn push(&self) -> Doing<'_> {
        Doing::PushManifest(&self.image)
    }

    fn blob(&self) -> Doing<'_> {
        Doing::PushBlob(&self.repository, &self.digest)
    }
}

fn answer<'a>(doing: Doing<'a>, status: u16, body: &str) -> Refusal<'a> {
    let status = StatusCode::from_u16(status).unwrap();
    Refusal {
        doing,
        status,
        said: Said::of(body.as_bytes(), &Shown::default()),
        foreign: false,
        harbor: false,
        unchallenged: false,
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
    let read = Doing::ReadManifest(&scene.image);
    let sha512 = format!("sha512:{}", "a".repeat(128)).parse().unwrap();
    let sha512 = ImageRef { version: Version::Digest(sha512), ..scene.image.clone() };
    for (doing, status, body, kind, retry) in [
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
        (Doing::PushManifest(&sha512), 400, code("DIGEST_INVALID", "x"), Unsupported, Retry::Never),
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
        (scene.blob(), 416, String::new(), Unavailable, Retry::Soon),
    ] {
        let error = refusal(&answer(doing, status, &body));
        assert_eq!((error.kind(), error.retry_advice()), (kind, retry), "{status} {body}: {error}");
    }
}

#[test]
fn a_missing_harbor_project_is_called_that() {
    let scene = Scene::new();
    let mut missing = answer(scene.blob(), 401, &code("UNAUTHORIZED", "project library not found"));
    missing.harbor = true;
    insta::assert_snapshot!(refusal(&missing), @"cannot push the blob `sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881` to `harbor.corp/library/nginx`: the project `library` does not exist, or this login may not see it");
    assert_eq!(Reason::of(&refusal(&missing)), Some(Reason::NoProject));
    // HEAD has no body that could say so.
    let mut headless = answer(scene.blob(), 401, "");
    (headless.harbor, headless.unchallenged) = (true, true);
    assert_eq!(Reason::of(&refusal(&headless)), Some(Reason::NoProject));
    missing.harbor = false;
    assert!(refusal(&missing).message().contains("the login from `auth.yaml` is not enough"));
}

#[test]
fn what_harbor_means_is_said_with_what_helps() {
    let scene = Scene::new();
    let quota = "Quota exceeded when processing the request of adding 1.0 GiB of storage resource";
    let mut told = String::new();
    for (doing, status, body) in [
        (scene.blob(), 401, code("UNAUTHORIZED", "unauthorized to access repository: library/nginx, action: push")),
        (scene.blob(), 403, code("DENIED", quota)),
        (scene.blob(), 403, code("DENIED", "The system is in read only mode. Any modification is prohibited.")),
        (scene.push(), 403, code("DENIED", "can not push artifact to a proxy project: library")),
        (scene.blob(), 404, code("NOT_FOUND", "the asking blob is in GC, mark it as non existing")),
        (scene.push(), 404, code("NOT_FOUND", "artifact library/nginx@sha256:00 not found")),
        (scene.push(), 412, code("PRECONDITION", "'nginx:1.27' configured as immutable.")),
    ] {
        let error = refusal(&Refusal { harbor: true, ..answer(doing, status, &body) });
        let message = error.message().split_once(": ").unwrap().1;
        told += &format!("{message}\n  hint: {}\n", error.hint_text().unwrap());
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
    assert!(error.hint_text().unwrap().contains("docker login harbor.corp"));
}

#[test]
fn a_wait_that_was_asked_for_is_passed_on() {
    let scene = Scene::new();
    let mut throttled = answer(scene.push(), 429, "");
    throttled.wait = Some(Duration::from_secs(7));
    assert_eq!(refusal(&throttled).retry_advice(), Retry::After(Duration::from_secs(7)));
}

#[test]
fn an_expired_signed_url_is_worth_another_try_at_the_registry() {
    let scene = Scene::new();
    let mut expired = answer(Doing::ReadBlob(&scene.repository, &scene.digest), 403, "<Error>AccessDenied</Error>");
    expired.foreign = true;
    assert_eq!(refusal(&expired).retry_advice(), Retry::Soon);
}
