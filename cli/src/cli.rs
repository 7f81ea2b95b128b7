//! The command line as a whole: reads the arguments, runs the verb, and turns the result into an exit code.

use std::{ffi::OsString, process::ExitCode, sync::Arc};

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, builder::StyledStr};
use sealift_core::{observer::Observer, spec::Named};

use crate::{
    clap_error,
    command::Verb,
    context::Context,
    options::GlobalOptions,
    process,
    program::{DEFAULT_NAME, Program, with_name},
    subcommand::{CustomSubcommand, Subcommand},
    usage_error::UsageError,
};

/// Moves container images: from registry to registry, by a pipeline of plugins.
#[derive(Debug, Parser)]
#[command(name = "sealift", version, max_term_width = 100, disable_help_subcommand = true, after_help = EXIT_CODES)]
pub(crate) struct CommandLine {
    #[command(flatten)]
    pub(crate) global: GlobalOptions,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

const EXIT_CODES: &str = "\
Exit codes: 0 all there, 1 some images failed, 2 the command or a file is wrong (nothing was moved), \
3 a plan with --detailed-exit-code that would change something, 130 stopped.";

/// A command line with plugins, observers and subcommands of its own.
///
/// ```no_run
/// sealift_cli::Cli::new().name("acme-sealift").version("1.4").run();
/// ```
pub struct Cli {
    program: Program,
    observers: Vec<Named<dyn Observer>>,
    subcommands: Vec<CustomSubcommand>,
}

impl Default for Cli {
    fn default() -> Self {
        Self::new()
    }
}

impl Cli {
    /// Creates the command line of Sealift, under its name and with its version.
    #[must_use]
    pub fn new() -> Self {
        let program = Program {
            name: DEFAULT_NAME,
            version: env!("CARGO_PKG_VERSION"),
            is_image_syncer: false,
            has_flags: false,
        };
        Self { program, observers: Vec::new(), subcommands: Vec::new() }
    }

    /// Sets the name of the program, as it is typed. Help, hints and generated pages use it. Default: `sealift`.
    #[must_use]
    pub fn name(mut self, name: &'static str) -> Self {
        self.program.name = name;
        self
    }

    /// Sets the version in `--version`, logs and reports. Default: that of this crate.
    #[must_use]
    pub fn version(mut self, version: &'static str) -> Self {
        self.program.version = version;
        self
    }

    /// Adds an observer: it sees the events of every run. Warnings call it by the name of its type.
    #[must_use]
    pub fn observer<T: Observer + 'static>(mut self, observer: T) -> Self {
        let name = std::any::type_name::<T>();
        let name = name.rsplit("::").next().unwrap_or(name);
        self.observers.push(Named::new(name, Arc::new(observer)));
        self
    }

    /// Adds a subcommand.
    #[must_use]
    pub fn subcommand<T: Subcommand>(mut self) -> Self {
        self.subcommands.push(CustomSubcommand::of::<T>());
        self
    }

    /// Reads the arguments of the process and runs the verb.
    ///
    /// Exit codes: 0 all there, 1 some images failed, 2 the command or a file is wrong (before any traffic), 130 stopped.
    pub fn run(mut self) -> ExitCode {
        process::set_up();
        let arguments: Vec<_> = std::env::args_os().collect();
        self.program = self.program.called_as(&arguments);
        match self.parse(arguments) {
            Ok((matches, context)) => context.exit_code(|context| self.dispatch(&matches, context)),
            Err(code) => code,
        }
    }

    /// Parses the arguments; help and usage errors are printed.
    fn parse(&self, arguments: Vec<OsString>) -> Result<(ArgMatches, Context), ExitCode> {
        let arguments = self.program.normalised(arguments);
        // An error is shown as an object, too, if `--json` stands among arguments that cannot be parsed.
        let json = arguments.iter().take_while(|word| *word != "--").any(|word| word == "--json");
        let command = self.command();
        let context = |global, verb: Option<&str>| {
            Context::new(self.program, command.clone(), self.observers.clone(), global, verb)
        };
        let parsed = command.clone().try_get_matches_from(arguments).and_then(|matches| {
            let global = GlobalOptions::from_arg_matches(&matches)?;
            let context = context(global, matches.subcommand_name());
            Ok((matches, context))
        });
        parsed.map_err(|error| {
            match clap_error::diagnostic(&error, self.program) {
                Some(diagnostic) => context(GlobalOptions::with_json(json), None).show(&[diagnostic]),
                None => _ = error.print(),
            }
            ExitCode::from(if error.use_stderr() { 2 } else { 0 })
        })
    }

