//! What single requests are answered.

use super::*;

fn manifest(reference: &str, media_type: &str, body: impl Into<Body>) -> Request {
    let mut request = request(Method::PUT, &format!("a/manifests/{reference}"), body);
    request.headers_mut().insert(header::CONTENT_TYPE, answer::value(media_type));
    request
}

async fn push_blobs(app: &App, repository: &str, image: &Image) {
    for (blob, bytes) in image.blobs() {
        let path = format!("{repository}/blobs/uploads/?digest={}", blob.digest);
        assert_eq!(ask(app, request(Method::POST, &path, bytes.clone())).await, StatusCode::CREATED);
    }
}

const OCI: &str = "application/vnd.oci.image.manifest.v1+json";

#[tokio::test]
async fn what_no_reader_may_take_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let app = app(dir.path(), true).await;
    let image = image("x");
    push_blobs(&app, "a", &image).await;
    let text = String::from_utf8(image.root().bytes().to_vec()).unwrap();
    let old = text.replace("\"schemaVersion\":2", "\"schemaVersion\":1");
    assert_ne!(old, text);
    let mut bytes = text.clone().into_bytes();
    bytes.truncate(bytes.len() - 1);
    bytes.extend(b",\"x\":\"\xff\"}");
    for body in [old.into_bytes(), bytes] {
        let (status, said) = answered(&app, manifest("v1", OCI, body)).await;
        assert!(status == StatusCode::BAD_REQUEST && said.contains("MANIFEST_INVALID"), "{status} {said}");
    }
    let (status, said) = answered(&app, manifest("-x", OCI, text.clone())).await;
    assert!(status == StatusCode::BAD_REQUEST && said.contains("TAG_INVALID"), "{status} {said}");
    assert_eq!(get(&app, "a/manifests/-x").await, StatusCode::NOT_FOUND);
    let capitals = manifest("v1", "Application/VND.OCI.image.manifest.v1+JSON; charset=utf-8", text);
    assert_eq!(ask(&app, capitals).await, StatusCode::CREATED);
}

#[tokio::test]
async fn a_request_names_its_host() {
    let dir = tempfile::tempdir().unwrap();
    let app = app(dir.path(), true).await;
    let mut request = request(Method::GET, "", Body::empty());
    request.headers_mut().remove("host");
    assert_eq!(ask(&app, request).await, StatusCode::BAD_REQUEST);
    assert_eq!(get(&app, "").await, StatusCode::OK);
}

// Seen: a blob of a manifest and a child of an index were deleted with 202, and were back after a restart.
#[tokio::test]
async fn what_something_else_needs_is_not_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let sample = Sample::write(dir.path()).await;
    let app = app(dir.path(), true).await;
    let blob = format!("a/blobs/{}", sample.one.blobs()[0].0.digest);
    let child = format!("a/manifests/{}", sample.both.children()[0].digest());
    for path in [&blob, &child] {
        let (status, said) = answered(&app, request(Method::DELETE, path, Body::empty())).await;
        assert!(status == StatusCode::METHOD_NOT_ALLOWED && said.contains("delete that one first"), "{status} {said}");
        assert_eq!(get(&app, path).await, StatusCode::OK);
    }
    for first in ["a/manifests/v1".to_owned(), format!("a/manifests/{}", sample.one.root().digest())] {
        assert_eq!(ask(&app, request(Method::DELETE, &first, Body::empty())).await, StatusCode::ACCEPTED, "{first}");
    }
    assert_eq!(get(&app, &blob).await, StatusCode::NOT_FOUND);
}

// Seen: an upload that was begun was 404 when somebody pushed an image whose short name is the path of the upload.
#[tokio::test]
async fn the_location_of_an_upload_stays_valid() {
    let dir = tempfile::tempdir().unwrap();
    let app = app(dir.path(), true).await;
    let image = image("x");
    let id = app.sessions.add("team/app");
    push_blobs(&app, "reg.example.com/team/app", &image).await;
    let media_type = answer::value(image.root().media_type());
    let mut put = request(Method::PUT, "reg.example.com/team/app/manifests/v1", image.root().bytes().clone());
    put.headers_mut().insert(header::CONTENT_TYPE, media_type);
    assert_eq!(ask(&app, put).await, StatusCode::CREATED);
    assert_eq!(get(&app, "team/app/manifests/v1").await, StatusCode::OK, "by its short name");
    let location = format!("team/app/blobs/uploads/{id}");
    assert_eq!(ask(&app, request(Method::PATCH, &location, "hel")).await, StatusCode::ACCEPTED);
    let digest = Digest::of(b"hello");
    let last = request(Method::PUT, &format!("{location}?digest={digest}"), "lo");
    assert_eq!(ask(&app, last).await, StatusCode::CREATED);
    assert_eq!(get(&app, &format!("team/app/blobs/{digest}")).await, StatusCode::OK, "where it was pushed to");
    assert_eq!(get(&app, "team/app/manifests/v1").await, StatusCode::OK, "and nothing else has changed");
}

