//! `sealift demo`: runs a pipeline between two registries that it starts itself.

use std::{fmt::Write, path::PathBuf};

use sealift_core::{cache::Cache, diagnostic::Diagnostic, error::Error, plugin::Purpose};
use sealift_oci_layout::{Writer, WriterOptions};
use sealift_serve::{
    ServeOptions, Server,
    sample::{Sample, assortment},
};
use tempfile::TempDir;

use super::perform::{Extras, perform};
use crate::{
    context::{Context, load},
    display::{ShowMode, number},
    usage_error::{UsageError, from_error},
};

/// Watch Sealift work: two registries on this machine, a few images, one pipeline
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// The two registries. Dropping them stops the servers and removes their directories.
struct DemoRegistries {
    source: Server,
    destination: Server,
    // Behind the servers: removed after they stopped.
    _dirs: [TempDir; 2],
}

pub(super) async fn execute(_: &Args, context: &Context) -> Result<u8, UsageError> {
    let samples = assortment();
    let registries = DemoRegistries::start(&samples).await?;
    let pipeline = pipeline(&samples, &registries);
    say(context, &welcome(&samples, &registries, &pipeline));

    let first = run(&pipeline, context).await?;
    if first != 0 {
        return Ok(first);
    }
    say(context, "\nThe same pipeline once more. Everything is there, so nothing should move:\n");
    registries.forget_requests();
    let second = run(&pipeline, context).await?;
    let farewell = farewell(&registries);
    registries.stop().await?;
    say(context, &farewell);
    Ok(second)
}

/// Runs the pipeline, which is built anew: nothing of an earlier run is used.
async fn run(pipeline: &str, context: &Context) -> Result<u8, UsageError> {
    let loaded = load(pipeline, "demo.toml", PathBuf::new(), Purpose::Run, Cache::default())?;
    Ok(perform(&loaded.pipeline, ShowMode::Run, context, Extras::default()).await)
}

impl DemoRegistries {
    /// Starts two registries, one with the samples and an empty one.
    async fn start(samples: &[Sample]) -> Result<Self, UsageError> {
        let dir = || {
            tempfile::Builder::new()
                .prefix("sealift-demo-")
                .tempdir()
                .map_err(|error| UsageError::from(Diagnostic::error(format!("cannot make a directory: {error}"))))
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

    async fn stop(self) -> Result<(), UsageError> {
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

fn cannot(error: &Error) -> UsageError {
    from_error(error).note("in the registries of the demo").into()
}

/// Returns the pipeline: every repository with all its tags.
fn pipeline(samples: &[Sample], registries: &DemoRegistries) -> String {
    let (source, destination) = (registries.source.host(), registries.destination.host());
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

fn welcome(samples: &[Sample], registries: &DemoRegistries, pipeline: &str) -> String {
    let images = samples.iter().map(|sample| sample.tags.len() as u64).sum();
    let repositories = repositories(samples).len() as u64;
    let indented: String = pipeline.lines().map(|line| format!("    {line}").trim_end().to_owned() + "\n").collect();
    format!(
        "Two registries run on this machine: {} has {} in {},\n{} is empty. \
         This pipeline copies from one to the other, all tags, platforms and signatures:\n\n{indented}",
        registries.source.host(),
        number(images, "image"),
        number(repositories, "repository"),
        registries.destination.host(),
    )
}

fn farewell(registries: &DemoRegistries) -> String {
    let (source, destination) = (registries.source.requests().total(), registries.destination.requests().total());
    format!(
        "\nThat took {} to the source and {} to the destination: tag lists, the digest of each\n\
         image on each side, images of indexes that might be gone, and signatures that might be new.\n\
         The registries are gone now. With images of your own:\n\n\
         \x20   sealift copy quay.io/coreos/etcd:v3.5.0 registry.example.com/mirror/etcd\n\
         \x20   sealift sync --auth auth.yaml --images images.yaml\n\
         \x20   sealift run mirror.toml",
        number(source as u64, "request"),
        number(destination as u64, "request"),
    )
}

fn say(context: &Context, text: &str) {
    if !context.global.json && !context.global.quiet {
        context.console.say(text);
    }
}
