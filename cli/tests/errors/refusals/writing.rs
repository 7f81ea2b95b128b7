//! What can go wrong at the destination.

use sealift_testkit::fault::{Act, Answer, End, Fault};

use super::scene::{Scene, refuses};

const MANIFEST: &str = "/manifests/";
const UPLOAD: &str = "/blobs/uploads/";

pub(super) fn scenes() -> Vec<Scene> {
    let mut scenes = refused();
    scenes.extend(manifests());
    scenes.extend(uploads());
    scenes
}

fn refused() -> Vec<Scene> {
    let html = |status| {
        Answer::status(status).header("content-type", "text/html").body("<html><title>nginx</title>too large</html>")
    };
    vec![
        Scene::new("it wants a login").destination(
            "*",
            UPLOAD,
            refuses(401, "UNAUTHORIZED", "authentication required").header("www-authenticate", "Basic realm=\"x\""),
        ),
        Scene::new("it forbids it").destination(
            "*",
            UPLOAD,
            refuses(403, "DENIED", "requested access to the resource is denied"),
        ),
        Scene::new("its quota is used up").destination("*", UPLOAD, refuses(403, "DENIED", "storage quota exceeded")),
        Scene::new("it is read-only").destination(
            "*",
            UPLOAD,
            refuses(403, "DENIED", "the registry is in read-only mode"),
        ),
        Scene::new("it caches another registry").destination(
            "*",
            UPLOAD,
            refuses(403, "DENIED", "can not push artifact to a proxy project: m"),
        ),
        Scene::new("repositories must be created").destination(
            "*",
            UPLOAD,
            refuses(404, "NAME_UNKNOWN", "The repository with name 'm/app' does not exist in the registry"),
        ),
        Scene::new("it mirrors another registry").destination(
            "*",
            UPLOAD,
            refuses(405, "UNSUPPORTED", "The operation is unsupported."),
        ),
        Scene::new("a proxy before it takes no such blob").destination("*", UPLOAD, html(413)),
        Scene::new("it has no space left").destination("PUT", UPLOAD, Answer::status(507)),
        Scene::new("it fails").destination("*", UPLOAD, refuses(500, "UNKNOWN", "unknown error")),
    ]
}

fn manifests() -> Vec<Scene> {
    let put = |name, answer| Scene::new(name).destination("PUT", MANIFEST, answer);
    vec![
        put("it takes other types of manifests", refuses(415, "MANIFEST_INVALID", "manifest invalid")),
        put("it does not take this manifest", refuses(400, "MANIFEST_INVALID", "manifest invalid")),
        put(
            "the tag is immutable",
            refuses(400, "ImageTagAlreadyExistsException", "The image tag 'v1' already exists"),
        ),
        put("the tag may not be changed", refuses(409, "DENIED", "tag v1 is locked")),
        put(
            "it does not find what the manifest points to",
            refuses(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry"),
        ),
        put("it does not understand", refuses(400, "UNSUPPORTED", "The operation is unsupported.")),
        put("it forbids the tag", refuses(403, "DENIED", "not allowed to push tags")),
        put(
            "it stored something else",
            Answer::status(201).header("docker-content-digest", format!("sha256:{}", "0".repeat(64))),
        ),
        put("it takes no foreign layers", refuses(500, "MANIFEST_BLOB_UNKNOWN", "invalid url on layer")),
        put("it redirects", Answer::status(301).header("location", "/elsewhere")),
        put("it is no registry", Answer::status(418).body("I'm a teapot")),
    ]
}

fn uploads() -> Vec<Scene> {
    vec![
        Scene::new("an upload begins nowhere").destination("POST", UPLOAD, Answer::status(202)),
        Scene::new("an upload begins with another status").destination("POST", UPLOAD, Answer::status(200)),
        Scene::new("an upload goes on at a forbidden address").destination(
            "POST",
            UPLOAD,
            Answer::status(202).header("location", "http://169.254.169.254/upload"),
        ),
        Scene::new("other bytes arrived").destination(
            "PUT",
            UPLOAD,
            refuses(400, "DIGEST_INVALID", "provided digest did not match uploaded content"),
        ),
        Scene::new("it loses the upload").destination(
            "PUT",
            UPLOAD,
            refuses(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry"),
        ),
        Scene::new("it loses track of the upload").destination("PUT", UPLOAD, Answer::status(416)),
        Scene::new("it stored another blob").destination(
            "PUT",
            UPLOAD,
            Answer::status(201).header("docker-content-digest", format!("sha256:{}", "0".repeat(64))),
        ),
        Scene::new("it breaks off each time")
            .to(Fault::on("PUT", UPLOAD).act(Act::CutRequest { after: 1, end: End::Reset })),
    ]
}
