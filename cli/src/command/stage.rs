//! `sealift stage`: copies images into a directory that is carried over an air gap.

use std::path::PathBuf;

use sealift_core::{content::FullReference, diagnostic::Diagnostic};

use super::perform::translated;
use crate::{
    context::Context,
    options::{AuthOptions, BulkOptions, maybe_file, not_empty},
    translation::{OciDirArgument, Translation, list, path},
    usage_error::UsageError,
};

/// Bring images into a directory (an OCI image layout), to be carried over an air gap
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The images to stage, such as `quay.io/coreos/etcd:v3.5.0`; without tag or digest it is `latest`
    #[arg(value_name = "IMAGE")]
    sources: Vec<String>,

    /// Rules in image-syncer's format (.yaml, .yml or .json); their destinations are noted for `sealift load`
    #[arg(long, value_name = "FILE", value_parser = maybe_file())]
    images: Option<PathBuf>,

    #[command(flatten)]
    auth: AuthOptions,

    /// A file with one image in each line; `-` is stdin
    #[arg(long = "file", value_name = "FILE")]
    lists: Vec<PathBuf>,

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
    #[arg(long)]
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
        pipeline.credentials(args.auth.file())?;
        write_list(&mut pipeline, args)?;
        pipeline.platforms(&args.bulk.platforms);

        pipeline.table("[[push]]");
        let Some(to) = args.to.to_str() else { return Err(path(&args.to, "--to").expect_err("it is not UTF-8")) };
        let (kind, place) = OciDirArgument::place(to);
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

/// Writes `[list]`: images are named, listed in files, or given by rules.
fn write_list(pipeline: &mut Translation, args: &Args) -> Result<(), UsageError> {
    let rules = not_empty(args.images.as_deref());
    let ways = [!args.sources.is_empty(), rules.is_some(), !args.lists.is_empty()];
    match ways.iter().filter(|way| **way).count() {
        1 => {}
        0 => {
            return Err(Diagnostic::error("it is not said which images to stage")
                .hint("name them, or give `--images images.yaml` or `--file images.txt`")
                .into());
        }
        _ => {
            return Err(Diagnostic::error("images are named in several ways, and only one goes at a time")
                .hint("stage them one after the other: the same directory takes them all")
                .into());
        }
    }
    pipeline.table("[list]");
    if let Some(rules) = rules {
        pipeline.key("use", "registry".into(), "");
        pipeline.key("rules", path(rules, "--images")?, &format!("--images {}", rules.display()));
    } else if !args.lists.is_empty() {
        pipeline.key("use", "text".into(), "");
        let files: Vec<_> = args.lists.iter().map(|file| path(file, "--file")).collect::<Result<_, _>>()?;
        let files: Vec<&str> = files.iter().filter_map(toml::Value::as_str).collect();
        pipeline.key("files", list(&files), &format!("--file {}", files.join(" --file ")));
    } else {
        pipeline.key("use", "registry".into(), "");
        for source in &args.sources {
            let image = FullReference::parse_or_latest(source)
                .map_err(|error| Diagnostic::error(error.to_string()).note(format!("from `{source}`")))?;
            pipeline.table("[[list.images]]");
            pipeline.key("from", image.to_string().into(), source);
        }
    }
    Ok(())
}
