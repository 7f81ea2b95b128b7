//! `sealift load`: from a directory that was carried into a registry.

use std::path::PathBuf;

use super::perform::translated;
use crate::{
    args::{Emptiness, Instead, Kept, Pace, Platforms, Referrers, Savings},
    session::{Refused, Session},
    translate::Translation,
};

/// Push the images of a directory (an OCI image layout, whoever wrote it) to a registry
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The directory
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,

    /// Where the images go: they keep their paths below this. Without it they go where the rules said that staged them
    #[arg(long, value_name = "HOST[/PREFIX]")]
    pub(crate) to: Option<String>,

    /// Only images with such names; `*` stands for any text: `docker.io/library/nginx`, `quay.io/*`
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) include: Vec<String>,

    /// The destination is Harbor: look first whether its projects are there and take the images
    #[arg(long)]
    pub(crate) harbor: bool,

    /// Create projects that do not exist
    #[arg(long, requires = "harbor")]
    pub(crate) create_projects: bool,

    /// Credentials in image-syncer's format; without it Docker's and Podman's, then anonymous
    #[arg(long, value_name = "FILE")]
    pub(crate) auth: Option<PathBuf>,

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

pub(super) async fn execute(args: &Args, session: &Session) -> Result<u8, Refused> {
    translated(&Translation::try_from(args)?, args.instead, &args.kept, &args.savings.memory, session).await
}
