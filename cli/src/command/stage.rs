//! `sealift stage`: from registries into a directory that is carried.

use std::path::{Path, PathBuf};

use super::perform::translated;
use crate::{
    args::{Emptiness, Instead, Kept, Pace, Platforms, Referrers, Savings, maybe_file},
    session::{Refused, Session},
    translate::Translation,
};

/// Bring images into a directory (an OCI image layout), to be carried over an air gap
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to stage, such as `quay.io/coreos/etcd:v3.5.0`; without tag or digest it is `latest`
    #[arg(value_name = "IMAGE")]
    pub(crate) sources: Vec<String>,

    /// Rules in image-syncer's format (.yaml, .yml or .json); their destinations are noted for `sealift load`
    #[arg(long, value_name = "FILE", value_parser = maybe_file())]
    images: Option<PathBuf>,

    /// Credentials in image-syncer's format; without it Docker's and Podman's, then anonymous
    #[arg(long, value_name = "FILE", value_parser = maybe_file())]
    auth: Option<PathBuf>,

    /// A file with one image in each line; `-` is stdin
    #[arg(long = "file", value_name = "FILE")]
    pub(crate) lists: Vec<PathBuf>,

    /// The directory, made if it is missing; images that are there already stay
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,

    /// Leave out blobs that the other side has: a file of `sealift receipt`, or a directory that was carried before
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) base: Option<PathBuf>,

    /// How other tools see the names: `full` (docker.io/library/nginx:1.27), or `tag` for a single repository
    #[arg(long, value_name = "STYLE", value_parser = ["full", "tag"])]
    pub(crate) ref_style: Option<String>,

    #[command(flatten)]
    pub(crate) pace: Pace,

    #[command(flatten)]
    pub(crate) platforms: Platforms,

    #[command(flatten)]
    pub(crate) referrers: Referrers,

    #[command(flatten)]
    pub(crate) emptiness: Emptiness,

    #[command(flatten)]
    pub(crate) savings: Savings,

    #[command(flatten)]
    kept: Kept,

    #[command(flatten)]
    instead: Instead,
}

impl Args {
    /// The file of rules; an empty name names none.
    pub(crate) fn rules(&self) -> Option<&Path> {
        named(&self.images)
    }

    /// The file of credentials; an empty name names none.
    pub(crate) fn auth(&self) -> Option<&Path> {
        named(&self.auth)
    }
}

fn named(file: &Option<PathBuf>) -> Option<&Path> {
    file.as_deref().filter(|file| !file.as_os_str().is_empty())
}

pub(super) async fn execute(args: &Args, session: &Session) -> Result<u8, Refused> {
    translated(&Translation::try_from(args)?, args.instead, &args.kept, &args.savings.memory, session).await
}
