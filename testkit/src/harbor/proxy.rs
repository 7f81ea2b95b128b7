//! The way to the registry behind: a stream in both directions, nothing is collected.

use std::net::SocketAddr;

use axum::{
    body::Body,
    extract::Request,
    http::{StatusCode, Uri, header},
    response::Response,
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use super::answer;

pub(super) struct Backend {
    registry: SocketAddr,
    client: Client<HttpConnector, Body>,
}

impl Backend {
    pub(super) fn new(registry: SocketAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self { registry, client: Client::builder(TokioExecutor::new()).build(connector) }
    }

    /// Hands a request on as it is. The `Host` stays that of Harbor, so that the registry's `Location` leads back here.
    pub(super) async fn forward(&self, mut request: Request) -> Response {
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        *request.uri_mut() = Uri::builder()
            .scheme("http")
            .authority(self.registry.to_string())
            .path_and_query(target)
            .build()
            .expect("it was a valid target before");
        // Harbor speaks for itself to the registry behind it.
        request.headers_mut().remove(header::AUTHORIZATION);
        match self.client.request(request).await {
            Ok(response) => response.map(Body::new),
            Err(_) => answer::plain(StatusCode::BAD_GATEWAY, "502 Bad Gateway"),
        }
    }
}
