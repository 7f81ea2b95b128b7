//! `sealift copy`: copies one image ad hoc.

use std::path::PathBuf;

use sealift_core::plugin::Purpose;

use super::perform::perform;
use crate::{
    args::Referrers,
    display::Mode,
    session::{Refused, Session, load},
    translate::Translation,
};

/// Copy one image to one or several destinations
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to copy, such as `quay.io/coreos/etcd:v3.5.0`; without tag or digest it is `latest`
    #[arg(value_name = "SRC")]
    pub(crate) source: String,

    /// Where to; without tag it keeps that of the source
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

    /// Print what would be done; nothing is written
    #[arg(long)]
    plan: bool,

    /// Print the pipeline that this stands for, and do nothing
    #[arg(long)]
    print_pipeline: bool,
}

pub(super) async fn execute(args: &Args, session: &Session) -> Result<u8, Refused> {
    let translation = Translation::try_from(args)?;
    if args.print_pipeline {
        session.out.text(translation.text());
        return Ok(0);
    }
    let loaded = load(translation.text(), Translation::FILE, PathBuf::new(), Purpose::Run)
        .map_err(|Refused(diagnostics)| translation.explain(diagnostics))?;
    session.show(&translation.explain(loaded.warnings));
    let mode = if args.plan { Mode::Plan } else { Mode::Run };
    Ok(perform(&loaded.pipeline, mode, session, None).await)
}
