//! The filter keeps the rules that all filters keep, and asks a service as it should.

use std::sync::{Arc, Mutex};

use axum::{Json, Router, extract::State, http::HeaderMap, http::StatusCode, routing::post};
use example_policy_filter as _;
use sealift_conformance::Given;
use sealift_conformance::{images::image, memory::Memory};
use sealift_core::{
    error::ErrorKind,
    stage::{Fetch, Filter, ResolveMode, Verdict},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

/// A policy service: it wants a token, and allows what has a tag that starts with `v`.
struct Service {
    url: String,
    asked: Arc<Mutex<Vec<Value>>>,
    task: JoinHandle<()>,
}

impl Service {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1/data/images/admit", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let app = Router::new().route("/v1/data/images/admit", post(answer)).with_state(Arc::clone(&asked));
        let task = tokio::spawn(async move { drop(axum::serve(listener, app).await) });
        Self { url, asked, task }
    }

    fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }

    fn stage(&self, lines: &str) -> String {
        format!("[[filter]]\nuse = \"policy\"\nurl = \"{}\"\n{lines}\n", self.url)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    State(asked): State<Arc<Mutex<Vec<Value>>>>,
    headers: HeaderMap,
    Json(question): Json<Value>,
) -> Result<Json<Value>, StatusCode> {
    if headers.get("authorization").is_none_or(|token| token != "Bearer s3cret") {
        return Err(StatusCode::UNAUTHORIZED);
    }
    asked.lock().unwrap().push(question.clone());
    let allowed = question["input"]["tag"].as_str().is_some_and(|tag| tag.starts_with('v'));
    Ok(Json(match allowed {
        true => json!({ "result": true }),
        false => json!({ "result": { "allow": false, "reason": "only releases are allowed" } }),
    }))
}

mod rules {
    use super::{Given, Service};

    async fn given() -> Given {
        let service = Service::start().await;
        Given::new(service.stage("token = { env = \"POLICY_TOKEN\" }")).env("POLICY_TOKEN", "s3cret").keep(service)
    }

    sealift_conformance::conformance!(filter: given().await);
}

fn filter(text: &str) -> Arc<dyn Filter> {
    let given = Given::new(text).env("POLICY_TOKEN", "s3cret");
    let Ok(parts) = given.loaded() else { panic!("it is right: {text}") };
    Arc::clone(&parts.filters[0].stage)
}

/// What the filter says of an image with this tag.
async fn admitted(filter: &dyn Filter, tag: &str) -> sealift_core::error::Result<Verdict> {
    let registry = Memory::new("from.example");
    registry.add(&format!("acme/app:{tag}"), &image("linux/amd64", &["a layer"]));
    let resolved = registry.resolve(&registry.name(&format!("acme/app:{tag}")), ResolveMode::Descriptor).await.unwrap();
    filter.check(&resolved, &registry).await
}

#[tokio::test]
async fn the_service_is_told_what_the_image_is() {
    let service = Service::start().await;
    let filter = filter(&service.stage("token = { env = \"POLICY_TOKEN\" }"));
    assert_eq!(admitted(&*filter, "v1").await.unwrap(), Verdict::Keep);
    let no = Verdict::Drop { reason: "only releases are allowed".to_owned() };
    assert_eq!(admitted(&*filter, "nightly").await.unwrap(), no);
    let asked = service.asked();
    let input = &asked[0]["input"];
    assert_eq!(input["image"], "from.example/acme/app:v1");
    assert_eq!((&input["registry"], &input["repository"]), (&json!("from.example"), &json!("acme/app")));
    assert_eq!(input["digest"], image("linux/amd64", &["a layer"]).manifest.digest().to_string());
    assert_eq!(input["config"]["os"], "linux");
}

#[tokio::test]
async fn an_image_that_nobody_can_be_asked_about_fails() {
    let service = Service::start().await;
    let error = admitted(&*filter(&service.stage("")), "v1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.message().contains("from.example/acme/app:v1"), "{error}");

    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let gone = filter(&format!("[[filter]]\nuse = \"policy\"\nurl = \"http://{closed}/\"\n"));
    let error = admitted(&*gone, "v1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.is_retryable());
}

#[test]
fn what_is_no_url_is_refused_where_it_stands() {
    for url in ["policy", "ftp://policy/"] {
        let given = Given::new(format!("[[filter]]\nuse = \"policy\"\nurl = \"{url}\"\n"));
        let Err(problems) = given.loaded() else { panic!("`{url}` was taken") };
        assert_eq!(problems[0].location.as_ref().map(|place| place.line), Some(3), "{problems:?}");
    }
}
