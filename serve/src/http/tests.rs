//! Requests that are given up at every point where they wait, and a directory that cannot be read.

mod requests;

use std::{
    future::{Future, poll_fn},
    net::Ipv4Addr,
    path::Path,
    pin::pin,
    task::Poll,
};

use axum::http::StatusCode;
use sealift_core::content::{Digest, Reference};
use sealift_oci_layout::{Layout, Writer, WriterOptions};

use super::*;
use crate::{
    options::ServeOptions,
    sample::{Image, ImageFormat, layer},
};

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

async fn app(dir: &Path, writable: bool) -> App {
    let mut options = ServeOptions::new(dir).throwaway();
    options.writable = writable;
    let background = TaskTracker::new();
    let store = Arc::new(RepositoryStore::open(&options, background.clone()).await.unwrap());
    App::new(store, None, AccessLog::default(), FilePermits::new(100), background)
}

fn request(method: Method, path: &str, body: impl Into<Body>) -> Request {
    let request = Request::builder().method(method).uri(format!("/v2/{path}")).header("host", "x");
    request.body(body.into()).unwrap()
}

fn pushing(image: &Image, reference: &str) -> Request {
    let mut request = request(Method::PUT, &format!("a/manifests/{reference}"), image.root().bytes().clone());
    let media_type = answer::value(image.root().media_type());
    request.headers_mut().insert(header::CONTENT_TYPE, media_type);
    request
}

async fn ask(app: &App, request: Request) -> StatusCode {
    answered(app, request).await.0
}

async fn answered(app: &App, request: Request) -> (StatusCode, String) {
    let response = handle(State((app.clone(), PEER)), request).await;
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), 1 << 24).await.unwrap();
    (status, String::from_utf8_lossy(&body).into_owned())
}

async fn get(app: &App, path: &str) -> StatusCode {
    ask(app, request(Method::GET, path, Body::empty())).await
}

/// Gives a request up after it was polled so often; says whether it ended before.
async fn give_up(app: &App, request: Request, polls: usize) -> bool {
    let mut answering = pin!(handle(State((app.clone(), PEER)), request));
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        answering.as_mut().poll(cx).map(|_| true)
    })
    .await
}

fn image(name: &str) -> Image {
    Image::single(ImageFormat::Oci, &"linux/amd64".parse().unwrap(), &[layer(name, 100)])
}

fn tag(text: &str) -> Reference {
    Reference::Tag(text.parse().unwrap())
}

/// An index of two images, an image, and something about it.
struct Sample {
    both: Image,
    one: Image,
    about: Image,
}

impl Sample {
    async fn write(dir: &Path) -> Self {
        let one = image("1");
        let about = one.referrer("x/sig", bytes::Bytes::from_static(b"s"));
        let this = Self { both: Image::index(ImageFormat::Oci, [image("2"), image("3")]), one, about };
        let writer = Writer::create(dir, WriterOptions { sync: false }).await.unwrap();
        this.both.write(&writer, "a", &tag("both")).await.unwrap();
        this.one.write(&writer, "a", &tag("v1")).await.unwrap();
        let digest = this.about.root().digest().clone();
        this.about.write(&writer, "a", &Reference::Digest(digest)).await.unwrap();
        writer.commit().await.unwrap();
        this
    }

    /// What has to be there, by paths.
    fn paths(&self) -> Vec<String> {
        let mut paths = vec!["a/manifests/v1".to_owned(), "a/manifests/both".to_owned(), "a/tags/list".to_owned()];
        for image in [&self.both, &self.one, &self.about] {
            let manifests = image.children().iter().chain([image.root()]);
            paths.extend(manifests.map(|manifest| format!("a/manifests/{}", manifest.digest())));
            paths.extend(image.blobs().iter().map(|(blob, _)| format!("a/blobs/{}", blob.digest)));
        }
        paths
    }

