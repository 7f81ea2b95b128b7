//! The programs that are compared, and the tasks that each of them supports.

mod commands;
mod files;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{corpus::Corpus, scenario::Task};

/// The contender that all others are compared with.
pub(crate) const OURS: &str = "sealift";

/// The same, told to believe a destination that confirms digests.
pub(crate) const TRUSTING: &str = "sealift, verify = destination";

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
    Trusting,
    Skopeo,
    Crane,
    Regsync,
    ImageSyncer,
    Ocync,
    Oras,
}

const KINDS: [(&str, &str, Kind); 8] = [
    (OURS, "sealift", Kind::Sealift),
    (TRUSTING, "sealift", Kind::Trusting),
    ("skopeo", "skopeo", Kind::Skopeo),
    ("crane", "crane", Kind::Crane),
    ("regsync", "regsync", Kind::Regsync),
    ("image-syncer", "image-syncer", Kind::ImageSyncer),
    ("ocync", "ocync", Kind::Ocync),
    ("oras", "oras", Kind::Oras),
];

/// One end of a way.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// A registry: its host, as it stands in references.
    Host(String),
    /// An OCI image layout.
    Directory(PathBuf),
}

/// The source and the destinations of a copy.
pub(crate) struct Way {
    pub(crate) from: Place,
    pub(crate) to: Vec<Place>,
    /// The certificate that contenders must trust, if registries speak https.
    pub(crate) authority: Option<PathBuf>,
}

impl Way {
    fn is_tls(&self) -> bool {
        self.authority.is_some()
    }

    fn hosts(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.from).chain(&self.to).filter_map(|place| match place {
            Place::Host(host) => Some(host.as_str()),
            Place::Directory(_) => None,
        })
    }
}

/// Returns all contenders that are found: ours beside this program or on the path, other builds of it (`beside`, by
/// name and program), and the others on the path.
pub(crate) fn find(only: &[String], beside: &[(String, PathBuf)]) -> Vec<Contender> {
    let own = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.to_owned()));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs: Vec<PathBuf> = own.into_iter().chain(std::env::split_paths(&path)).collect();
    let others = beside.iter().map(|(name, program)| Contender {
        name: name.clone(),
        program: program.clone(),
        kind: Kind::Sealift,
    });
    let found = KINDS
        .into_iter()
        .filter(|(_, program, _)| only.is_empty() || only.iter().any(|wanted| wanted == program))
        .filter_map(|(name, program, kind)| {
            let program = dirs.iter().map(|dir| dir.join(program)).find(|file| file.is_file())?;
            Some(Contender { name: name.to_owned(), program, kind })
        });
    others.chain(found).collect()
}

impl Contender {
    /// The program.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Returns true for builds of Sealift.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self.kind, Kind::Sealift | Kind::Trusting)
    }

    /// Returns true if the program can be configured to do this task with the same images as the result.
    pub(crate) fn does(&self, task: Task) -> bool {
        use Kind::{Crane, ImageSyncer, Ocync, Oras, Regsync, Sealift, Skopeo, Trusting};
        match task {
            Task::Small | Task::Many => self.kind != Trusting,
            Task::Big => true,
            Task::Literal => matches!(self.kind, Sealift | ImageSyncer | Skopeo | Crane | Regsync | Oras),
            Task::Filtered => matches!(self.kind, Sealift | ImageSyncer),
            Task::FanOut => matches!(self.kind, Sealift | ImageSyncer | Ocync),
            Task::Stage | Task::Load => matches!(self.kind, Sealift | Skopeo | Oras),
        }
    }

    /// The commands that do it, one after the other. Files that they need go into `folder`.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub(crate) fn commands(&self, task: Task, corpus: &Corpus, way: &Way, folder: &Path) -> Result<Vec<Command>> {
        let ask = commands::Ask { program: &self.program, task, corpus, way, folder };
        match self.kind {
            Kind::Sealift => ask.sealift(),
            Kind::Trusting => ask.sealift_trusting(),
            Kind::Skopeo => Ok(ask.skopeo()),
            Kind::Crane => Ok(ask.crane()),
            Kind::Regsync => ask.regsync(),
            Kind::ImageSyncer => ask.image_syncer(),
            Kind::Ocync => ask.ocync(),
            Kind::Oras => Ok(ask.oras()),
        }
    }
}
