//! The command lines of each contender; some tasks take several commands.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::{Place, Way, files};
use crate::{corpus::Corpus, scenario::Task};

/// The input for the command lines of one contender and task.
pub(super) struct Ask<'a> {
    pub(super) program: &'a Path,
    pub(super) task: Task,
    pub(super) corpus: &'a Corpus,
    pub(super) way: &'a Way,
    pub(super) folder: &'a Path,
}

impl Ask<'_> {
    pub(super) fn sealift(&self) -> Result<Vec<Command>> {
        let mut command = self.start();
        match (&self.way.from, &self.way.to[..]) {
            (Place::Directory(dir), [Place::Host(to), ..]) => {
                command.arg("load").arg(dir).args(["--to", to]);
            }
            (_, [Place::Directory(dir), ..]) => {
                command.arg("stage").arg("--images").arg(self.file("images.yaml", &self.rules())?);
                command.arg("--to").arg(dir);
            }
            _ => {
                command.arg("sync").arg("--images").arg(self.file("images.yaml", &self.rules())?);
            }
        }
        command.arg("--quiet").args(self.platform());
        Ok(vec![command])
    }

    pub(super) fn sealift_trusting(&self) -> Result<Vec<Command>> {
        self.file("images.yaml", &self.rules())?;
        let mut command = self.start();
        command.args(["run", "--quiet"]).arg(self.file("trusting.toml", files::TRUSTING)?);
        Ok(vec![command])
    }

    pub(super) fn image_syncer(&self) -> Result<Vec<Command>> {
        let mut command = self.start();
        command.arg("--images").arg(self.file("images.yaml", &self.rules())?);
        command.arg("--auth").arg(self.file("auth.yaml", &files::insecure(self.way))?);
        command.args(self.platform());
        Ok(vec![command])
    }

    pub(super) fn regsync(&self) -> Result<Vec<Command>> {
        let literal = self.task == Task::Literal;
        let mut command = self.start();
        command.args(["once", "-c"]).arg(self.file("regsync.yaml", &files::regsync(self.corpus, self.way, literal))?);
        Ok(vec![command])
    }

    pub(super) fn ocync(&self) -> Result<Vec<Command>> {
        let mut command = self.start();
        command.args(["sync", "-c"]).arg(self.file("ocync.yaml", &files::ocync(self.corpus, self.way))?);
        Ok(vec![command])
    }

    /// Whole repositories with `sync`; single images, and everything with a directory at one end, with `copy`.
    pub(super) fn skopeo(&self) -> Vec<Command> {
        let verify: &[&str] =
            if self.way.is_tls() { &[] } else { &["--src-tls-verify=false", "--dest-tls-verify=false"] };
        if matches!(self.task, Task::Literal | Task::Stage | Task::Load) {
            return self.each_image(|command, from, to| {
                command.args(["--insecure-policy", "copy", "--all", "--quiet"]);
                command.args(verify);
                command.arg(transport(from)).arg(transport(to));
            });
        }
        self.each_repository(|command, repository, from, to| {
            let project = repository.rsplit_once('/').map_or("", |(project, _)| project);
            command.args(["--insecure-policy", "sync", "--all", "--src", "docker", "--dest", "docker"]);
            command.args(verify);
            command.arg(format!("{from}/{repository}")).arg(format!("{to}/{project}"));
        })
    }

    pub(super) fn crane(&self) -> Vec<Command> {
        let plain: &[&str] = if self.way.is_tls() { &[] } else { &["--insecure"] };
        if self.task == Task::Literal {
            return self.each_image(|command, from, to| {
                command.arg("copy").args(plain).arg(from.plain()).arg(to.plain());
            });
        }
        self.each_repository(|command, repository, from, to| {
            command.args(["copy", "-a", "-j", "8"]).args(plain);
            command.arg(format!("{from}/{repository}")).arg(format!("{to}/{repository}"));
        })
    }

    pub(super) fn oras(&self) -> Vec<Command> {
        self.each_image(|command, from, to| {
            command.arg("cp");
            for (image, layout, plain) in
                [(from, "--from-oci-layout", "--from-plain-http"), (to, "--to-oci-layout", "--to-plain-http")]
            {
                match image.in_directory() {
                    true => _ = command.arg(layout),
                    false if self.way.is_tls() => {}
                    false => _ = command.arg(plain),
                }
            }
            command.arg(from.plain()).arg(to.plain());
        })
    }

    fn start(&self) -> Command {
        let mut command = Command::new(self.program);
        // Independent of the user's configuration and caches: home and cache directory are in this folder.
        command.current_dir(self.folder).env("HOME", self.folder).env("XDG_CACHE_HOME", self.folder.join(".cache"));
        command.envs(self.way.authority.iter().map(|file| ("SSL_CERT_FILE", file)));
        command
    }

    fn file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let file = self.folder.join(name);
        std::fs::write(&file, text).with_context(|| format!("cannot write `{}`", file.display()))?;
        Ok(file)
    }

    fn rules(&self) -> String {
        files::rules(self.corpus, self.way, self.task == Task::Literal)
    }

    fn platform(&self) -> &[&str] {
        if self.task == Task::Filtered { &["--os", "linux", "--arch", "amd64"] } else { &[] }
    }

    fn each_repository(&self, tell: impl Fn(&mut Command, &str, &str, &str)) -> Vec<Command> {
        let mut commands = Vec::new();
        let Place::Host(from) = &self.way.from else { return commands };
        for to in &self.way.to {
            let Place::Host(to) = to else { continue };
            for (repository, _) in &self.corpus.repositories {
                let mut command = self.start();
                tell(&mut command, repository, from, to);
                commands.push(command);
            }
        }
        commands
    }

    fn each_image(&self, tell: impl Fn(&mut Command, &Image<'_>, &Image<'_>)) -> Vec<Command> {
        let mut commands = Vec::new();
        for (repository, tags) in &self.corpus.repositories {
            for (tag, to) in tags.iter().flat_map(|tag| self.way.to.iter().map(move |to| (tag, to))) {
                let image = |place| Image { place, repository, tag };
                let mut command = self.start();
                tell(&mut command, &image(&self.way.from), &image(to));
                commands.push(command);
            }
        }
        commands
    }
}

/// An image at one end of the way.
struct Image<'a> {
    place: &'a Place,
    repository: &'a str,
    tag: &'a str,
}

impl Image<'_> {
    fn in_directory(&self) -> bool {
        matches!(self.place, Place::Directory(_))
    }

    /// `host/repository:tag`, or `directory:tag`; one directory has the tags of all repositories.
    fn plain(&self) -> String {
        let Self { repository, tag, .. } = self;
        match self.place {
            Place::Host(host) => format!("{host}/{repository}:{tag}"),
            Place::Directory(dir) => format!("{}:{}-{tag}", dir.display(), repository.replace('/', "-")),
        }
    }
}

fn transport(image: &Image<'_>) -> String {
    format!("{}{}", if image.in_directory() { "oci:" } else { "docker://" }, image.plain())
}
