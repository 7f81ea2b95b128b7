//! Asking the double over the wire, as any client would.

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode, header},
};
use base64::{Engine as _, prelude::*};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;

use crate::harbor::{ADMIN, Harbor};
use sealift_conformance::images::Image;

/// An answer, with its body read.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Status, code and words of a refusal.
    pub(super) fn refusal(&self) -> (u16, String, String) {
        let error = &self.json()["errors"][0];
        let text = |key: &str| error[key].as_str().unwrap().to_owned();
        (self.status.as_u16(), text("code"), text("message"))
    }
}

/// A client of the double, with its credentials.
pub(super) struct Asker<'a> {
    pub(super) harbor: &'a Harbor,
    authorization: Option<String>,
    client: Client<HttpConnector, Body>,
}

impl<'a> Asker<'a> {
    pub(super) fn nobody(harbor: &'a Harbor) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self { harbor, authorization: None, client: Client::builder(TokioExecutor::new()).build(connector) }
    }

    pub(super) fn login(harbor: &'a Harbor, name: &str, password: &str) -> Self {
        let login = BASE64_STANDARD.encode(format!("{name}:{password}"));
        Self { authorization: Some(format!("Basic {login}")), ..Self::nobody(harbor) }
    }

    pub(super) fn admin(harbor: &'a Harbor) -> Self {
        Self::login(harbor, ADMIN.0, ADMIN.1)
    }

    /// The same with a token for these scopes.
    pub(super) async fn token(&self, scopes: &[&str]) -> Self {
        let scopes: String = scopes.iter().map(|scope| format!("&scope={scope}")).collect();
        let answer = self.get(&format!("/service/token?service=harbor-registry{scopes}")).await;
        let token = answer.json()["token"].as_str().unwrap().to_owned();
        Self { authorization: Some(format!("Bearer {token}")), ..Self::nobody(self.harbor) }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "", Vec::new()).await
    }

    pub(super) async fn head(&self, path: &str) -> Answer {
        self.ask("HEAD", path, "", Vec::new()).await
    }

    pub(super) async fn ask(&self, method: &str, path: &str, content_type: &str, body: Vec<u8>) -> Answer {
        let url = match path.starts_with("http") {
            true => path.to_owned(),
            false => format!("{}{path}", self.harbor.url()),
        };
        let mut request = Request::builder().method(method).uri(url);
        request = request.header(
            header::ACCEPT,
            "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json",
        );
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        if !content_type.is_empty() {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let response = self.client.request(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(Body::new(body), usize::MAX).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&body).into_owned() }
    }

    pub(super) async fn put_blob(&self, repository: &str, bytes: &[u8]) -> Answer {
        let begun = self.ask("POST", &format!("/v2/{repository}/blobs/uploads/"), "", Vec::new()).await;
        if begun.status != StatusCode::ACCEPTED {
            return begun;
        }
        let digest = sealift_core::content::Digest::of(bytes).to_string().replace(':', "%3A");
        let target = format!("{}&digest={digest}", begun.header("location"));
        self.ask("PUT", &target, "application/octet-stream", bytes.to_vec()).await
    }

    pub(super) async fn put_manifest(&self, repository: &str, reference: &str, image: &Image) -> Answer {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let media_type = image.manifest.media_type().to_string();
        self.ask("PUT", &path, &media_type, image.manifest.bytes().to_vec()).await
    }

    /// Everything below an image, then the image.
    pub(super) async fn push(&self, repository: &str, reference: &str, image: &Image) -> Answer {
        for child in &image.children {
            let digest = child.manifest.digest().to_string();
            let answer = Box::pin(self.push(repository, &digest, child)).await;
            if answer.status != StatusCode::CREATED {
                return answer;
            }
        }
        for (_, bytes) in &image.blobs {
            let answer = self.put_blob(repository, bytes).await;
            if answer.status != StatusCode::CREATED {
                return answer;
            }
        }
        self.put_manifest(repository, reference, image).await
    }
}
