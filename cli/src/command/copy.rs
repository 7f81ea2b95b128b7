//! `sealift copy`: copies one image ad hoc.

use std::path::PathBuf;

use super::perform::translated;
use crate::{
    args::{Emptiness, Instead, Kept, Referrers, Savings},
    session::{Refused, Session},
    translate::Translation,
};

/// Copy one image to one or several destinations
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to copy, such as `quay.io/coreos/etcd:v3.5.0`, without tag or digest `latest`; or `oci-dir:DIR[:IMAGE]`
    #[arg(value_name = "SRC")]
    pub(crate) source: String,

    /// Where to; without tag it keeps that of the source; or `oci-dir:DIR[:NAME]`
    #[arg(value_name = "DST", required = true)]
    pub(crate) destinations: Vec<String>,

    /// Keep these platforms only, such as `linux/arm64` or `linux/arm/v7`; an index is then rewritten
    #[arg(long = "platform", value_name = "P", value_delimiter = ',')]
    pub(crate) platforms: Vec<String>,

    /// Copy every tag of the repository
    #[arg(long)]
    pub(crate) all_tags: bool,

    /// Push manifests and tags even where the destination already has them
    #[arg(long)]
    pub(crate) force: bool,

    /// Credentials in image-syncer's format; without it Docker's and Podman's, then anonymous
    #[arg(long, value_name = "FILE")]
    pub(crate) auth: Option<PathBuf>,

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
