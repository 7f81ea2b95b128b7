//! The registries that are asked, and how they are asked.

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url, header, redirect};
use sealift_core::content::{Descriptor, Digest, MediaType, well_known};
use sealift_serve::{ServeOptions, Server, sample::Image};
use sealift_testkit::{fault::FaultRegistry, registry::Registry};
use serde_json::Value;

use crate::deviations::Point;

/// A registry under test.
pub(crate) struct Subject {
    pub(crate) is_real: bool,
    pub(crate) base: Url,
    client: Client,
}

/// Asks both registries, and the first one through the proxy that can break. Each test starts its own, so repositories can have any name.
pub(crate) async fn both(question: impl AsyncFn(&Subject)) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(ServeOptions::new(dir.path()).writable().throwaway()).await.unwrap();
    question(&Subject::new(&server.url(), false)).await;
    server.shutdown().await.unwrap();
    // The one that breaks on cue must be this one as long as nothing is to break.
    let faultless = FaultRegistry::start().await;
    question(&Subject::new(&faultless.url(), false)).await;
    if let Some(registry) = Registry::start() {
        question(&Subject::new(&registry.url(), true)).await;
    }
}

impl Subject {
    pub(crate) fn new(url: &str, is_real: bool) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default(); // another test of this process may have
        // No certificates: it is plain http, and looking for them takes time.
        let builder = Client::builder().no_proxy().redirect(redirect::Policy::none()).tls_certs_only([]);
        let client = builder.build().unwrap();
        Self { is_real, base: url.parse().unwrap(), client }
    }

    /// A request; the path is relative to `/v2/`, or a whole URL that the registry gave.
    pub(crate) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.base.join("/v2/").unwrap().join(path).unwrap())
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        let accept: Vec<_> = well_known::MANIFESTS.iter().map(ToString::to_string).collect();
        self.ask(Method::GET, path).header(header::ACCEPT, accept.join(",")).send().await.unwrap()
    }

    pub(crate) async fn head(&self, path: &str) -> Response {
        let accept: Vec<_> = well_known::MANIFESTS.iter().map(ToString::to_string).collect();
        self.ask(Method::HEAD, path).header(header::ACCEPT, accept.join(",")).send().await.unwrap()
    }

    pub(crate) async fn delete(&self, path: &str) -> Response {
        self.ask(Method::DELETE, path).send().await.unwrap()
    }

    /// Opens an upload; says where it goes on.
    pub(crate) async fn open(&self, repository: &str) -> String {
        let opened = self.post(&format!("{repository}/blobs/uploads/")).await;
        assert_eq!(opened.status(), 202);
        location(&opened)
    }

    pub(crate) async fn post(&self, path: &str) -> Response {
        self.ask(Method::POST, path).header(header::CONTENT_LENGTH, 0).send().await.unwrap()
    }

    pub(crate) async fn patch(&self, location: &str, bytes: &'static [u8]) -> Response {
        self.ask(Method::PATCH, location).body(bytes).send().await.unwrap()
    }

    /// Ends an upload with these bytes.
    pub(crate) async fn put(&self, location: &str, digest: &str, bytes: impl Into<reqwest::Body>) -> Response {
        let request = self.ask(Method::PUT, location).query(&[("digest", digest)]);
        request.header(header::CONTENT_TYPE, "application/octet-stream").body(bytes).send().await.unwrap()
    }

    pub(crate) async fn push_blob(&self, repository: &str, bytes: impl Into<Vec<u8>>) -> Digest {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        let location = self.open(repository).await;
        assert_eq!(self.put(&location, &digest.to_string(), bytes).await.status(), 201);
        digest
    }

    pub(crate) async fn put_manifest(&self, at: &str, media_type: &MediaType, bytes: impl Into<Vec<u8>>) -> Response {
        let request = self.ask(Method::PUT, at).header(header::CONTENT_TYPE, media_type.as_str());
        request.body(bytes.into()).send().await.unwrap()
    }

    /// Pushes an image with all its parts; each tag is the last word of a path.
    pub(crate) async fn push(&self, repository: &str, tags: &[&str], image: &Image) {
        for (_, bytes) in image.blobs() {
            self.push_blob(repository, bytes.to_vec()).await;
        }
        for child in image.children() {
            let at = format!("{repository}/manifests/{}", child.digest());
            let taken = self.put_manifest(&at, child.media_type(), child.bytes().to_vec()).await;
            assert_eq!(taken.status(), 201);
        }
        let root = image.root();
        for tag in tags {
            let at = format!("{repository}/manifests/{tag}");
            let taken = self.put_manifest(&at, root.media_type(), root.bytes().to_vec()).await;
            assert_eq!(taken.status(), 201);
        }
    }

    pub(crate) async fn has(&self, path: &str) -> bool {
        let status = self.head(path).await.status();
        assert!(status == 200 || status == 404, "{status}");
        status == 200
    }

    /// What this registry answers at a point of the table.
    pub(crate) fn expected(&self, point: Point) -> u16 {
        let deviation = point.deviation();
        if self.is_real { deviation.real } else { deviation.served }
    }
}

pub(crate) fn location(response: &Response) -> String {
    text(response, "location")
}

pub(crate) fn text(response: &Response, header: &str) -> String {
    response.headers().get(header).unwrap_or_else(|| panic!("no `{header}`")).to_str().unwrap().to_owned()
}

/// Status and the first error code.
pub(crate) async fn error(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    (status, body["errors"][0]["code"].as_str().unwrap().to_owned())
}

pub(crate) fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

pub(crate) fn created(response: &Response, digest: &Digest) {
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(text(response, "docker-content-digest"), digest.to_string());
    assert!(location(response).ends_with(&digest.to_string()));
}

/// The descriptor of a blob as a manifest points to it.
pub(crate) fn layer(bytes: &[u8]) -> Descriptor {
    Descriptor::of_bytes(well_known::OCI_LAYER_GZIP, bytes)
}
