//! `sealift copy`: copies one image.

use sealift_core::{
    content::{ReferenceError, Repository},
    diagnostic::Diagnostic,
};
use toml::{Table, Value};

use super::{image_argument, perform::translated};
use crate::{
    context::Context,
    options::TransferOptions,
    registry_options::RegistryOptions,
    translation::{OciDirArgument, Translation, list},
    usage_error::UsageError,
};

/// Copy one image to one or several destinations
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The image to copy, such as `quay.io/coreos/etcd:v3.5.0`, without tag or digest `latest`; or one on the disk:
    /// `oci-dir:DIR[:IMAGE]`, `oci-archive:FILE[:IMAGE]`, `docker-archive:FILE[:IMAGE]`
    #[arg(value_name = "SRC")]
    source: String,

    /// The destination; without tag it keeps that of the source; or `oci-dir:DIR[:NAME]`, `oci-archive:FILE[:NAME]`,
    /// `docker-archive:FILE[:NAME]` (for `docker load`)
    #[arg(value_name = "DST", required = true)]
    destinations: Vec<String>,

    /// Keep these platforms only, such as `linux/arm64` or `linux/arm/v7`; an index is then rewritten
    #[arg(long = "platform", value_name = "P", value_delimiter = ',')]
    platforms: Vec<String>,

    /// Copy every tag of the repository
    #[arg(long)]
    all_tags: bool,

    /// Push manifests and tags even where the destination already has them
    #[arg(long, conflicts_with = "no_overwrite")]
    force: bool,

    #[command(flatten)]
    registries: RegistryOptions,

    #[command(flatten)]
    transfer: TransferOptions,
}

pub(super) async fn execute(args: &Args, context: &Context) -> Result<u8, UsageError> {
    translated(&Translation::try_from(args)?, &args.transfer.output, context).await
}

impl TryFrom<&Args> for Translation {
    type Error = UsageError;

    fn try_from(args: &Args) -> Result<Self, UsageError> {
        let mut pipeline = Self::new("copy");
        if args.force || !args.transfer.is_default() {
            pipeline.table("[run]");
        }
        if args.force {
            pipeline.key("force", true.into(), "--force");
        }
        pipeline.transfer(&args.transfer);
        let destinations = Destinations::of(args)?;
        let from = OciDirArgument::parse(&args.source)?;
        let from_registry = from.is_none().then_some(args.source.as_str());
        args.registries.write(&mut pipeline, destinations.registries.iter().copied().chain(from_registry))?;
        let mut rule = Table::new();
        pipeline.table("[list]");
        if let Some(dir) = from {
            if args.all_tags {
                return Err(Diagnostic::error("`--all-tags` takes a repository, and the source is a directory")
                    .hint(format!("`sealift load {} --to HOST/PREFIX` copies all images of it", dir.path))
                    .into());
            }
            pipeline.key("use", "oci-dir".into(), "");
            pipeline.key("path", dir.path.into(), &args.source);
            if let Some(image) = dir.image {
                rule.insert("from".into(), image.into());
            }
        } else {
            for (to, _) in &destinations.dirs {
                OciDirArgument::check_platforms(to.kind, !args.platforms.is_empty())?;
            }
            pipeline.key("use", "registry".into(), "");
            rule.insert("from".into(), source(args)?.into());
        }
        if !destinations.registries.is_empty() {
            rule.insert("to".into(), list(&destinations.registries));
        }
        let typed = format!("{} {}", args.source, args.destinations.join(" "));
        pipeline.key("images", Value::Array(vec![Value::Table(rule)]), &typed);

        if !args.platforms.is_empty() {
            pipeline.table("[[filter]]");
            pipeline.key("use", "platform".into(), "");
            let typed = format!("--platform {}", args.platforms.join(","));
            pipeline.key("keep", list(&args.platforms), &typed);
        }
        destinations.write(&mut pipeline);
        Ok(pipeline)
    }
}

/// The destinations of the image.
struct Destinations<'a> {
    registries: Vec<&'a str>,
    /// Directories, each with the argument that named it.
    dirs: Vec<(OciDirArgument<'a>, &'a str)>,
}

impl<'a> Destinations<'a> {
    fn of(args: &'a Args) -> Result<Self, UsageError> {
        let mut all = Self { registries: Vec::new(), dirs: Vec::new() };
        for text in &args.destinations {
            match OciDirArgument::parse(text)? {
                Some(dir) => all.dirs.push((dir, text)),
                None => all.registries.push(checked(text)?),
            }
        }
        Ok(all)
    }

    /// Writes `[[push]]`, which is left out if all destinations are registries.
    fn write(&self, pipeline: &mut Translation) {
        if self.dirs.is_empty() {
            return;
        }
        if !self.registries.is_empty() {
            pipeline.table("[[push]]");
            pipeline.key("use", "registry".into(), "");
        }
        for (dir, typed) in &self.dirs {
            pipeline.table("[[push]]");
            pipeline.key("use", "oci-dir".into(), "");
            pipeline.key("path", dir.path.into(), typed);
            if let Some(format) = OciDirArgument::archive(dir.kind) {
                pipeline.key("archive", format.into(), typed);
            }
            if let Some(image) = dir.image {
                pipeline.key("name", image.into(), typed);
            }
        }
    }
}

/// Refuses a destination that is none: a directory without its prefix, or a registry alone, which would be taken for the
/// name and the tag of an image at Docker Hub.
fn checked(text: &str) -> Result<&str, UsageError> {
    let is_path = text.starts_with(['.', '/', '~']) || text.starts_with("dir:") || text.starts_with("oci:");
    if is_path {
        let path = text.trim_start_matches("dir:").trim_start_matches("oci:");
        return Err(Diagnostic::error(format!("the destination `{text}` is no image name"))
            .hint(format!("write `oci-dir:{path}` for a directory"))
            .into());
    }
    let (host, port) = text.split_once(':').unwrap_or((text, ""));
    let is_host = (host.contains('.') || host == "localhost") && port.bytes().all(|byte| byte.is_ascii_digit());
    if is_host && !text.contains('/') {
        return Err(Diagnostic::error(format!("the destination `{text}` is a registry, and no image in it"))
            .hint(format!("write `{text}/PATH`; an image of this name at Docker Hub is `docker.io/{text}`"))
            .into());
    }
    Ok(text)
}

/// Returns the source as a rule names it. A rule without a tag means all tags; on the command line it means `latest`.
fn source(args: &Args) -> Result<String, UsageError> {
    let wrong = |error: ReferenceError| Diagnostic::error(error.to_string()).note(format!("from `{}`", args.source));
    if !args.all_tags {
        return image_argument::parse(&args.source, "`sealift stage` and the lists of a pipeline read files of images");
    }
    match args.source.parse::<Repository>() {
        Ok(repository) => Ok(repository.to_string()),
        Err(error @ ReferenceError::Versioned(_)) => {
            Err(wrong(error).hint("`--all-tags` takes a repository: leave the tag or digest out").into())
        }
        Err(error) => Err(wrong(error).into()),
    }
}