    async fn check(&self, app: &App, what: &str) {
        for path in self.paths() {
            assert_eq!(get(app, &path).await, StatusCode::OK, "{path}: {what}");
        }
        let path = format!("a/referrers/{}", self.one.root().digest());
        let (_, referrers) = answered(app, request(Method::GET, &path, Body::empty())).await;
        assert!(referrers.contains(&self.about.root().digest().to_string()), "{what}: {referrers}");
    }
}

// Seen: a client that went away during the first request to a repository made all its blobs 404 until a restart.
#[tokio::test]
async fn a_first_request_that_is_given_up_anywhere_takes_nothing_from_later_ones() {
    let dir = tempfile::tempdir().unwrap();
    let sample = Sample::write(dir.path()).await;
    let blob = format!("a/blobs/{}", sample.one.blobs()[0].0.digest);
    let referrers = format!("a/referrers/{}", sample.one.root().digest());
    let child = format!("a/manifests/{}", sample.both.children()[0].digest());
    for writable in [false, true] {
        for path in [&blob, &referrers, &child, "a/manifests/v1", "a/tags/list", "_catalog"] {
            for polls in 0.. {
                let app = app(dir.path(), writable).await;
                let ended = give_up(&app, request(Method::GET, path, Body::empty()), polls).await;
                sample.check(&app, &format!("{path} was given up after {polls} polls")).await;
                if ended {
                    break;
                }
            }
        }
    }
}

