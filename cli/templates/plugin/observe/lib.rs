//! An observer that appends a line to a file for each image that was written, and one for each run.
//!
//! The struct is what users write, the traits are what it does, the last line makes it known. The texts
//! that `sealift plugins` and `sealift explain observe my-plugin` show are the doc comments of the struct.

use std::path::{Path, PathBuf};

use sealift_core::{
    async_trait,
    error::{Error, ErrorKind, Result},
    event::Event,
    job::Outcome,
    observer::Observer,
    plugin::{BuildContext, ConfigError, Plugin, StageConfig},
    schemars::JsonSchema,
    serde::Deserialize,
};
use tokio::{fs::OpenOptions, io::AsyncWriteExt};

/// Appends a line to a file for each image that was written, and one for each run.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, crate = "sealift_core::serde")]
#[schemars(crate = "sealift_core::schemars")]
pub struct Config {
    /// The file, such as `images.log`. A relative path starts at the pipeline file.
    #[schemars(example = &"images.log")]
    pub path: String,
}

impl StageConfig<dyn Observer> for Config {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn Observer>, ConfigError> {
        if self.path.trim().is_empty() {
            return Err(ConfigError::new("the path is empty").at("path"));
        }
        Ok(Box::new(Log {
            path: cx.path(self.path),
        }))
    }
}

/// The observer. It has a thread of its own: what it does takes no time from the run.
struct Log {
    path: PathBuf,
}

#[async_trait]
impl Observer for Log {
    async fn event(&self, event: &Event) -> Result<()> {
        match line(event) {
            Some(line) => append(&self.path, &line)
                .await
                .map_err(|error| cannot_write(&self.path, error)),
            None => Ok(()),
        }
    }
}

/// The line for an event, if it has one.
fn line(event: &Event) -> Option<String> {
    match event {
        Event::TargetFinished {
            source,
            target: Some(target),
            outcome: Outcome::Copied(stats),
            ..
        } => Some(format!("{source} {target} {}\n", stats.bytes)),
        Event::RunFinished { report } => {
            Some(format!("{}: {} copied\n", report.name, report.copied))
        }
        _ => None,
    }
}

async fn append(path: &Path, line: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .await?;
    file.write_all(line.as_bytes()).await?;
    file.flush().await
}

/// An error is a warning in the report, and the run goes on.
fn cannot_write(path: &Path, error: std::io::Error) -> Error {
    let message = format!("cannot write to `{}`: {error}", path.display());
    Error::new(ErrorKind::Storage, message).with_source(error)
}

sealift_core::inventory::submit! { Plugin::observer::<Config>("my-plugin") }

#[cfg(test)]
mod tests;
