//! Who takes part, and how each is told to copy a corpus.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::corpus::Corpus;

/// A program that can copy a corpus.
#[derive(Clone, Debug)]
pub(crate) struct Contender {
    /// Its name in the table.
    pub(crate) name: String,
    program: PathBuf,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Sealift,
    Skopeo,
    Crane,
    Regsync,
    ImageSyncer,
    Ocync,
    Oras,
}

/// Where the corpus is and where it goes: hosts, as they stand in references.
pub(crate) struct Way<'a> {
    pub(crate) from: &'a str,
    pub(crate) to: &'a [String],
}

/// Everybody who is found: ours beside this program or on the path, the others on the path.
pub(crate) fn find(only: &[String]) -> Vec<Contender> {
    let kinds = [
        ("sealift", Kind::Sealift),
        ("skopeo", Kind::Skopeo),
        ("crane", Kind::Crane),
        ("regsync", Kind::Regsync),
        ("image-syncer", Kind::ImageSyncer),
        ("ocync", Kind::Ocync),
        ("oras", Kind::Oras),
    ];
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.to_owned()));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs: Vec<PathBuf> = beside.into_iter().chain(std::env::split_paths(&path)).collect();
    kinds
        .into_iter()
        .filter(|(name, _)| only.is_empty() || only.iter().any(|wanted| wanted == name))
        .filter_map(|(name, kind)| {
            let program = dirs.iter().map(|dir| dir.join(name)).find(|file| file.is_file())?;
            Some(Contender { name: name.to_owned(), program, kind })
        })
        .collect()
}

impl Contender {
    /// Whether it is told about several destinations at once.
    pub(crate) fn fans_out(&self) -> bool {
        matches!(self.kind, Kind::Sealift | Kind::ImageSyncer)
    }

    /// The commands that copy the corpus, one after the other. Files that they need go into `folder`.
    pub(crate) fn commands(&self, corpus: &Corpus, way: &Way<'_>, folder: &Path) -> Result<Vec<Command>> {
        let new = || {
            let mut command = Command::new(&self.program);
            command.current_dir(folder).env("HOME", folder);
            command
        };
        let mut commands = Vec::new();
        match self.kind {
            Kind::Sealift | Kind::ImageSyncer => {
                let file = folder.join("images.yaml");
                std::fs::write(&file, rules(corpus, way)).context("cannot write the rules")?;
                let mut command = new();
                if self.kind == Kind::Sealift {
                    command.args(["sync", "--quiet"]);
                }
                command.arg("--images").arg(file);
                if self.kind == Kind::ImageSyncer {
                    let auth = folder.join("auth.yaml");
                    let insecure = |host: &str| format!("\"{host}\": {{insecure: true}}\n");
                    let hosts = std::iter::once(way.from).chain(way.to.iter().map(String::as_str));
                    std::fs::write(&auth, hosts.map(insecure).collect::<String>())
                        .context("cannot write the logins")?;
                    command.arg("--auth").arg(auth);
                }
                commands.push(command);
            }
            Kind::Regsync => {
                let file = folder.join("regsync.yaml");
                std::fs::write(&file, regsync(corpus, way)).context("cannot write the rules")?;
                let mut command = new();
                command.arg("once").arg("-c").arg(file);
                commands.push(command);
            }
            Kind::Ocync => {
                let file = folder.join("ocync.yaml");
                std::fs::write(&file, ocync(corpus, way)).context("cannot write the rules")?;
                let mut command = new();
                command.arg("sync").arg("-c").arg(file);
                commands.push(command);
            }
            Kind::Skopeo => {
                for (repository, to) in pairs(corpus, way) {
                    let project = repository.rsplit_once('/').map_or("", |(project, _)| project);
                    let mut command = new();
                    command.args(["--insecure-policy", "sync", "--all", "--src", "docker", "--dest", "docker"]);
                    command.args(["--src-tls-verify=false", "--dest-tls-verify=false"]);
                    command.arg(format!("{}/{repository}", way.from)).arg(format!("{to}/{project}"));
                    commands.push(command);
                }
            }
            Kind::Crane => {
                for (repository, to) in pairs(corpus, way) {
                    let mut command = new();
                    command.args(["copy", "--insecure", "-a", "-j", "8"]);
                    command.arg(format!("{}/{repository}", way.from)).arg(format!("{to}/{repository}"));
                    commands.push(command);
                }
            }
            Kind::Oras => {
                for (repository, tags) in &corpus.repositories {
                    for (tag, to) in tags.iter().flat_map(|tag| way.to.iter().map(move |to| (tag, to))) {
                        let mut command = new();
                        command.args(["cp", "--from-plain-http", "--to-plain-http"]);
                        command.arg(format!("{}/{repository}:{tag}", way.from)).arg(format!("{to}/{repository}:{tag}"));
                        commands.push(command);
                    }
                }
            }
        }
        Ok(commands)
    }
}

fn pairs<'a>(corpus: &'a Corpus, way: &'a Way<'_>) -> impl Iterator<Item = (&'a String, &'a String)> {
    way.to.iter().flat_map(|to| corpus.repositories.iter().map(move |(repository, _)| (repository, to)))
}

fn rules(corpus: &Corpus, way: &Way<'_>) -> String {
    let mut text = String::new();
    for (repository, _) in &corpus.repositories {
        let _ = writeln!(text, "\"{}/{repository}\":", way.from); // a string takes everything
        for to in way.to {
            let _ = writeln!(text, "  - {to}/{repository}");
        }
    }
    text
}

fn regsync(corpus: &Corpus, way: &Way<'_>) -> String {
    let mut text = "version: 1\ncreds:\n".to_owned();
    for host in std::iter::once(way.from).chain(way.to.iter().map(String::as_str)) {
        let _ = writeln!(text, "  - registry: {host}\n    tls: disabled");
    }
    text.push_str("defaults:\n  parallel: 8\nsync:\n");
    for (repository, to) in pairs(corpus, way) {
        let _ = writeln!(
            text,
            "  - source: {}/{repository}\n    target: {to}/{repository}\n    type: repository",
            way.from
        );
    }
    text
}

fn ocync(corpus: &Corpus, way: &Way<'_>) -> String {
    let mut text = format!("registries:\n  src: {{ url: \"http://{}\" }}\n", way.from);
    for (number, to) in way.to.iter().enumerate() {
        let _ = writeln!(text, "  dst{number}: {{ url: \"http://{to}\" }}");
    }
    text.push_str("mappings:\n");
    for (repository, _) in &corpus.repositories {
        let targets: Vec<String> = (0..way.to.len()).map(|number| format!("dst{number}")).collect();
        let _ = writeln!(
            text,
            "  - from: {repository}\n    to: {repository}\n    source: src\n    targets: [{}]\n    tags: {{ glob: \"*\" }}",
            targets.join(", ")
        );
    }
    text
}
