//! `sealift load`: pushes the images of a directory to a registry.

use std::path::PathBuf;

use super::perform::translated;
use crate::{
    context::Context,
    options::{BulkOptions, trimmed},
    registry_options::RegistryOptions,
    translation::{Translation, list, path},
    usage_error::UsageError,
};

/// Push the images of a directory (an OCI image layout of any tool) to a registry
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The directory, or a tar file: an OCI image layout, or what `docker save` writes
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// The destination: images keep their paths below it. Without it they go where the rules said that staged them
    #[arg(long, value_name = "HOST[/PREFIX]")]
    to: Option<String>,

    /// Only images with such names; `*` stands for any text: `docker.io/library/nginx`, `quay.io/*`
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    include: Vec<String>,

    /// The destination is Harbor: look first whether its projects are there and take the images
    #[arg(long)]
    harbor: bool,

    /// Create projects that do not exist
    #[arg(long, requires = "harbor")]
    create_projects: bool,

    #[command(flatten)]
    registries: RegistryOptions,

    #[command(flatten)]
    bulk: BulkOptions,
}

pub(super) async fn execute(args: &Args, context: &Context) -> Result<u8, UsageError> {
    translated(&Translation::try_from(args)?, &args.bulk.transfer.output, context).await
}

impl TryFrom<&Args> for Translation {
    type Error = UsageError;

    fn try_from(args: &Args) -> Result<Self, UsageError> {
        let mut pipeline = Self::new("load");
        pipeline.run(&args.bulk);
        let to = args.to.as_ref().map(|to| format!("{to}/image"));
        args.registries.write(&mut pipeline, to.as_deref())?;

        pipeline.table("[list]");
        pipeline.key("use", "oci-dir".into(), "");
        pipeline.key("path", path(&args.dir, "DIR")?, &args.dir.display().to_string());
        let include = trimmed(&args.include);
        if !include.is_empty() {
            pipeline.key("include", list(&include), &format!("--include {}", include.join(",")));
        }
        if let Some(to) = &args.to {
            pipeline.key("to", to.as_str().into(), &format!("--to {to}"));
        }
        pipeline.platforms(&args.bulk.platforms);

        pipeline.table("[[push]]");
        pipeline.key("use", if args.harbor { "harbor" } else { "registry" }.into(), "");
        if args.create_projects {
            pipeline.key("create_projects", true.into(), "--create-projects");
        }
        Ok(pipeline)
    }
}
