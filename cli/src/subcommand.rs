//! Subcommands of custom binaries.

use std::path::Path;

use clap::{ArgMatches, Args};
use sealift_core::{error::Error, plugin::Purpose};

use crate::{
    command::{
        block_on,
        perform::{Extras, perform},
        pipeline_file,
    },
    context::Context,
    display::ShowMode,
    notebook,
    usage_error::UsageError,
};

/// A subcommand of a custom binary. Its doc comment is the help, its fields are the arguments.
pub trait Subcommand: Args + 'static {
    /// The word that is typed.
    const NAME: &'static str;

    /// Runs the subcommand and returns the exit code of the process.
    ///
    /// # Errors
    /// The error is shown with its hint, and the exit code is 2.
    fn run(self, context: &SubcommandContext<'_>) -> impl Future<Output = Result<u8, Error>>;
}

/// The means of a subcommand: output, and pipelines.
pub struct SubcommandContext<'a> {
    context: &'a Context,
}

impl SubcommandContext<'_> {
    /// Prints data on stdout; the text ends its own lines.
    pub fn print(&self, text: &str) {
        self.context.out.document(text);
    }

    /// Prints a message for people on stderr, unless `--quiet` was given.
    pub fn message(&self, text: &str) {
        if !self.context.global.quiet {
            self.context.console.say(text);
        }
    }

    /// Runs the pipeline in a file as the verb `run` does, and returns the exit code: 2 if the pipeline is wrong, which is
    /// shown.
    pub async fn run_pipeline(&self, file: &Path) -> u8 {
        match pipeline_file::load(file, Purpose::Run, notebook::open(None)) {
            Ok(loaded) => {
                self.context.show(&loaded.warnings);
                perform(&loaded.pipeline, ShowMode::Run, self.context, Extras::default()).await
            }
            Err(UsageError(diagnostics)) => {
                self.context.show(&diagnostics);
                2
            }
        }
    }
}

/// A subcommand without its type.
pub(crate) struct CustomSubcommand {
    name: &'static str,
    augment: fn(clap::Command) -> clap::Command,
    run: fn(&ArgMatches, &Context) -> Result<u8, UsageError>,
}

impl CustomSubcommand {
    pub(crate) fn of<T: Subcommand>() -> Self {
        Self {
            name: T::NAME,
            augment: T::augment_args,
            run: |matches, context| {
                let args = T::from_arg_matches(matches).expect("clap checked the arguments");
                block_on(async move { Ok(args.run(&SubcommandContext { context }).await?) })
            },
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Returns its definition.
    pub(crate) fn command(&self) -> clap::Command {
        (self.augment)(clap::Command::new(self.name))
    }

    /// Runs it with its arguments.
    pub(crate) fn run(&self, matches: &ArgMatches, context: &Context) -> Result<u8, UsageError> {
        (self.run)(matches, context)
    }
}