// Seen: how far an upload is was not told while a connection held it whose client was gone.
#[tokio::test]
async fn an_upload_whose_connection_hangs_is_told_of_and_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    let app = app(dir.path(), true).await;
    let id = app.sessions.add("a");
    let location = format!("a/blobs/uploads/{id}");
    let (sender, receiver) = futures::channel::mpsc::unbounded::<Result<&str, std::io::Error>>();
    sender.unbounded_send(Ok("hello")).unwrap();
    let hanging = request(Method::PATCH, &location, Body::from_stream(receiver));
    let hanging = tokio::spawn({
        let app = app.clone();
        async move { ask(&app, hanging).await }
    });
    while app.sessions.length("a", &id).await.unwrap() < 5 {
        tokio::task::yield_now().await;
    }
    assert_eq!(get(&app, &location).await, StatusCode::NO_CONTENT);
    let blind = request(Method::PATCH, &location, " world");
    assert_eq!(ask(&app, blind).await, StatusCode::BAD_REQUEST, "it might be meant for another place");
    let with_range = |method: Method, path: &str, range: &str, body: &'static str| {
        let mut request = request(method, path, body);
        request.headers_mut().insert(header::CONTENT_RANGE, answer::value(range));
        request
    };
    // It asked before the last bytes came, so it sends some of them again.
    assert_eq!(ask(&app, with_range(Method::PATCH, &location, "3-10", "lo world")).await, StatusCode::ACCEPTED);
    assert_eq!(hanging.await.unwrap(), StatusCode::BAD_REQUEST);
    let digest = Digest::of(b"hello world!");
    let out_of_order = with_range(Method::PATCH, &location, "3-10", "lo world");
    assert_eq!(ask(&app, out_of_order).await, StatusCode::RANGE_NOT_SATISFIABLE, "nothing was taken over");
    let last = with_range(Method::PUT, &format!("{location}?digest={digest}"), "11-11", "!");
    assert_eq!(ask(&app, last).await, StatusCode::CREATED);
}

#[tokio::test]
async fn an_upload_that_waits_has_no_file_open() {
    let dir = tempfile::tempdir().unwrap();
    let app = app(dir.path(), true).await;
    let open = || {
        let links = std::fs::read_dir("/proc/self/fd").unwrap();
        let links = links.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        links.filter(|path| path.starts_with(dir.path()) && path.extension().is_some_and(|end| end == "part")).count()
    };
    for body in ["", "hello"] {
        let id = app.sessions.add("a");
        let location = format!("a/blobs/uploads/{id}");
        assert_eq!(ask(&app, request(Method::PATCH, &location, body)).await, StatusCode::ACCEPTED);
        assert_eq!(open(), 0);
        let last = request(Method::PUT, &format!("{location}?digest={}", Digest::of(body.as_bytes())), "");
        assert_eq!(ask(&app, last).await, StatusCode::CREATED);
    }
}

#[tokio::test]
async fn what_another_tool_adds_beside_a_writable_registry_is_served_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let sample = Sample::write(dir.path()).await;
    let app = app(dir.path(), true).await;
    push_blobs(&app, "a", &image("new")).await;
    let path = dir.path().join("index.json");
    let mut index: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let mut entry = serde_json::to_value(sample.one.root().descriptor()).unwrap();
    entry["annotations"] = serde_json::json!({ "org.opencontainers.image.ref.name": "quay.io/other/app:v3" });
    index["manifests"].as_array_mut().unwrap().push(entry);
    std::fs::write(&path, index.to_string()).unwrap();
    assert_eq!(get(&app, "other/app/manifests/v3").await, StatusCode::OK);
    assert_eq!(ask(&app, pushing(&image("new"), "v2")).await, StatusCode::CREATED, "its blobs are not forgotten");
    sample.check(&app, "all of it").await;
    assert!(Layout::open(dir.path()).await.unwrap().find("quay.io/other/app:v3").is_some());
}

