//! The enumeration of the verbs.

use clap::Subcommand;
use sealift_core::diagnostic::Diagnostic;

use super::{
    check, completions, convert, copy, demo, docs, explain, load, ls, man, merge, new, plan, plugins, prune, receipt,
    rm, run, schema, serve, stage, sync, verify,
};
use crate::{context::Context, display::io_message, process, usage_error::UsageError};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Run(run::Args),
    Plan(plan::Args),
    Check(check::Args),
    Sync(sync::Args),
    Copy(copy::Args),
    Stage(stage::Args),
    Verify(verify::Args),
    Ls(ls::Args),
    Load(load::Args),
    Rm(rm::Args),
    Prune(prune::Args),
    Merge(merge::Args),
    Receipt(receipt::Args),
    Serve(serve::Args),
    Plugins(plugins::Args),
    Explain(explain::Args),
    Schema(schema::Args),
    New(new::Args),
    Convert(convert::Args),
    Completions(completions::Args),
    Man(man::Args),
    Docs(docs::Args),
    Demo(demo::Args),
}

impl Verb {
    /// Runs the verb and returns the exit code.
    ///
    /// # Errors
    /// If the command line or a file is wrong.
    pub(crate) fn execute(&self, context: &Context) -> Result<u8, UsageError> {
        match self {
            Self::Run(args) => block_on(run::execute(args, context)),
            Self::Plan(args) => block_on(plan::execute(args, context)),
            Self::Check(args) => Ok(check::execute(args, context)),
            Self::Sync(args) => block_on(sync::execute(args, context)),
            Self::Copy(args) => block_on(copy::execute(args, context)),
            Self::Stage(args) => block_on(stage::execute(args, context)),
            Self::Load(args) => block_on(load::execute(args, context)),
            Self::Verify(args) => block_on(verify::execute(args, context)),
            Self::Ls(args) => block_on(ls::execute(args, context)),
            Self::Rm(args) => block_on(rm::execute(args, context)),
            Self::Prune(args) => block_on(prune::execute(args, context)),
            Self::Merge(args) => block_on(merge::execute(args, context)),
            Self::Receipt(args) => block_on(receipt::execute(args, context)),
            Self::Plugins(args) => Ok(plugins::execute(args, context)),
            Self::Explain(args) => explain::execute(args, context),
            Self::Schema(args) => Ok(schema::execute(args, context)),
            Self::New(args) => new::execute(args, context),
            Self::Convert(args) => convert::execute(args, context),
            Self::Completions(args) => Ok(completions::execute(args, context)),
            Self::Man(args) => man::execute(args, context),
            Self::Docs(args) => docs::execute(args, context),
            Self::Serve(args) => block_on(serve::execute(args, context)),
            Self::Demo(args) => block_on(demo::execute(args, context)),
        }
    }
}

/// Runs a future on a new runtime.
///
/// # Errors
/// If the runtime cannot be started, or if the future fails.
pub(crate) fn block_on(work: impl Future<Output = Result<u8, UsageError>>) -> Result<u8, UsageError> {
    let runtime = process::runtime().map_err(|error| {
        Diagnostic::error(format!("cannot start the threads that are needed: {}", io_message(&error)))
            .hint("allow more processes and threads: `ulimit -u`, or the limit of pids of the container")
    })?;
    let code = runtime.block_on(work);
    // A thread that still blocks (a credential helper that hangs) does not delay the exit.
    runtime.shutdown_background();
    code
}
