//! The input of a suite.

use std::{
    any::Any,
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use sealift_core::{
    cache::Cache,
    diagnostic::Diagnostic,
    login::LoginProvider,
    observer::Observer,
    plugin::{Plugin, Purpose, Role, plugins},
    spec::{LoadOptions, Named, Parts, load_parts},
    stage::{Fetch, Filter, List, Push},
};

use super::{
    Violation,
    samples::{image, put},
};

/// The input of a suite: the part of a pipeline with the stage under test, and its files and variables.
pub struct Given {
    stage: String,
    other_end: Option<String>,
    holds: Option<String>,
    directory: TempDir,
    environment: Arc<BTreeMap<String, String>>,
    keep: Vec<Box<dyn Any + Send + Sync>>,
}

impl Given {
    /// The TOML of the stage, as it stands in a pipeline, with further tables if it needs them:
    /// `[[filter]]`, `use = "suffix"`, `keep = ["-alpine"]`. It must be right. Paths in it start in an empty directory.
    ///
    /// * A login must have one for `registry.acme.example/team/app`. One that knows its hosts
    ///   ([`Plugin::for_hosts`]) is asked for these only: its table says `hosts = ["registry.acme.example"]` here.
    /// * A list must find three repositories or more.
    /// * A push must be an empty place to write to, and place images whose rules have no targets.
    ///
    /// # Panics
    /// If there can be no directory for it.
    pub fn new(stage: impl Into<String>) -> Self {
        Self {
            stage: stage.into(),
            other_end: None,
            holds: None,
            directory: TempDir::new().expect("there is a place for temporary files"),
            environment: Arc::default(),
            keep: Vec::new(),
        }
    }

    /// The TOML of the other end: for a push a `[fetch]` that reads what it wrote, for a fetch a `[[push]]` that fills
    /// what it reads. A push without one is only asked what it has; a fetch without one [`holds`](Self::holds) images.
    #[must_use]
    pub fn other_end(self, stage: impl Into<String>) -> Self {
        Self { other_end: Some(stage.into()), ..self }
    }

    /// For a fetch: the source has all of [`samples`](super::samples) already, named `{prefix}/{name}`.
    #[must_use]
    pub fn holds(self, prefix: impl Into<String>) -> Self {
        Self { holds: Some(prefix.into()), ..self }
    }

    /// A file in the directory where paths start.
    ///
    /// # Panics
    /// If it cannot be written.
    #[must_use]
    pub fn file(self, name: &str, content: &str) -> Self {
        let path = self.directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).expect("directories can be made");
        fs::write(path, content).expect("files can be written");
        self
    }

    /// An environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        Arc::make_mut(&mut self.environment).insert(name.to_owned(), value.to_owned());
        self
    }

    /// Something that must live as long as the test: a server, a directory.
    #[must_use]
    pub fn keep(mut self, guard: impl Any + Send + Sync) -> Self {
        self.keep.push(Box::new(guard));
        self
    }

    /// Small images of these names (`kit/app:v1`), written with this `[[push]]`: for a list that finds what is there.
    ///
    /// # Panics
    /// If they cannot be written.
    pub async fn filled(self, push: &str, names: &[&str]) -> Self {
        let push = self.parts(push).and_then(|parts| first(parts.pushes, "[[push]]"));
        let push = push.unwrap_or_else(|problem| panic!("{problem}"));
        for name in names {
            let written = put(&*push, name, &image("linux/amd64", name)).await;
            written.unwrap_or_else(|problem| panic!("{problem}"));
        }
        push.close().await.expect("what was written can be finished");
        self
    }

    /// Returns the directory that relative paths are resolved against.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Loads the TOML and returns its stages, for additional tests of the plugin's author.
    ///
    /// # Errors
    /// Returns all diagnostics, as a user would see them.
    pub fn loaded(&self) -> Result<Parts, Vec<Diagnostic>> {
        self.load(&self.stage)
    }

    pub(super) fn text(&self) -> &str {
        &self.stage
    }

    pub(super) fn held_at(&self) -> Option<&str> {
        self.holds.as_deref()
    }

    /// Loads a text of TOML with the directory and the environment of this suite.
    pub(super) fn load(&self, text: &str) -> Result<Parts, Vec<Diagnostic>> {
        let environment = Arc::clone(&self.environment);
        let settings = LoadOptions {
            base: self.directory.path().to_owned(),
            environment: Arc::new(move |name| environment.get(name).cloned()),
            purpose: Purpose::Run,
            cache: Cache::default(),
            extensions: Default::default(),
        };
        load_parts(text, "conformance.toml", &settings)
    }

    fn parts(&self, text: &str) -> Result<Parts, Violation> {
        let all = |diagnostics: Vec<Diagnostic>| {
            let lines: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
            format!("the TOML that the suite was given is wrong: {}", lines.join("; "))
        };
        self.load(text).map_err(all)
    }

    pub(super) fn list(&self) -> Result<Arc<dyn List>, Violation> {
        self.parts(&self.stage)?.list.map(|list| list.stage).ok_or_else(|| missing("[list]"))
    }

    pub(super) fn filter(&self) -> Result<Arc<dyn Filter>, Violation> {
        first(self.parts(&self.stage)?.filters, "[[filter]]")
    }

    pub(super) fn fetch(&self) -> Result<Arc<dyn Fetch>, Violation> {
        self.parts(&self.stage)?.fetch.map(|fetch| fetch.stage).ok_or_else(|| missing("[fetch]"))
    }

    pub(super) fn push(&self) -> Result<Arc<dyn Push>, Violation> {
        first(self.parts(&self.stage)?.pushes, "[[push]]")
    }

    pub(super) fn observer(&self) -> Result<Arc<dyn Observer>, Violation> {
        first(self.parts(&self.stage)?.observers, "[[observe]]")
    }

    pub(super) fn login(&self) -> Result<Arc<dyn LoginProvider>, Violation> {
        first(self.parts(&self.stage)?.logins, "[[login]]")
    }

    /// Returns the `[fetch]` that reads the images a push wrote; `None` without an `other_end`.
    pub(super) fn reader(&self) -> Result<Option<Arc<dyn Fetch>>, Violation> {
        let Some(text) = &self.other_end else { return Ok(None) };
        self.parts(text)?.fetch.map(|fetch| Some(fetch.stage)).ok_or_else(|| missing("[fetch] for the other end"))
    }

    /// Returns the `[[push]]` that writes the images a fetch reads.
    pub(super) fn filler(&self) -> Result<Arc<dyn Push>, Violation> {
        let text = self.other_end.as_ref();
        let text = text.ok_or("say what the source has: with `holds`, or with an `other_end` that fills it")?;
        first(self.parts(text)?.pushes, "[[push]] for the other end")
    }

    /// The plugin that is tested.
    pub(super) fn plugin(&self, role: Role) -> Result<&'static Plugin, Violation> {
        let Parts { list, filters, fetch, pushes, observers, logins, .. } = self.parts(&self.stage)?;
        let kind = match role {
            Role::List => list.map(|stage| stage.kind),
            Role::Filter => filters.into_iter().next().map(|stage| stage.kind),
            Role::Fetch => fetch.map(|stage| stage.kind),
            Role::Push => pushes.into_iter().next().map(|stage| stage.kind),
            Role::Observe => observers.into_iter().next().map(|stage| stage.kind),
            Role::Login => logins.into_iter().next().map(|stage| stage.kind),
            _ => None,
        };
        let kind = kind.ok_or_else(|| missing(role.header()))?;
        let found = plugins().into_iter().find(|plugin| plugin.role() == role && plugin.kind() == &*kind);
        found.ok_or_else(|| format!("there is no {} `{kind}`", role.singular()))
    }
}

fn first<S: ?Sized>(stages: Vec<Named<S>>, header: &str) -> Result<Arc<S>, Violation> {
    stages.into_iter().next().map(|stage| stage.stage).ok_or_else(|| missing(header))
}

fn missing(header: &str) -> Violation {
    format!("there is no `{header}` in the TOML that the suite was given")
}

/// A directory that is removed with its content in the end.
struct TempDir(PathBuf);

impl TempDir {
    fn new() -> io::Result<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("sealift-conformance-{}-{count}", process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
