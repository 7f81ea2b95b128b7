//! `sealift merge`: brings the images of several directories into one.

mod joined;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use joined::{JoinedFetch, JoinedList};
use sealift_core::{
    cache::Cache,
    content::ImageRef,
    diagnostic::Diagnostic,
    spec::{OpenPipeline, Pipeline},
};
use sealift_oci_layout::{ImageCatalog, Layout};

use super::perform::{Extras, load_translated, perform};
use crate::{
    context::Context,
    display::ShowMode,
    options::PlanOptions,
    translation::{OciDirArgument, Translation, path},
    usage_error::UsageError,
};

/// Bring the images of several directories into one
///
/// Names, targets, signatures and SBOMs stay as they are; an image that another program gave no repository, only a tag, is
/// `localhost/DIR:TAG` after its directory, because two directories may have the same tag. The directories that are read
/// are not changed. What one of them lacks or has damaged is taken from another one, so that a delta is completed by what
/// it is a delta to. If two of them have different images under one name, nothing is written.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The directories or tar files, at least two
    #[arg(value_name = "DIR", required = true, num_args = 2..)]
    dirs: Vec<PathBuf>,

    /// The directory that gets all images, made if it is missing; images that are there already stay. A new `FILE.tar`
    /// is possible, too
    #[arg(long, value_name = "DIR")]
    to: PathBuf,

    #[command(flatten)]
    planning: PlanOptions,
}

pub(super) async fn execute(args: &Args, context: &Context) -> Result<u8, UsageError> {
    let to = MergeTarget::of(&args.to)?;
    compare(args, to.path.as_ref()).await?;
    let mode = if args.planning.plan { ShowMode::Plan } else { ShowMode::Run };
    let pipelines: Result<Vec<Pipeline>, UsageError> = args
        .dirs
        .iter()
        .map(|dir| Ok(load_translated(&translation(dir, &to)?, Cache::default(), context)?.pipeline))
        .collect();
    Ok(perform(&joined(pipelines?)?, mode, context, Extras::default().planned(args.planning.detailed_exit_code)).await)
}

/// Joins pipelines of one directory each into one that reads them all.
fn joined(pipelines: Vec<Pipeline>) -> Result<Pipeline, UsageError> {
    let opened: Vec<OpenPipeline> = pipelines.iter().map(Pipeline::open).collect::<Result<_, _>>()?;
    let mut joined = opened.first().expect("at least two directories are named").clone();
    joined.list.stage = Arc::new(JoinedList(opened.iter().map(|one| Arc::clone(&one.list.stage)).collect()));
    joined.fetch.stage = Arc::new(JoinedFetch::new(opened.iter().map(|one| Arc::clone(&one.fetch.stage)).collect()));
    Ok(Pipeline::from(joined))
}

/// What `--to` names.
struct MergeTarget<'a> {
    typed: &'a str,
    kind: &'static str,
    path: &'a str,
}

impl<'a> MergeTarget<'a> {
    fn of(to: &'a Path) -> Result<Self, UsageError> {
        let Some(typed) = to.to_str() else { return Err(path(to, "--to").expect_err("it is not UTF-8")) };
        let (kind, path) = OciDirArgument::place(typed)?;
        match kind {
            "docker-archive" => Err(Diagnostic::error("directories are not merged into a file for `docker load`")
                .hint(format!(
                    "merge into `oci-archive:FILE`; `sealift copy oci-archive:FILE:IMAGE {typed}` makes one of an image"
                ))
                .into()),
            _ => Ok(Self { typed, kind, path }),
        }
    }
}

fn translation(from: &Path, to: &MergeTarget<'_>) -> Result<Translation, UsageError> {
    let mut pipeline = Translation::new("merge");
    pipeline.table("[list]");
    pipeline.key("use", "oci-dir".into(), "");
    pipeline.key("path", path(from, "DIR")?, &from.display().to_string());
    pipeline.table("[[push]]");
    pipeline.key("use", "oci-dir".into(), "");
    let typed = format!("--to {}", to.typed);
    pipeline.key("path", to.path.into(), &typed);
    if let Some(format) = OciDirArgument::archive(to.kind) {
        pipeline.key("archive", format.into(), &typed);
    }
    Ok(pipeline)
}

/// Compares the names of all images before anything is written.
async fn compare(args: &Args, to: &Path) -> Result<(), UsageError> {
    let mut owners = HashMap::new();
    let mut clashes = Vec::new();
    let there = Layout::open_existing(to).await?;
    for dir in &args.dirs {
        note(&Layout::open(dir).await?, &mut owners, &mut clashes).await?;
    }
    if let Some(layout) = there {
        note(&layout, &mut owners, &mut clashes).await?;
    }
    match clashes.is_empty() {
        true => Ok(()),
        false => Err(UsageError(clashes)),
    }
}

async fn note(
    layout: &Layout,
    owners: &mut HashMap<ImageRef, (PathBuf, String)>,
    clashes: &mut Vec<Diagnostic>,
) -> Result<(), UsageError> {
    for image in ImageCatalog::read(layout).await?.images() {
        let digest = image.entry.digest.to_string();
        let first = owners.entry(image.source.clone()).or_insert_with(|| (layout.path().to_owned(), digest.clone()));
        if first.1 != digest {
            let (one, other, name) = (first.0.display(), layout.path().display(), &image.name);
            let message = format!("`{name}` is `{}` in `{one}` and `{digest}` in `{other}`", first.1);
            let hint = match [&first.0, layout.path()].map(|path| path.is_file()) {
                [true, true] => "merge one of the files only".to_owned(),
                [true, false] => format!("keep that of `{one}`: `sealift rm {other} {name}`"),
                [false, true] => format!("keep that of `{other}`: `sealift rm {one} {name}`"),
                [false, false] => format!("keep one of them: `sealift rm {one} {name}` or `sealift rm {other} {name}`"),
            };
            clashes.push(Diagnostic::error(message).hint(hint));
        }
    }
    Ok(())
}
