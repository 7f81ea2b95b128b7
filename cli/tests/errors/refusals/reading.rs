//! What can go wrong at the source.

use sealift_testkit::fault::{Act, Answer, End, Fault};

use super::scene::{Scene, refuses};

const MANIFEST: &str = "/manifests/";
const BLOB: &str = "/blobs/sha256";
const TAGS: &str = "/tags/list";

pub(super) fn scenes() -> Vec<Scene> {
    let mut scenes = refused();
    scenes.extend(wrong());
    scenes.extend(lists());
    scenes
}

fn refused() -> Vec<Scene> {
    vec![
        Scene::new("a repository that is not there").image("FROM/shop/nothing:v1"),
        Scene::new("a tag that is not there").image("FROM/shop/app:v11"),
        Scene::new("a digest that is not there").image(&format!("FROM/shop/app@sha256:{}", "0".repeat(64))),
        Scene::new("it wants a login").source(
            "*",
            MANIFEST,
            refuses(401, "UNAUTHORIZED", "authentication required").header("www-authenticate", "Basic realm=\"x\""),
        ),
        Scene::new("it forbids it").source(
            "*",
            MANIFEST,
            refuses(403, "DENIED", "requested access to the resource is denied"),
        ),
        Scene::new("it forbids it, and says nothing").source("*", MANIFEST, Answer::status(403)),
        Scene::new("it wants fewer requests").source(
            "*",
            MANIFEST,
            refuses(429, "TOOMANYREQUESTS", "You have reached your pull rate limit.").header("retry-after", 7200),
        ),
        Scene::new("it fails").source("*", MANIFEST, refuses(500, "UNKNOWN", "unknown error")),
        Scene::new("a proxy before it fails").source(
            "*",
            MANIFEST,
            Answer::status(504).header("content-type", "text/html").body("<html><h1>504 Gateway Time-out</h1></html>"),
        ),
        Scene::new("a policy forbids it").source(
            "*",
            MANIFEST,
            refuses(412, "PROJECTPOLICYVIOLATION", "current image with 3 vulnerabilities cannot be pulled"),
        ),
        Scene::new("it is too slow for itself").source("*", MANIFEST, Answer::status(408)),
        Scene::new("it does not take the digest").source(
            "*",
            MANIFEST,
            refuses(400, "DIGEST_INVALID", "unsupported digest algorithm"),
        ),
        Scene::new("a proxy drops what is accepted").source(
            "*",
            MANIFEST,
            refuses(404, "MANIFEST_UNKNOWN", "OCI index found, but accept header does not support OCI indexes"),
        ),
    ]
}

fn wrong() -> Vec<Scene> {
    let page = || Answer::status(200).header("content-type", "text/html").body("<html>Log in</html>");
    vec![
        Scene::new("a page where a manifest is").source("*", MANIFEST, page()),
        Scene::new("a manifest that is none").source(
            "GET",
            MANIFEST,
            Answer::status(200).header("content-type", "application/vnd.oci.image.manifest.v1+json").body("{}"),
        ),
        Scene::new("a manifest that came compressed")
            .from(Fault::on("GET", MANIFEST).act(Act::Header("content-encoding", Some("gzip".to_owned())))),
        Scene::new("a manifest with another digest")
            .image("FROM/shop/app@DIGEST")
            .from(Fault::on("GET", MANIFEST).act(Act::Flip { at: 1 })),
        Scene::new("a manifest without an end").from(
            Fault::on("GET", MANIFEST).act(Act::Say(
                Answer::status(200)
                    .header("content-type", "application/vnd.oci.image.manifest.v1+json")
                    .body(vec![b' '; 5 << 20]),
            )),
        ),
        Scene::new("a blob that is not there").source(
            "GET",
            BLOB,
            refuses(404, "BLOB_UNKNOWN", "blob unknown to registry"),
        ),
        Scene::new("a part of a blob that was not asked for").source("GET", BLOB, Answer::status(416)),
        Scene::new("a blob with other bytes").from(Fault::on("GET", BLOB).act(Act::Flip { at: 1 })),
        Scene::new("a blob that is shorter").from(Fault::on("GET", BLOB).act(Act::Shorten { to: 2 })),
        Scene::new("a blob that breaks off each time")
            .from(Fault::on("GET", BLOB).act(Act::Cut { after: 0, end: End::Fin })),
        Scene::new("a blob at a forbidden address")
            .from(Fault::on("GET", BLOB).act(Act::redirect("http://169.254.169.254/x"))),
        Scene::new("a blob that is sent round in a circle")
            .from(Fault::on("GET", BLOB).act(Act::redirect("/v2/shop/app/blobs/sha256:0"))),
    ]
}

fn lists() -> Vec<Scene> {
    let all = "FROM/shop/app";
    let json = |text: &str| Answer::status(200).json(text);
    vec![
        Scene::new("the tags of a repository that is not there").image("FROM/shop/nothing"),
        Scene::new("tags that are no list").image(all).source("GET", TAGS, json("{\"tags\": 5}")),
        Scene::new("a list of tags that goes on elsewhere").image(all).source(
            "GET",
            TAGS,
            json("{\"tags\": []}").header("link", "<http://169.254.169.254/v2/x>; rel=\"next\""),
        ),
        Scene::new("a catalog that nobody may see").image("").source(
            "GET",
            "/v2/_catalog",
            refuses(401, "UNAUTHORIZED", "authentication required"),
        ),
    ]
}
