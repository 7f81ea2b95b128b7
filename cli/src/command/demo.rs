//! `sealift demo`: two registries, a few images, one pipeline; needs nothing but the binary.

use std::{fmt::Write, path::PathBuf};

use sealift_core::{diagnostic::Diagnostic, error::Error, notes::Notes, plugin::Purpose};
use sealift_oci_layout::{Writer, WriterOptions};
use sealift_serve::{
    ServeOptions, Server,
    sample::{Sample, assortment},
};
use tempfile::TempDir;

use super::perform::{Beside, perform};
use crate::{
    display::{Mode, number},
    session::{Refused, Session, load},
};

/// Watch Sealift work: two registries on this machine, a few images, one pipeline
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// The two registries. Dropped, they stop and their directories are removed.
struct Stage {
    source: Server,
    destination: Server,
    // Behind the servers: removed after they stopped.
    _dirs: [TempDir; 2],
}

pub(super) async fn execute(_: &Args, session: &Session) -> Result<u8, Refused> {
    let samples = assortment();
    let stage = Stage::set(&samples).await?;
    let pipeline = pipeline(&samples, &stage);
    say(session, &welcome(&samples, &stage, &pipeline));

    let first = run(&pipeline, session).await?;
    if first != 0 {
        return Ok(first);
    }
    say(session, "\nThe same pipeline once more. Everything is there, so nothing should move:\n");
    stage.forget_requests();
    let second = run(&pipeline, session).await?;
    let farewell = farewell(&stage);
    stage.strike().await?;
    say(session, &farewell);
    Ok(second)
}

/// Runs the pipeline, built anew: what the first run knew is forgotten.
async fn run(pipeline: &str, session: &Session) -> Result<u8, Refused> {
    let loaded = load(pipeline, "demo.toml", PathBuf::new(), Purpose::Run, Notes::default())?;
    Ok(perform(&loaded.pipeline, Mode::Run, session, Beside::default()).await)
}

impl Stage {
    /// Makes two registries, one with the samples and one without anything.
    async fn set(samples: &[Sample]) -> Result<Self, Refused> {
        let dir = || {
            tempfile::Builder::new()
                .prefix("sealift-demo-")
                .tempdir()
                .map_err(|error| Refused::from(Diagnostic::error(format!("cannot make a directory: {error}"))))
        };
        let dirs = [dir()?, dir()?];
        fill(&dirs[0], samples).await.map_err(|error| cannot(&error))?;
        let source = Server::start(ServeOptions::new(dirs[0].path()).record()).await.map_err(|error| cannot(&error))?;
        let options = ServeOptions::new(dirs[1].path()).writable().throwaway().record();
        let destination = Server::start(options).await.map_err(|error| cannot(&error))?;
        Ok(Self { source, destination, _dirs: dirs })
    }

    fn forget_requests(&self) {
        self.source.reset();
        self.destination.reset();
    }

    async fn strike(self) -> Result<(), Refused> {
        self.source.shutdown().await.map_err(|error| cannot(&error))?;
        self.destination.shutdown().await.map_err(|error| cannot(&error))
    }
}

async fn fill(dir: &TempDir, samples: &[Sample]) -> Result<(), Error> {
    let writer = Writer::create(dir.path(), WriterOptions::default()).await?;
    for sample in samples {
        sample.write(&writer).await?;
    }
    writer.commit().await
}

fn cannot(error: &Error) -> Refused {
    let diagnostic = Diagnostic::error(error.message()).note("in the registries of the demo");
    match error.hint_text() {
        Some(hint) => diagnostic.hint(hint).into(),
        None => diagnostic.into(),
    }
}

/// The pipeline: every repository with all its tags.
fn pipeline(samples: &[Sample], stage: &Stage) -> String {
    let (source, destination) = (stage.source.host(), stage.destination.host());
    let mut text = "name = \"demo\"\n\n[list]\nuse = \"registry\"\nimages = [\n".to_owned();
    for repository in repositories(samples) {
        let _ =
            writeln!(text, "  {{ from = \"{source}/{repository}\", to = [\"{destination}/mirror/{repository}\"] }},");
    }
    text + "]\n"
}

fn repositories(samples: &[Sample]) -> Vec<&str> {
    let mut names: Vec<_> = samples.iter().map(|sample| sample.repository.as_str()).collect();
    names.dedup();
    names
}

fn welcome(samples: &[Sample], stage: &Stage, pipeline: &str) -> String {
    let images = samples.iter().map(|sample| sample.tags.len() as u64).sum();
    let repositories = repositories(samples).len() as u64;
    let indented: String = pipeline.lines().map(|line| format!("    {line}").trim_end().to_owned() + "\n").collect();
    format!(
        "Two registries run on this machine: {} has {} in {},\n{} is empty. \
         This pipeline copies from one to the other, all tags, platforms and signatures:\n\n{indented}",
        stage.source.host(),
        number(images, "image"),
        number(repositories, "repository"),
        stage.destination.host(),
    )
}

fn farewell(stage: &Stage) -> String {
    let (source, destination) = (stage.source.requests().total(), stage.destination.requests().total());
    format!(
        "\nThat took {} to the source and {} to the destination: tag lists, and one question\n\
         for each image on each side. The registries are gone now. With images of your own:\n\n\
         \x20   sealift copy quay.io/coreos/etcd:v3.5.0 registry.example.com/mirror/etcd\n\
         \x20   sealift sync --auth auth.yaml --images images.yaml\n\
         \x20   sealift run mirror.toml",
        number(source as u64, "request"),
        number(destination as u64, "request"),
    )
}

fn say(session: &Session, text: &str) {
    if !session.global.json && !session.global.quiet {
        session.console.say(text);
    }
}
