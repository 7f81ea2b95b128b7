//! A source and a destination that misbehave on cue, and the program between them.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use sealift_conformance::images::Image;
use sealift_core::content::Digest;
use sealift_e2e::program::{Folder, Ran};
use sealift_testkit::{
    canary::Canaries,
    content::Content,
    fault::{FaultRegistry, Guard},
};
use serde_json::Value;

use crate::invariants;

/// Where images go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Registry,
    Directory,
}

/// One image that a run shall bring.
pub(crate) struct Wanted {
    pub(crate) repository: String,
    pub(crate) tag: String,
    pub(crate) digest: Digest,
}

/// Two registries behind logins whose secrets are canaries; where images go to a directory the second one is idle.
pub(crate) struct Scene {
    pub(crate) from: FaultRegistry,
    pub(crate) to: FaultRegistry,
    pub(crate) folder: Folder,
    pub(crate) canaries: Canaries,
    pub(crate) wanted: Vec<Wanted>,
    /// Further rounds over what failed.
    pub(crate) retries: u32,
    kind: To,
}

impl Scene {
    /// Between two registries.
    pub(crate) async fn new() -> Self {
        Self::to(To::Registry).await
    }

    pub(crate) async fn to(kind: To) -> Self {
        let canaries = Canaries::default();
        let (from, to) = (FaultRegistry::start().await, FaultRegistry::start().await);
        for registry in [&from, &to] {
            registry.guard(Guard {
                username: "miner".to_owned(),
                password: canaries.password.clone(),
                token: canaries.token.clone(),
            });
        }
        let folder = Folder::new(env!("CARGO_BIN_EXE_sealift-under-test"));
        let tmp = folder.path("tmp");
        std::fs::create_dir(&tmp).unwrap();
        // Nothing on this machine is reached through a proxy; its password is there to come out.
        let proxy = format!("http://miner:{}@127.0.0.1:1", Canaries::in_urls(&canaries.proxy_password));
        let folder = folder.var("CANARY", &canaries.password).var("TMPDIR", tmp.to_str().unwrap());
        let folder = folder.var("HTTPS_PROXY", &proxy).var("HTTP_PROXY", &proxy);
        Self { from, to, folder, canaries, wanted: Vec::new(), retries: 0, kind }
    }

    /// Puts an image into the source; a run shall bring it.
    pub(crate) async fn wants(&mut self, repository: &str, tag: &str, image: &Image) {
        Content::at(&self.from.url_behind()).put(repository, tag, image).await;
        let (repository, tag) = (repository.to_owned(), tag.to_owned());
        self.wanted.push(Wanted { repository, tag, digest: image.manifest.digest().clone() });
    }

    /// Runs the program over everything that is wanted; it logs all that it can.
    pub(crate) fn run(&self) -> Ran {
        let mut command = self.command();
        // The registries live on the other threads of the test.
        tokio::task::block_in_place(|| command.output().expect("the program can be started").into())
    }

    /// The program that [`Scene::run`] runs, for another one to start it.
    pub(crate) fn command(&self) -> std::process::Command {
        self.write_pipeline("");
        self.folder.command(&["run", "scene.toml", "--json", "-vvv", "--log", "run.log", "--report", "report.json"])
    }

    /// The pipeline of this scene, with more at its end.
    pub(crate) fn write_pipeline(&self, more: &str) {
        self.write_pipeline_to(&self.to.host(), more);
    }

    /// The same with another destination.
    pub(crate) fn write_pipeline_to(&self, to: &str, more: &str) {
        let (from, to) = (self.from.host(), to.to_owned());
        let mut text = format!("name = \"scene\"\n\n[run]\nretries = {}\n", self.retries);
        text += "\n[list]\nuse = \"registry\"\nimages = [\n";
        for Wanted { repository, tag, .. } in &self.wanted {
            text += &format!("    {{ from = \"{from}/{repository}:{tag}\", to = [\"{to}/{repository}\"] }},\n");
        }
        text += "]\n\n[[push]]\n";
        text += match self.kind {
            To::Registry => "use = \"registry\"\n",
            To::Directory => "use = \"oci-dir\"\npath = \"bundle\"\n",
        };
        for host in [from, to] {
            text += &format!("\n[registries.\"{host}\"]\nusername = \"miner\"\npassword = {{ env = \"CANARY\" }}\n");
        }
        self.folder.write("scene.toml", &(text + more));
    }

    /// The layout in which the destination keeps its content.
    pub(crate) fn layout(&self) -> PathBuf {
        match self.kind {
            To::Registry => self.to.dir().to_owned(),
            To::Directory => self.folder.path("bundle"),
        }
    }

    /// The names that an image may have in that layout.
    pub(crate) fn names(&self, wanted: &Wanted) -> [String; 2] {
        let Wanted { repository, tag, .. } = wanted;
        [format!("{repository}:{tag}"), format!("{}/{repository}:{tag}", self.from.host())]
    }

    /// What the program logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path("run.log")).unwrap_or_default()
    }

    pub(crate) fn tmp(&self) -> PathBuf {
        self.folder.path("tmp")
    }

    pub(crate) fn writes_a_directory(&self) -> bool {
        self.kind == To::Directory
    }

    /// That nothing secret is in what it printed or wrote.
    #[track_caller]
    pub(crate) fn assert_no_secret(&self, ran: &Ran) {
        invariants::no_secret_comes_out(self, ran);
    }

    /// Everything that must be true after a run, whatever went wrong in it; ends the faults.
    #[track_caller]
    pub(crate) fn assert_invariants(&self, ran: &Ran) {
        invariants::assert_invariants(self, ran);
    }
}

/// The report that the program printed, at the end or right before what it could not do with it.
#[track_caller]
pub(crate) fn report(ran: &Ran) -> Value {
    let objects = ran.stdout.lines().rev().map(|line| {
        let object: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {}", ran.all()));
        object
    });
    let mut reports = objects.filter(|object| object["event"] == "report");
    reports.next().unwrap_or_else(|| panic!("there is no report: {}", ran.all()))
}

/// The files below a folder, hidden ones too.
pub(crate) fn files(below: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(below) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Waits until something is so, for half a minute at most.
pub(crate) async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !so().await {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