// distribution-spec 1.2, "Pushing Manifests".
#[tokio::test]
async fn a_push_by_digest_may_set_tags() {
    let dir = tempfile::tempdir().unwrap();
    let app = app(dir.path(), true).await;
    let image = image("x");
    push_blobs(&app, "a", &image).await;
    let digest = image.root().digest();
    let push = async |query: &str| {
        let request = manifest(&format!("{digest}{query}"), OCI, image.root().bytes().clone());
        let response = handle(State((app.clone(), PEER)), request).await;
        let tags = response.headers().get_all("oci-tag").iter().map(|tag| tag.to_str().unwrap().to_owned());
        (response.status(), tags.collect::<Vec<_>>())
    };
    let (status, tags) = push("?tag=1.2.3&tag=1.2&tag=1&tag=1%2E2&other=x").await;
    assert_eq!((status, &tags[..]), (StatusCode::CREATED, &["1.2.3".to_owned(), "1.2".to_owned(), "1".to_owned()][..]));
    let (_, listed) = answered(&app, request(Method::GET, "a/tags/list", Body::empty())).await;
    assert!(listed.contains(r#"["1","1.2","1.2.3"]"#), "{listed}");
    assert_eq!(push("").await, (StatusCode::CREATED, Vec::new()));
    assert_eq!(push("?tag=fine&tag=-x").await, (StatusCode::BAD_REQUEST, Vec::new()));
    assert_eq!(get(&app, "a/manifests/fine").await, StatusCode::NOT_FOUND, "nothing of it is done");
    let many: Vec<String> = (0..101).map(|number| format!("tag=v{number}")).collect();
    assert_eq!(push(&format!("?{}", many.join("&"))).await.0, StatusCode::URI_TOO_LONG);
    let by_tag = manifest("v1?tag=v2", OCI, image.root().bytes().clone());
    assert_eq!(ask(&app, by_tag).await, StatusCode::CREATED);
    assert_eq!(get(&app, "a/manifests/v2").await, StatusCode::NOT_FOUND, "only a push by digest sets others");
}

// distribution-spec 1.2, "Pushing a blob in chunks".
#[tokio::test]
async fn blobs_may_be_named_by_sha512() {
    let dir = tempfile::tempdir().unwrap();
    let app = app(dir.path(), true).await;
    let begin = |algorithm: &str| {
        request(Method::POST, &format!("a/blobs/uploads/?digest-algorithm={algorithm}"), Body::empty())
    };
    assert_eq!(ask(&app, begin("md5")).await, StatusCode::BAD_REQUEST);
    let response = handle(State((app.clone(), PEER)), begin("sha512")).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let location = response.headers()[header::LOCATION].to_str().unwrap().trim_start_matches("/v2/").to_owned();
    let mut hasher = sealift_core::content::Algorithm::Sha512.hasher();
    hasher.update(b"content");
    let digest = hasher.finish();
    let end = request(Method::PUT, &format!("{location}?digest={digest}"), "content");
    assert_eq!(ask(&app, end).await, StatusCode::CREATED);
    assert_eq!(answered(&app, request(Method::GET, &format!("a/blobs/{digest}"), Body::empty())).await.1, "content");
}

// distribution-spec 1.2, "Registry Proxying".
#[tokio::test]
async fn the_registry_that_a_client_names_is_confirmed() {
    let dir = tempfile::tempdir().unwrap();
    let _sample = Sample::write(dir.path()).await;
    let app = app(dir.path(), false).await;
    let asked = request(Method::GET, "a/manifests/v1?ns=docker.io", Body::empty());
    let response = handle(State((app.clone(), PEER)), asked).await;
    assert_eq!(
        (response.status(), &response.headers()["oci-namespace"]),
        (StatusCode::OK, &"docker.io".parse().unwrap())
    );
    let response = handle(State((app, PEER)), request(Method::GET, "a/manifests/v1", Body::empty())).await;
    assert!(!response.headers().contains_key("oci-namespace"));
}
