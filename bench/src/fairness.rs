//! One slow thing beside many quick ones: how many times as long the quick ones take.
//!
//! For each row, small images are copied alone and beside a slow image, repository, registry, credential helper or
//! destination. The time counts until nine of ten of the small images arrived.

use std::{
    net::{SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use sealift_conformance::images::{Image, artifact, image};
use sealift_core::content::well_known;
use sealift_serve::{ServeOptions, Server};
use sealift_testkit::{
    content::Content,
    fault::{Act, Answer, End, Fault, FaultRegistry, Guard},
};
use tempfile::TempDir;

use crate::{
    console::{note, say},
    figures::median,
};

/// Small images that are copied beside the slow thing.
const OTHERS: usize = 200;
/// The time of what is slow, and the longest that is waited.
const LONG: Duration = Duration::from_secs(60);
/// The most that a row may take.
const LIMIT: f64 = 2.0;
/// The login of registries that want one.
const PASSWORD: &str = "secret";

/// The slow thing of a row.
#[derive(Clone, Copy, Debug)]
enum Slow {
    /// An image with so many layers that trickle.
    Layers(usize),
    Manifest,
    Config,
    Upload,
    TagList,
    /// A credential helper of one registry.
    Helper {
        others_log_in: bool,
    },
    /// A registry that takes connections and never answers, with so many images that the pipeline names.
    SilentSource(usize),
    /// The same with so many tags of one repository.
    SilentTags(usize),
    SilentList(usize),
    SilentDestination(usize),
    ThrottledManifests(usize),
    ThrottledBlobs(usize),
    /// Blobs that are answered with 500.
    FailingBlobs(usize),
    /// Blobs whose connections break in the middle.
    BreakingBlobs(usize),
    /// Repositories with an image that is slow to upload, and its signature by tag.
    UploadsWithSignatures(usize),
}

/// The rows: a name, the slow thing, and the `transfers` of the pipeline.
const ROWS: [(&str, Slow, Option<usize>); 24] = [
    ("one slow layer, transfers = 4", Slow::Layers(1), Some(4)),
    ("8 slow layers, transfers = 4", Slow::Layers(8), Some(4)),
    ("30 slow layers", Slow::Layers(30), None),
    ("one slow manifest", Slow::Manifest, None),
    ("one slow config that a filter reads", Slow::Config, None),
    ("one slow upload", Slow::Upload, None),
    ("one slow tag list", Slow::TagList, None),
    ("a slow credential helper, the others want no login", Slow::Helper { others_log_in: false }, None),
    ("a slow credential helper, the others have a login", Slow::Helper { others_log_in: true }, None),
    ("a silent source, 1 image", Slow::SilentSource(1), None),
    ("a silent source, 40 images", Slow::SilentSource(40), None),
    ("a silent source, 100 tags of one repository", Slow::SilentTags(100), None),
    ("a silent source, 40 lists", Slow::SilentList(40), None),
    ("a silent destination, 1 image", Slow::SilentDestination(1), None),
    ("a silent destination, 40 images", Slow::SilentDestination(40), None),
    ("a host that throttles 30 manifests", Slow::ThrottledManifests(30), None),
    ("a host that throttles 60 manifests", Slow::ThrottledManifests(60), None),
    ("a host that throttles 1,200 manifests", Slow::ThrottledManifests(1200), None),
    ("a host that throttles 30 blobs", Slow::ThrottledBlobs(30), None),
    ("a host that throttles 60 blobs, transfers = 4", Slow::ThrottledBlobs(60), Some(4)),
    ("a host that fails 30 blobs, transfers = 4", Slow::FailingBlobs(30), Some(4)),
    ("a host that fails 60 blobs", Slow::FailingBlobs(60), None),
    ("a host that breaks 30 blobs in the middle, transfers = 4", Slow::BreakingBlobs(30), Some(4)),
    ("a slow upload and a signature tag in each of 20 repositories", Slow::UploadsWithSignatures(20), None),
];

/// Plays all rows whose name contains a text, and prints them. Returns true if one takes too long.
pub(crate) async fn run(program: &Path, rounds: usize, only: &str) -> Result<bool> {
    let dir = tempfile::tempdir()?;
    let store = Server::start(ServeOptions::new(dir.path()).writable().throwaway()).await?;
    note("filling the source");
    let small = |number: usize| image("linux/amd64", &[&format!("layer {number}")]);
    put(&store, "good/app", OTHERS, "v1", small).await;
    say("| the slow thing | alone, s | beside it, s | times |\n|---|--:|--:|--:|");
    let mut missed = false;
    for (name, slow, transfers) in ROWS.iter().filter(|(name, ..)| name.contains(only)) {
        let (mut alone, mut beside) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            note(name);
            let scene = Scene::new(&store, *slow, *transfers).await?;
            alone.push(scene.time(program, false).await?);
            beside.push(scene.time(program, true).await?);
        }
        let is_over = beside.iter().filter(|time| **time >= LONG.as_secs_f64()).count() * 2 > rounds;
        let times = median(beside.iter().zip(&alone).map(|(beside, alone)| beside / alone)).unwrap_or_default();
        let of = |times: Vec<f64>| median(times).unwrap_or_default();
        let more = if is_over { "more than " } else { "" };
        say(&format!("| {name} | {:.2} | {:.2} | {more}{times:.1} |", of(alone), of(beside)));
        missed |= times > LIMIT;
    }
    Ok(missed)
}

/// Puts images into repositories with numbers.
async fn put(store: &Server, path: &str, count: usize, tag: &str, image: impl Fn(usize) -> Image) {
    let content = Content::at(&format!("http://{}", store.addr()));
    for number in 0..count {
        content.put(&format!("{path}{number}"), tag, &image(number)).await;
    }
}

/// Two sources with the same content, of which one has the small images, and a pipeline.
struct Scene {
    good: FaultRegistry,
    bad: FaultRegistry,
    /// Connections to it are accepted by the system, and never by us.
    silent: TcpListener,
    home: TempDir,
    slow: Slow,
    transfers: Option<usize>,
}

impl Scene {
    async fn new(store: &Server, slow: Slow, transfers: Option<usize>) -> Result<Self> {
        let good = FaultRegistry::before(store.addr()).await;
        let bad = FaultRegistry::before(store.addr()).await;
        let silent = TcpListener::bind("127.0.0.1:0")?;
        let scene = Self { good, bad, silent, home: tempfile::tempdir()?, slow, transfers };
        scene.prepare(store).await?;
        Ok(scene)
    }

    async fn prepare(&self, store: &Server) -> Result<()> {
        let throttle = || Act::Say(Answer::status(429).header("retry-after", 30));
        let layered = |layers: usize| {
            move |_| {
                let layers: Vec<_> = (0..layers).map(|layer| format!("slow {layer} ").repeat(100_000)).collect();
                image("linux/amd64", &layers.iter().map(String::as_str).collect::<Vec<_>>())
            }
        };
        let marked = |number| image("linux/amd64", &[&format!("slow layer {number} ").repeat(10_000)]);
        let trickle = Act::Throttle { bytes_per_second: 10_000 };
        match self.slow {
            Slow::Layers(layers) => {
                put(store, "slow/app", 1, "v1", layered(layers)).await;
                self.good.will(Fault::on("GET", "/slow/app0/blobs/").act(trickle));
            }
            Slow::Manifest | Slow::Config | Slow::TagList => {
                put(store, "slow/app", 1, "v1", marked).await;
                let path = match self.slow {
                    Slow::Manifest => "/slow/app0/manifests/".to_owned(),
                    Slow::Config => format!("/slow/app0/blobs/{}", marked(0).blobs[0].0.digest),
                    _ => "/slow/app0/tags/".to_owned(),
                };
                self.good.will(Fault::on("GET", path).act(Act::Late(LONG)));
            }
            Slow::SilentSource(_) | Slow::SilentTags(_) | Slow::SilentList(_) => {}
            Slow::Upload | Slow::SilentDestination(_) => {
                put(store, "slow/app", self.count(), "v1", marked).await;
            }
            Slow::Helper { others_log_in } => {
                put(store, "slow/app", 1, "v1", marked).await;
                self.bad.guard(guard());
                if others_log_in {
                    self.good.guard(guard());
                }
                self.log_in(others_log_in)?;
            }
            Slow::ThrottledManifests(_) => {
                self.bad.will(Fault::on("*", "/manifests/").act(throttle()));
            }
            Slow::ThrottledBlobs(count) | Slow::FailingBlobs(count) | Slow::BreakingBlobs(count) => {
                put(store, "slow/app", count, "v1", marked).await;
                let act = match self.slow {
                    Slow::ThrottledBlobs(_) => throttle(),
                    Slow::FailingBlobs(_) => Act::Say(Answer::status(500)),
                    _ => Act::Cut { after: 50, end: End::Reset },
                };
                self.bad.will(Fault::on("GET", "/blobs/sha256").act(act));
            }
            Slow::UploadsWithSignatures(count) => {
                let signature = |number: usize| {
                    let config = format!("{{\"signature\":{number}}}");
                    artifact(well_known::OCI_CONFIG, &config, &[&format!("signature {number}")], &[])
                };
                put(store, "slow/app", count, "v1", marked).await;
                for number in 0..count {
                    let digest = marked(number).manifest.digest().to_string();
                    let tag = format!("{}.sig", digest.replace(':', "-"));
                    let at = Content::at(&format!("http://{}", store.addr()));
                    at.put(&format!("slow/app{number}"), &tag, &signature(number)).await;
                }
            }
        }
        Ok(())
    }

    /// Writes a login file for all registries, and a helper for the bad one that takes long.
    fn log_in(&self, others_log_in: bool) -> Result<()> {
        let helper = self.home.path().join("docker-credential-slow");
        let answer = format!("{{\"Username\":\"miner\",\"Secret\":\"{PASSWORD}\"}}");
        std::fs::write(&helper, format!("#!/bin/sh\nsleep 30\necho '{answer}'\n"))?;
        std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755))?;
        let auths = match others_log_in {
            true => format!("\"{}\": {{ \"username\": \"miner\", \"password\": \"{PASSWORD}\" }}", self.good.host()),
            false => String::new(),
        };
        let bad = self.bad.host();
        let text = format!("{{ \"auths\": {{ {auths} }}, \"credHelpers\": {{ \"{bad}\": \"slow\" }} }}");
        std::fs::create_dir(self.home.path().join(".docker"))?;
        Ok(std::fs::write(self.home.path().join(".docker/config.json"), text)?)
    }

    /// The number of slow images.
    fn count(&self) -> usize {
        match self.slow {
            Slow::SilentSource(count)
            | Slow::SilentList(count)
            | Slow::SilentDestination(count)
            | Slow::ThrottledManifests(count)
            | Slow::ThrottledBlobs(count)
            | Slow::FailingBlobs(count)
            | Slow::BreakingBlobs(count)
            | Slow::UploadsWithSignatures(count) => count,
            _ => 1,
        }
    }

    /// The rules of the slow images, which stand first.
    fn slow_rules(&self, to: &str) -> String {
        let silent = self.silent.local_addr().map(|addr: SocketAddr| addr.to_string()).unwrap_or_default();
        let (good, bad) = (self.good.host(), self.bad.host());
        let (from, versions, to) = match self.slow {
            Slow::Layers(_) | Slow::Manifest | Slow::Config | Slow::Upload => (good, ":v1", to),
            Slow::TagList => (good, ":/^v/", to),
            Slow::SilentSource(_) | Slow::SilentTags(_) => (silent, ":v1", to),
            Slow::SilentList(_) => (silent, ":/^v/", to),
            Slow::SilentDestination(_) => (good, ":v1", silent.as_str()),
            Slow::UploadsWithSignatures(_) => (good, "", to),
            _ => (bad, ":v1", to),
        };
        if let Slow::SilentTags(count) = self.slow {
            let tags: Vec<_> = (0..count).map(|tag| format!("v{tag}")).collect();
            return format!("{{ from = \"{from}/slow/app:{}\", to = [\"{to}/slow/app\"] }},\n", tags.join(","));
        }
        let rule = |number: usize| {
            format!("{{ from = \"{from}/slow/app{number}{versions}\", to = [\"{to}/slow/app{number}\"] }},\n")
        };
        (0..self.count()).map(rule).collect()
    }

    fn pipeline(&self, to: &str, is_beside: bool) -> String {
        let transfers = self.transfers.map(|transfers| format!("transfers = {transfers}\n")).unwrap_or_default();
        let mut text = format!("name = \"fairness\"\n[run]\n{transfers}[list]\nuse = \"registry\"\nimages = [\n");
        if is_beside {
            text += &self.slow_rules(to);
        }
        let versions = if matches!(self.slow, Slow::TagList | Slow::SilentList(_)) { ":/^v/" } else { ":v1" };
        for number in 0..OTHERS {
            let from = self.good.host();
            text += &format!("{{ from = \"{from}/good/app{number}{versions}\", to = [\"{to}/good/app{number}\"] }},\n");
        }
        text += "]\n";
        if matches!(self.slow, Slow::Config) {
            text += "[[filter]]\nuse = \"platform\"\nkeep = [\"linux/amd64\"]\n";
        }
        text + "[[push]]\nuse = \"registry\"\n"
    }

    /// Returns the seconds after which nine of ten of the small images arrived.
    async fn time(&self, program: &Path, is_beside: bool) -> Result<f64> {
        let to = FaultRegistry::start().await;
        if matches!(self.slow, Slow::Upload | Slow::UploadsWithSignatures(_)) {
            to.will(Fault::on("PUT", "/slow/app*/blobs/uploads/").act(Act::Late(LONG)));
        }
        let home = self.home.path();
        std::fs::write(home.join("fairness.toml"), self.pipeline(&to.host(), is_beside))?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(home.to_owned()).chain(std::env::split_paths(&path)))?;
        let began = Instant::now();
        let said = std::fs::File::create(home.join("said.log"))?;
        let mut command = Command::new(program);
        command.args(["run", "fairness.toml"]).current_dir(home).env("HOME", home).env("PATH", path);
        command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
        let mut child = Running(command.spawn().context("cannot start sealift")?);
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let journal = to.journal();
            let mut arrived: Vec<_> = journal.of("PUT", "/good/app*/manifests/").filter_map(|put| put.at).collect();
            if arrived.len() >= OTHERS * 9 / 10 {
                arrived.sort_unstable();
                return Ok((arrived[OTHERS * 9 / 10 - 1] - began).as_secs_f64());
            }
            if began.elapsed() >= LONG {
                return Ok(LONG.as_secs_f64());
            }
            let has_ended = child.0.try_wait()?.is_some();
            let said = || std::fs::read_to_string(home.join("said.log")).unwrap_or_default();
            anyhow::ensure!(!has_ended, "sealift ended after {} of the images: {}", arrived.len(), said());
        }
    }
}

fn guard() -> Guard {
    Guard { username: "miner".to_owned(), password: PASSWORD.to_owned(), token: "token".to_owned() }
}

/// A run that is ended when this is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill(); // it may have ended
        let _ = self.0.wait();
    }
}