// Seen: if the request that noticed a new index was aborted, what was new was not served until the next change.
#[tokio::test]
async fn a_change_of_the_directory_is_not_lost_with_the_request_that_noticed_it() {
    let dir = tempfile::tempdir().unwrap();
    let sample = Sample::write(dir.path()).await;
    for writable in [false, true] {
        for path in ["a/tags/list", "a/manifests/v1", "_catalog"] {
            for polls in 0.. {
                let app = app(dir.path(), writable).await;
                assert_eq!(get(&app, "a/tags/list").await, StatusCode::OK);
                // As skopeo does, which knows nothing of locks.
                let index = std::fs::read_to_string(dir.path().join("index.json")).unwrap();
                let name = format!("late{}", dir.path().join("index.json").metadata().unwrap().len());
                let mut new: serde_json::Value = serde_json::from_str(&index).unwrap();
                let mut entry = serde_json::to_value(sample.one.root().descriptor()).unwrap();
                entry["annotations"] = serde_json::json!({ "org.opencontainers.image.ref.name": format!("a:{name}") });
                new["manifests"].as_array_mut().unwrap().push(entry);
                std::fs::write(dir.path().join("new"), new.to_string()).unwrap();
                std::fs::rename(dir.path().join("new"), dir.path().join("index.json")).unwrap();

                let ended = give_up(&app, request(Method::GET, path, Body::empty()), polls).await;
                let late = get(&app, &format!("a/manifests/{name}")).await;
                assert_eq!(late, StatusCode::OK, "{path} was given up after {polls} polls");
                if ended {
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_push_or_deletion_that_is_given_up_leaves_what_is_served_and_what_is_on_the_disk_the_same() {
    let new = image("new");
    for deletes in [false, true] {
        for polls in 0.. {
            let dir = tempfile::tempdir().unwrap();
            Sample::write(dir.path()).await;
            let app = app(dir.path(), true).await;
            for (blob, bytes) in new.blobs() {
                let path = format!("a/blobs/uploads/?digest={}", blob.digest);
                assert_eq!(ask(&app, request(Method::POST, &path, bytes.clone())).await, StatusCode::CREATED);
            }
            let given_up = match deletes {
                true => request(Method::DELETE, "a/manifests/v1", Body::empty()),
                false => pushing(&new, "v1"),
            };
            let ended = give_up(&app, given_up, polls).await;
            // What was begun may still be done; afterwards both say the same.
            app.background.close();
            app.background.wait().await;
            let served =
                handle(State((app.clone(), PEER)), request(Method::GET, "a/manifests/v1", Body::empty())).await;
            let served = served.headers().get("docker-content-digest").map(|value| value.to_str().unwrap().to_owned());
            let layout = Layout::open(dir.path()).await.unwrap();
            let on_disk = layout.find("a:v1").map(|entry| entry.digest.to_string());
            assert_eq!(served, on_disk, "given up after {polls} polls, deletes: {deletes}");
            // And others can go on.
            assert_eq!(ask(&app, pushing(&new, "v2")).await, StatusCode::CREATED, "after {polls} polls");
            if ended {
                break;
            }
        }
    }
}

#[tokio::test]
async fn an_upload_that_is_given_up_anywhere_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let app = app(dir.path(), true).await;
    let digest = Digest::of(b"hello world");
    for polls in 0.. {
        let id = app.sessions.add("a");
        let location = format!("a/blobs/uploads/{id}");
        let ended = give_up(&app, request(Method::PATCH, &location, "hello"), polls).await;
        let length = app.sessions.length("a", &id).await.unwrap();
        let rest = b"hello world"[usize::try_from(length).unwrap()..].to_vec();
        let mut last = request(Method::PUT, &format!("{location}?digest={digest}"), rest);
        last.headers_mut().insert(header::CONTENT_RANGE, answer::value(format!("{length}-10")));
        assert_eq!(answered(&app, last).await, (StatusCode::CREATED, String::new()), "after {polls} polls");
        if ended {
            break;
        }
    }
}

/// Puts something in the place of a file that the system cannot open, for root neither, until it is dropped. It stands
/// for a medium that fails and for a process that has no descriptor left.
struct Unreadable {
    path: std::path::PathBuf,
    aside: std::path::PathBuf,
}

impl Unreadable {
    fn at(path: &Path) -> Self {
        let aside = path.with_extension("aside");
        std::fs::rename(path, &aside).unwrap();
        // The name of a socket must be short, so it is made with one and renamed.
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let short = path.parent().unwrap().join(format!("s{number}"));
        drop(std::os::unix::net::UnixListener::bind(&short).unwrap());
        std::fs::rename(short, path).unwrap();
        Self { path: path.to_owned(), aside }
    }
}

impl Drop for Unreadable {
    fn drop(&mut self) {
        std::fs::remove_file(&self.path).unwrap();
        std::fs::rename(&self.aside, &self.path).unwrap();
    }
}

fn blob_path(dir: &Path, digest: &Digest) -> std::path::PathBuf {
    dir.join("blobs").join(digest.algorithm().name()).join(digest.hex())
}

// Seen: one error of the system while a repository was read for the first time made it 404 until a restart.
#[tokio::test]
async fn an_error_of_the_system_is_never_not_found_and_never_kept() {
    let dir = tempfile::tempdir().unwrap();
    let sample = Sample::write(dir.path()).await;
    let all = [&sample.both, &sample.one, &sample.about].map(|image| image.children().iter().chain([image.root()]));
    let manifests: Vec<_> = all.into_iter().flatten().map(|manifest| manifest.digest().clone()).collect();
    for writable in [false, true] {
        for hidden in &manifests {
            let app = app(dir.path(), writable).await;
            let unreadable = Unreadable::at(&blob_path(dir.path(), hidden));
            let referrers = format!("a/referrers/{}", sample.one.root().digest());
            for path in sample.paths().into_iter().chain([referrers.clone()]) {
                let (status, said) = answered(&app, request(Method::GET, &path, Body::empty())).await;
                assert!(status == StatusCode::OK || status.is_server_error(), "{path}: {status}");
                assert!(!said.contains(dir.path().to_str().unwrap()), "the place of the directory is told: {said}");
            }
            assert!(get(&app, &referrers).await.is_server_error(), "a list that may lack something is no list");
            let unknown = format!("a/blobs/{}", Digest::of(b"of nobody"));
            assert!(get(&app, &unknown).await.is_server_error(), "it is not known whether it is there");
            if writable {
                // What cannot be read must not be forgotten by a change either.
                let before = std::fs::read(dir.path().join("index.json")).unwrap();
                let deleted = ask(&app, request(Method::DELETE, "a/manifests/v1", Body::empty())).await;
                assert!(deleted.is_server_error(), "{deleted}");
                assert!(ask(&app, pushing(&sample.one, "v2")).await.is_server_error());
                assert_eq!(std::fs::read(dir.path().join("index.json")).unwrap(), before);
            }
            drop(unreadable);
            sample.check(&app, "it can be read again").await;
            assert_eq!(get(&app, &unknown).await, StatusCode::NOT_FOUND);
        }
    }
}

#[tokio::test]
async fn a_blob_that_cannot_be_read_is_not_a_blob_that_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let sample = Sample::write(dir.path()).await;
    let app = app(dir.path(), true).await;
    let digest = &sample.one.blobs()[0].0.digest;
    let path = format!("a/blobs/{digest}");
    let unreadable = Unreadable::at(&blob_path(dir.path(), digest));
    assert!(get(&app, &path).await.is_server_error());
    assert!(ask(&app, pushing(&sample.one, "v2")).await.is_server_error());
    // It can be sent once more instead of being mounted.
    let mount = format!("b/blobs/uploads/?mount={digest}&from=a");
    assert_eq!(ask(&app, request(Method::POST, &mount, Body::empty())).await, StatusCode::ACCEPTED);
    drop(unreadable);
    assert_eq!(get(&app, &path).await, StatusCode::OK);
    assert_eq!(ask(&app, request(Method::POST, &mount, Body::empty())).await, StatusCode::CREATED);
}

#[tokio::test]
async fn what_may_stand_in_an_index_that_cannot_be_read_is_not_called_unknown() {
    let dir = tempfile::tempdir().unwrap();
    let sample = Sample::write(dir.path()).await;
    for writable in [false, true] {
        let app = app(dir.path(), writable).await;
        let unreadable = Unreadable::at(&dir.path().join("index.json"));
        for path in sample.paths() {
            assert_eq!(get(&app, &path).await, StatusCode::OK, "{path}: what was known is served");
        }
        let referrers = format!("b/referrers/{}", sample.one.root().digest());
        for unknown in ["a/manifests/v9", "b/tags/list", "b/manifests/v1", &referrers] {
            assert!(get(&app, unknown).await.is_server_error(), "{unknown}");
        }
        drop(unreadable);
        for unknown in ["a/manifests/v9", "b/tags/list", "b/manifests/v1"] {
            assert_eq!(get(&app, unknown).await, StatusCode::NOT_FOUND, "{unknown}");
        }
    }
}

#[tokio::test]
async fn a_damaged_manifest_is_an_error_of_the_server_and_a_missing_one_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let sample = Sample::write(dir.path()).await;
    let (damaged, missing) = (sample.both.children()[0].digest(), sample.both.children()[1].digest());
    std::fs::write(blob_path(dir.path(), damaged), "{}").unwrap();
    std::fs::remove_file(blob_path(dir.path(), missing)).unwrap();
    let app = app(dir.path(), true).await;
    assert_eq!(get(&app, &format!("a/manifests/{damaged}")).await, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(get(&app, &format!("a/manifests/{missing}")).await, StatusCode::NOT_FOUND);
    assert_eq!(get(&app, "a/manifests/v1").await, StatusCode::OK, "the rest is served");
    assert_eq!(ask(&app, pushing(&sample.one, "v2")).await, StatusCode::CREATED, "and can be changed");
}

#[tokio::test(start_paused = true)]
async fn what_was_missing_is_served_once_it_was_brought() {
    let dir = tempfile::tempdir().unwrap();
    let sample = Sample::write(dir.path()).await;
    for writable in [false, true] {
        for manifest in [sample.one.root(), sample.about.root(), &sample.both.children()[0]] {
            let path = blob_path(dir.path(), manifest.digest());
            std::fs::rename(&path, dir.path().join("aside")).unwrap();
            let app = app(dir.path(), writable).await;
            assert_eq!(get(&app, &format!("a/manifests/{}", manifest.digest())).await, StatusCode::NOT_FOUND);
            let config = format!("a/blobs/{}", manifest.config().unwrap().digest);
            get(&app, &config).await; // another manifest may have it, too
            std::fs::rename(dir.path().join("aside"), &path).unwrap();
            tokio::time::advance(std::time::Duration::from_secs(2)).await;
            sample.check(&app, "it was brought").await;
        }
    }
}

/// Leaves no room in an index for anything that is longer than what stands there.
fn fill_up(dir: &Path) {
    let path = dir.join("index.json");
    let mut index: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let padded = |index: &mut serde_json::Value, length: usize| {
        index["manifests"][0]["annotations"]["pad"] = "x".repeat(length).into();
        index.to_string()
    };
    let length = padded(&mut index, 0).len();
    std::fs::write(path, padded(&mut index, (16 << 20) - length - 40)).unwrap();
}

// Seen: a push that was answered 500 was served all the same, and written by the next one.
#[tokio::test]
async fn what_there_is_no_room_for_is_not_served() {
    let dir = tempfile::tempdir().unwrap();
    let sample = Sample::write(dir.path()).await;
    fill_up(dir.path());
    let app = app(dir.path(), true).await;
    for (blob, bytes) in image("new").blobs() {
        let path = format!("a/blobs/uploads/?digest={}", blob.digest);
        assert_eq!(ask(&app, request(Method::POST, &path, bytes.clone())).await, StatusCode::CREATED);
    }
    let new = format!("a/manifests/{}", image("new").root().digest());
    for reference in ["v1", "v2"] {
        let (status, said) = answered(&app, pushing(&image("new"), reference)).await;
        assert!(status.is_server_error(), "{reference}: {status} {said}");
    }
    // Without its tag the manifest would have an entry by digest, which is longer.
    assert!(ask(&app, request(Method::DELETE, "a/manifests/v1", Body::empty())).await.is_server_error());
    assert_eq!(get(&app, &new).await, StatusCode::NOT_FOUND);
    assert_eq!(get(&app, "a/manifests/v2").await, StatusCode::NOT_FOUND);
    sample.check(&app, "nothing was changed").await;
    let (_, v1) = answered(&app, request(Method::GET, "a/manifests/v1", Body::empty())).await;
    assert_eq!(v1.as_bytes(), sample.one.root().bytes());
    // What needs less room can be done, and takes nothing along of what failed.
    let both = format!("a/manifests/{}", sample.both.root().digest());
    let about = format!("a/manifests/{}", sample.about.root().digest());
    assert_eq!(ask(&app, request(Method::DELETE, &about, Body::empty())).await, StatusCode::ACCEPTED);
    for (path, status) in [("a/manifests/v1", StatusCode::OK), (&both, StatusCode::OK), (&new, StatusCode::NOT_FOUND)] {
        assert_eq!(get(&app, path).await, status, "{path}");
    }
}

#[tokio::test]
async fn what_is_asked_for_while_the_index_cannot_be_read_is_not_done() {
    let dir = tempfile::tempdir().unwrap();
    let sample = Sample::write(dir.path()).await;
    let app = app(dir.path(), true).await;
    for (blob, bytes) in image("new").blobs() {
        let path = format!("a/blobs/uploads/?digest={}", blob.digest);
        assert_eq!(ask(&app, request(Method::POST, &path, bytes.clone())).await, StatusCode::CREATED);
    }
    let served = async || answered(&app, request(Method::GET, "a/manifests/v1", Body::empty())).await.1;
    let before = served().await;
    {
        let index = dir.path().join("index.json");
        let _unreadable = Unreadable::at(&index);
        assert!(ask(&app, pushing(&image("new"), "v1")).await.is_server_error());
        assert!(ask(&app, request(Method::DELETE, "a/manifests/v1", Body::empty())).await.is_server_error());
        assert_eq!(served().await, before);
    }
    assert_eq!(served().await, before);
    assert_eq!(ask(&app, pushing(&image("new"), "v2")).await, StatusCode::CREATED);
    assert_eq!(served().await, before, "what failed is not made up for by a later change");
    sample.check(&app, "all of it").await;
}