    /// Returns the definition of the command line.
    fn command(&self) -> clap::Command {
        let command = CommandLine::command().name(self.program.name).bin_name(self.program.name);
        let command = command.version(self.program.version);
        let command = self.subcommands.iter().fold(command, |command, one| command.subcommand(one.command()));
        let usage = match self.program.is_image_syncer {
            true => "image-syncer [OPTIONS]".to_owned(),
            false => format!("{} sync [OPTIONS]", self.program.name),
        };
        let command = command.mut_subcommands(|verb| match verb.get_name() {
            "sync" => verb.override_usage(usage.clone()),
            _ => verb,
        });
        with_name_in_help(command, self.program.name)
    }

    fn dispatch(&self, matches: &ArgMatches, context: &Context) -> Result<u8, UsageError> {
        if let Some((name, matches)) = matches.subcommand()
            && let Some(subcommand) = self.subcommands.iter().find(|one| one.name() == name)
        {
            return subcommand.run(matches, context);
        }
        Verb::from_arg_matches(matches).expect("clap checked the arguments").execute(context)
    }
}

/// Replaces the name of the program in the help of a command and of those below it.
fn with_name_in_help(mut command: clap::Command, name: &'static str) -> clap::Command {
    let renamed = |text: &StyledStr| with_name(&text.to_string(), name).into_owned();
    if name == DEFAULT_NAME {
        return command;
    }
    if let Some(text) = command.get_about().map(renamed) {
        command = command.about(text);
    }
    if let Some(text) = command.get_long_about().map(renamed) {
        command = command.long_about(text);
    }
    if let Some(text) = command.get_after_help().map(renamed) {
        command = command.after_help(text);
    }
    let argument = |argument: clap::Arg| match argument.get_help().map(renamed) {
        Some(text) => argument.help(text),
        None => argument,
    };
    command.mut_args(argument).mut_subcommands(|command| with_name_in_help(command, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Verb {
        let arguments: Vec<OsString> = words.iter().map(Into::into).collect();
        let mut cli = Cli::new();
        cli.program = cli.program.called_as(&arguments);
        let (matches, _) = cli.parse(arguments).unwrap_or_else(|code| panic!("{code:?}"));
        Verb::from_arg_matches(&matches).unwrap()
    }

    #[test]
    fn the_definition_holds_together() {
        Cli::new().command().debug_assert();
    }

    #[test]
    fn a_binary_named_image_syncer_is_sealift_sync() {
        for name in ["image-syncer", "/usr/local/bin/image-syncer", "./image-syncer.exe"] {
            assert!(matches!(parse(&[name, "--images", "images.yaml"]), Verb::Sync(_)), "{name}");
        }
        assert!(matches!(parse(&["/image-syncer/sealift", "plugins"]), Verb::Plugins(_)));
        assert!(matches!(parse(&["image-syncer", "sync", "--images", "i.yaml"]), Verb::Sync(_)));
    }

    #[test]
    fn flags_before_the_verb_do_not_hide_it() {
        for words in [&["sealift", "-q", "--log", "l", "sync", "-p=6", "x"][..], &["sealift", "sync", "-p=6", "x"]] {
            assert!(matches!(parse(words), Verb::Sync(_)), "{words:?}");
        }
    }

    #[test]
    fn the_last_word_on_referrers_counts() {
        let choice = |words: &[&str]| match parse(&[&["sealift", "run", "x.toml"], words].concat()) {
            Verb::Run(args) => args.referrers.choice(),
            other => panic!("{other:?}"),
        };
        assert_eq!(choice(&[]), None);
        assert_eq!(choice(&["--no-referrers", "--referrers"]), Some(true));
        assert_eq!(choice(&["--referrers", "--no-referrers"]), Some(false));
    }
}
