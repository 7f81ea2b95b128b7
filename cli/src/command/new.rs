//! `sealift new`: writes the beginning of something that the user goes on with.

mod pipeline;
mod plugin;

use crate::{context::Context, usage_error::UsageError};

/// Begin something of your own: a pipeline, which is printed, or a plugin
#[derive(Debug, clap::Args)]
#[command(after_help = pipeline::EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    /// The stages of a pipeline, `LIST/FILTER,FILTER/PUSH` by kind; several pushes are separated by commas as well
    #[arg(value_name = "STAGES", required = true)]
    stages: Option<String>,

    #[command(subcommand)]
    what: Option<NewCommand>,
}

#[derive(Debug, clap::Subcommand)]
enum NewCommand {
    Plugin(plugin::Args),
}

pub(super) fn execute(args: &Args, context: &Context) -> Result<u8, UsageError> {
    match (&args.what, &args.stages) {
        (Some(NewCommand::Plugin(args)), _) => plugin::execute(args, context),
        (None, stages) => pipeline::execute(stages.as_deref().unwrap_or_default(), context),
    }
}
