//! Whole runs into Harbor's double: the engine, this push, the registry client, a real registry behind.
//!
//! The double refuses on its own accord. For each refusal there is a test that fails if the push meets it; that was
//! seen by breaking the push in the way that stands beside it.
//!
//! | refused | what was broken | seen by |
//! |---|---|---|
//! | a blob before its project (401) | projects are not looked at before a write | `order::the_project_comes_first…`, `projects::a_missing_project_is_created_once…` |
//! | an index before its children (404, after it was stored) | the root goes before the children | `order::the_project_comes_first…`, `order::an_index_is_written_whole…` |
//! | a manifest before its blobs (the registry behind) | manifests go before blobs | most of them |
//! | a blob that garbage collection marked (404 to HEAD, and a mount that lies) | a mount is believed | `order::a_blob_that_garbage_collection_marked…`, `order::blobs_are_asked_for_by_head…` |
//! | anything to a proxy cache (403) | it is not looked for | `refusals::nothing_is_sent_to_a_project_that_caches…` |
//! | anything in read-only mode (403) | it is not asked for | `refusals::nothing_is_sent_in_read_only_mode` |
//! | what exceeds the quota (403) | the quota is not read, or not counted down | `refusals::nothing_is_sent_to_a_project_that_is_full`, `refusals::what_would_exceed_the_quota…`, `refusals::a_created_project…` |
//! | an immutable tag (412) | rules are not asked for | `refusals::an_immutable_tag_is_refused_before…`, `refusals::a_changed_tag_costs_one_question…` |

mod again;
mod away;
mod beside;
mod names;
mod order;
mod projects;
mod refusals;
mod rerun;
mod robots;

use std::{path::PathBuf, sync::Arc};

use sealift_conformance::{
    images::Image,
    memory::{Memory, Wanted},
};
use sealift_core::{
    cache::Cache,
    engine::{self, RunSettings},
    plugin::{BuildContext, ConfigError, Plugin, Purpose, StageConfig},
    report::Report,
    schemars::JsonSchema,
    serde::Deserialize,
    spec::{self, LoadOptions, Named, Pipeline},
    stage::{Fetch, List},
};
use sealift_dest_harbor as _;
use sealift_serve::access::{AccessRecord, RequestKind, Requests};
use sealift_testkit::harbor::{ADMIN, Harbor};

/// Stands in a pipeline for the source, which each test puts there itself.
#[derive(Deserialize, JsonSchema)]
#[serde(crate = "sealift_core::serde")]
#[schemars(crate = "sealift_core::schemars")]
struct Nothing {}

impl StageConfig<dyn List> for Nothing {
    fn build(self, _: &BuildContext<'_>) -> Result<Box<dyn List>, ConfigError> {
        Ok(Box::new(Wanted::new()))
    }
}

impl StageConfig<dyn Fetch> for Nothing {
    fn build(self, _: &BuildContext<'_>) -> Result<Box<dyn Fetch>, ConfigError> {
        Ok(Box::new(Memory::new("nowhere.io")))
    }
}

sealift_core::inventory::submit! { Plugin::list::<Nothing>("nothing") }
sealift_core::inventory::submit! { Plugin::fetch::<Nothing>("nothing") }

/// Images in memory, and a Harbor that they go to.
struct Bench<'a> {
    harbor: &'a Harbor,
    from: Memory,
    wanted: Wanted,
    /// Further lines of `[[push]]`.
    push: String,
    /// Further tables.
    tables: String,
    login: Option<(String, String)>,
    force: bool,
}

impl<'a> Bench<'a> {
    /// The administrator pushes what is added.
    fn new(harbor: &'a Harbor) -> Self {
        let login = Some((ADMIN.0.to_owned(), ADMIN.1.to_owned()));
        let from = Memory::new("from.io");
        Self { harbor, from, wanted: Wanted::new(), push: String::new(), tables: String::new(), login, force: false }
    }

    /// `name` (`repository:tag`) at the source goes to `target` (`project/repository:tag`) at Harbor.
    fn image(mut self, name: &str, image: &Image, target: &str) -> Self {
        self.from.add(name, image);
        let target = format!("{}/{target}", self.harbor.host());
        self.wanted = self.wanted.image(&format!("from.io/{name}"), &[&target]);
        self
    }

    fn push(mut self, lines: &str) -> Self {
        lines.clone_into(&mut self.push);
        self
    }

    fn tables(mut self, text: &str) -> Self {
        text.clone_into(&mut self.tables);
        self
    }

    fn login(mut self, name: &str, secret: &str) -> Self {
        self.login = Some((name.to_owned(), secret.to_owned()));
        self
    }

    fn nobody(mut self) -> Self {
        self.login = None;
        self
    }

    fn force(mut self) -> Self {
        self.force = true;
        self
    }

    /// A fresh pipeline, as each run of the program has one: nothing is remembered from the one before.
    fn pipeline(&self) -> Pipeline {
        let login = self.login.as_ref().map(|(name, secret)| {
            format!("[registries.{:?}]\nusername = '{name}'\npassword = '{secret}'\n", self.harbor.host())
        });
        let force = self.force;
        let text = format!(
            "name = \"test\"\n[run]\nforce = {force}\nreferrers = false\nretries = 0\n[list]\nuse = \"nothing\"\n\
             [[push]]\nuse = \"harbor\"\n{}\n{}\n{}",
            self.push,
            self.tables,
            login.unwrap_or_default()
        );
        let environment = Arc::new(|name: &str| (name == "HOME").then(|| "/nonexistent".to_owned()));
        let settings = LoadOptions {
            base: PathBuf::from("."),
            environment,
            purpose: Purpose::Run,
            cache: Cache::default(),
            extensions: Default::default(),
        };
        let pipeline = match spec::load(&text, "test.toml", &settings) {
            Ok(loaded) => loaded.pipeline,
            Err(found) => panic!("{found:?}"),
        };
        let list = Named::new("memory", Arc::new(self.wanted.clone()) as Arc<dyn List>);
        let fetch = Named::new("memory", Arc::new(self.from.clone()) as Arc<dyn Fetch>);
        pipeline.with_stages(move |stages| (stages.list, stages.fetch) = (list.clone(), fetch.clone()))
    }

    async fn run(&self) -> Report {
        engine::run(&self.pipeline(), RunSettings::default()).await
    }

    async fn plan(&self) -> Report {
        engine::plan(&self.pipeline(), RunSettings::default()).await
    }
}

/// Causes and hints of everything that failed, without the name of the host.
fn told(report: &Report, harbor: &Harbor) -> String {
    let lines = report.failures.iter().map(|failure| {
        let hint = failure.hint.as_deref().unwrap_or("none");
        format!("{}\nhint: {hint}\n", failure.cause).replace(&harbor.host(), "harbor.corp")
    });
    lines.collect()
}

/// Cause and hint of the first failure.
fn first(report: &Report, harbor: &Harbor) -> String {
    told(report, harbor).lines().take(2).collect::<Vec<_>>().join("\n")
}

/// Requests of a kind with this method, as positions in the journal.
fn positions(requests: &Requests, method: &str, kind: RequestKind) -> Vec<usize> {
    let matches = |request: &&AccessRecord| request.method == method && request.kind() == kind;
    requests.iter().enumerate().filter(|(_, request)| matches(request)).map(|(at, _)| at).collect()
}

/// Requests to the API that begin like this.
fn api(requests: &Requests, method: &str, path: &str) -> usize {
    let begin = format!("/api/v2.0/{path}");
    requests.iter().filter(|request| request.method == method && request.path.starts_with(&begin)).count()
}
