//! `sealift stage`: copies images into a directory that is carried over an air gap.

mod sources;

use std::path::PathBuf;

use super::perform::translated;
use crate::{
    context::Context,
    options::BulkOptions,
    registry_options::RegistryOptions,
    translation::{OciDirArgument, Translation, path},
    usage_error::UsageError,
};

/// Bring images into a directory (an OCI image layout), to be carried over an air gap
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    sources: sources::SourceOptions,

    #[command(flatten)]
    registries: RegistryOptions,

    /// The directory, made if it is missing, where images that are there already stay; or a new file: `bundle.tar`,
    /// `docker-archive:images.tar` (for `docker load`)
    #[arg(long, value_name = "DIR|FILE.tar")]
    to: PathBuf,

    /// Leave out blobs that the other side has: a file of `sealift receipt`, or a directory that was carried before
    #[arg(long, value_name = "FILE|DIR")]
    base: Option<PathBuf>,

    /// The form in which other tools see the names: `full` (docker.io/library/nginx:1.27), or `tag` for a single repository
    #[arg(long, value_name = "STYLE", value_parser = ["full", "tag"])]
    ref_style: Option<String>,

    /// Remove everything else from the directory afterwards, so that it has what was asked for and nothing more
    #[arg(long, conflicts_with = "no_overwrite")]
    exact: bool,

    #[command(flatten)]
    bulk: BulkOptions,
}

pub(super) async fn execute(args: &Args, context: &Context) -> Result<u8, UsageError> {
    translated(&Translation::try_from(args)?, &args.bulk.transfer.output, context).await
}

impl TryFrom<&Args> for Translation {
    type Error = UsageError;

    fn try_from(args: &Args) -> Result<Self, UsageError> {
        let mut pipeline = Self::new("stage");
        pipeline.run(&args.bulk);
        args.registries.write(&mut pipeline, args.sources.images())?;
        args.sources.write(&mut pipeline, args.registries.connection.reads_stdin())?;
        pipeline.platforms(&args.bulk.platforms);

        pipeline.table("[[push]]");
        let Some(to) = args.to.to_str() else { return Err(path(&args.to, "--to").expect_err("it is not UTF-8")) };
        let (kind, place) = OciDirArgument::place(to)?;
        OciDirArgument::check_platforms(kind, args.bulk.platforms.keys().next().is_some())?;
        pipeline.key("use", "oci-dir".into(), "");
        pipeline.key("path", place.into(), &format!("--to {to}"));
        if let Some(format) = OciDirArgument::archive(kind) {
            pipeline.key("archive", format.into(), &format!("--to {to}"));
        }
        if let Some(style) = &args.ref_style {
            pipeline.key("ref_style", style.as_str().into(), &format!("--ref-style {style}"));
        }
        if let Some(base) = &args.base {
            pipeline.key("base", path(base, "--base")?, &format!("--base {}", base.display()));
        }
        if args.exact {
            pipeline.key("exact", true.into(), "--exact");
        }
        Ok(pipeline)
    }
}
