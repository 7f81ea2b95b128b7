//! What can be typed: the verbs, and what all of them take.

use std::{
    ffi::OsString,
    num::NonZeroU32,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{
    CommandFactory, FromArgMatches, Parser, Subcommand,
    builder::{OsStringValueParser, TypedValueParser},
};
use sealift_core::{notes::Notes, spec::Verify};

use crate::{
    command::{
        check, completions, convert, copy, demo, docs, explain, load, ls, man, new, plan, plugins, receipt, run,
        schema, serve, stage, sync, verify,
    },
    notebook, pflags,
    report_file::ReportFile,
    session::{Refused, Session},
    usage,
};

/// Moves container images: from registry to registry, by a pipeline of plugins.
#[derive(Debug, Parser)]
#[command(name = "sealift", version, max_term_width = 100, disable_help_subcommand = true, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

const EXIT_CODES: &str = "\
Exit codes: 0 all there, 1 some images failed, 2 the command or a file is wrong (nothing was moved), 130 stopped.";

/// What every verb takes.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Global {
    /// Print one JSON object per event on stdout, and the report as the last one
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,

    /// Print failures, warnings and the summary only
    #[arg(long, short, global = true, help_heading = "Output")]
    pub(crate) quiet: bool,

    /// Say more: -v each image that is up to date, -vv what is done for it, -vvv every detail
    #[arg(short, long, action = clap::ArgAction::Count, global = true, help_heading = "Output")]
    pub(crate) verbose: u8,

    /// Write log lines to this file instead of stderr, which keeps progress and the summary
    #[arg(long, global = true, value_name = "FILE", value_parser = maybe_file(), help_heading = "Output")]
    log: Option<PathBuf>,
}

impl Global {
    /// Where log lines go, if not to stderr.
    pub(crate) fn log_file(&self) -> Option<&Path> {
        self.log.as_deref().filter(|path| !path.as_os_str().is_empty())
    }

    /// Forgets the file, because it cannot be written.
    pub(crate) fn log_to_stderr(&mut self) {
        self.log = None;
    }
}

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

/// Signatures, SBOMs and whatever else refers to an image.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct Referrers {
    /// Let signatures, SBOMs and other referrers travel along
    #[arg(long, overrides_with = "no_referrers")]
    referrers: bool,

    /// Leave signatures, SBOMs and other referrers where they are
    #[arg(long, overrides_with = "referrers")]
    no_referrers: bool,
}

impl Referrers {
    /// What was said, if anything.
    pub(crate) fn choice(self) -> Option<bool> {
        match self {
            Self { referrers: true, .. } => Some(true),
            Self { no_referrers: true, .. } => Some(false),
            _ => None,
        }
    }
}

/// Whether nothing is fine, too.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct Emptiness {
    /// Warn instead of failing if a list or a rule yields nothing, or a filter drops an image that was named
    #[arg(long)]
    pub(crate) allow_empty: bool,
}

/// How much at once, and how often.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Pace {
    /// Transfers at once, at most; not given, the engine finds out what is good
    #[arg(long = "proc", short = 'p', value_name = "N", value_parser = at_least_one, allow_hyphen_values = true)]
    pub(crate) transfers: Option<NonZeroU32>,

    /// Further rounds over what failed, after everything ran once
    #[arg(long, short, value_name = "N", default_value = "2", value_parser = at_least_zero,
        allow_hyphen_values = true)]
    pub(crate) retries: u32,

    /// Push manifests and tags even where the destination already has them
    #[arg(long)]
    pub(crate) force: bool,
}

/// What may be saved.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Savings {
    /// Who computes the digests of blobs on their way: `passing` (always here), or `destination` where it confirms them
    #[arg(long, value_name = "WHO", value_parser = WHO)]
    verify: Option<String>,

    #[command(flatten)]
    pub(crate) memory: Memory,
}

const WHO: [&str; 2] = ["passing", "destination"];

impl Savings {
    /// Who computes digests, as a pipeline says it; none if nothing was said.
    pub(crate) fn verify(&self) -> Option<&str> {
        self.verify.as_deref()
    }

    /// The same as an option of a run.
    pub(crate) fn verifier(&self) -> Option<Verify> {
        self.verify().map(|who| if who == WHO[1] { Verify::Destination } else { Verify::Passing })
    }
}

/// What is remembered between runs.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Memory {
    /// Use nothing that earlier runs found out, and note nothing for later ones
    #[arg(long)]
    no_cache: bool,

    /// Where that is kept, instead of `sealift` in the user's directory for caches
    #[arg(long, value_name = "DIR", conflicts_with = "no_cache")]
    cache_dir: Option<PathBuf>,
}

impl Memory {
    /// The notes of earlier runs, and for later ones.
    pub(crate) fn notes(&self) -> Notes {
        if self.no_cache { Notes::default() } else { notebook::open(self.cache_dir.as_deref()) }
    }
}

/// Which platforms of an image stay; an index that loses some is rewritten.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Platforms {
    /// Keep these platforms only, such as `linux/arm64` or `linux/arm/v7`; an index is then rewritten
    #[arg(long = "platform", value_name = "P", value_delimiter = ',', conflicts_with_all = ["os", "arch"])]
    platforms: Vec<String>,

    /// Keep these operating systems only: `linux`, or with a version `windows:10.0.17763.1234`
    #[arg(long, value_name = "OS", value_delimiter = ',')]
    os: Vec<String>,

    /// Keep these architectures only: `amd64`, or with a variant `arm:v7`
    #[arg(long, value_name = "ARCH", value_delimiter = ',')]
    arch: Vec<String>,
}

impl Platforms {
    /// The keys of the filter, the flags that they came from, and what was said; nothing if nothing was.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (&'static str, &'static str, Vec<&str>)> {
        let all = [("keep", "--platform", &self.platforms), ("os", "--os", &self.os), ("arch", "--arch", &self.arch)];
        all.map(|(key, flag, values)| (key, flag, said(values))).into_iter().filter(|(.., values)| !values.is_empty())
    }
}

/// What was said without what is empty: scripts write `--os "$OS"`.
pub(crate) fn said(values: &[String]) -> Vec<&str> {
    values.iter().map(|value| value.trim()).filter(|value| !value.is_empty()).collect()
}

/// What is kept of a run.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Kept {
    /// Write what came of the run to this file, as JSON, also if it fails or is stopped
    #[arg(long, value_name = "FILE", value_parser = maybe_file(), help_heading = "Output")]
    report: Option<PathBuf>,
}

impl Kept {
    /// The file of the report, if there shall be one.
    pub(crate) fn report(&self) -> Result<Option<ReportFile>, Refused> {
        let named = self.report.as_deref().filter(|path| !path.as_os_str().is_empty());
        named.map(ReportFile::new).transpose()
    }
}

/// What to do instead of a run.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct Instead {
    /// Print what would be done, image by image; nothing is written
    #[arg(long)]
    pub(crate) plan: bool,

    /// Print the pipeline that this stands for, and do nothing
    #[arg(long)]
    pub(crate) print_pipeline: bool,
}

/// Reads a number that is not 0.
pub(crate) fn at_least_one(text: &str) -> Result<NonZeroU32, &'static str> {
    text.parse().map_err(|_| "expected a whole number of at least 1")
}

/// Reads a number.
pub(crate) fn at_least_zero(text: &str) -> Result<u32, &'static str> {
    text.parse().map_err(|_| "expected a whole number of at least 0")
}

/// The name of a file that may be empty, which names none: scripts write `--auth "$AUTH"`.
pub(crate) fn maybe_file() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// Reads the arguments; help and usage errors are printed right here.
pub(crate) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, ExitCode> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let called = Called::by(&arguments);
    let arguments = called.words(arguments);
    // Whoever reads objects reads this one, too, though the flag that asks for them stands among what is wrong.
    let json = arguments.iter().take_while(|word| *word != "--").any(|word| word == "--json");
    let matches = called.command().try_get_matches_from(arguments);
    matches.and_then(|matches| Cli::from_arg_matches(&matches)).map_err(|error| {
        match usage::told(&error, called) {
            Some(diagnostic) => Session::new(Global { json, ..Global::default() }).show(&[diagnostic]),
            None => _ = error.print(),
        }
        ExitCode::from(if error.use_stderr() { 2 } else { 0 })
    })
}

/// The name that the program was called by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Called {
    /// Any name but the other.
    Sealift,
    /// A link or copy of the binary that is named `image-syncer` behaves as `sealift sync`.
    ImageSyncer,
}

impl Called {
    /// The name in the first word.
    pub(crate) fn by(arguments: &[OsString]) -> Self {
        let name = arguments.first().map(Path::new).and_then(Path::file_name).and_then(|name| name.to_str());
        match name.map(str::to_ascii_lowercase).as_deref() {
            Some("image-syncer" | "image-syncer.exe") => Self::ImageSyncer,
            _ => Self::Sealift,
        }
    }

    /// The arguments in the form in which they are read: what belongs to `sync` is image-syncer's.
    fn words(self, mut arguments: Vec<OsString>) -> Vec<OsString> {
        let asks_for_version = |word: &OsString| word == "--version" || word == "-V";
        let verb = match self {
            Self::ImageSyncer if arguments.get(1).is_some_and(asks_for_version) => return arguments,
            Self::ImageSyncer => {
                // `image-syncer sync` is what those type who know both names.
                if arguments.get(1).is_none_or(|word| word != "sync") {
                    arguments.insert(1, "sync".into());
                }
                Some(1)
            }
            Self::Sealift => verb_at(&arguments).filter(|at| arguments[*at] == "sync"),
        };
        if let Some(verb) = verb {
            let behind = arguments.split_off(verb + 1);
            arguments.extend(pflags::normalised(behind));
        }
        arguments
    }

    /// What can be typed under this name.
    fn command(self) -> clap::Command {
        let command = Cli::command();
        match self {
            Self::Sealift => command,
            Self::ImageSyncer => command.mut_subcommand("sync", |sync| sync.override_usage("image-syncer [OPTIONS]")),
        }
    }

    /// The words that ask for the help of a verb.
    pub(crate) fn help(self, verb: Option<&str>) -> String {
        match (self, verb) {
            (Self::ImageSyncer, _) => "image-syncer --help".to_owned(),
            (Self::Sealift, Some(verb)) => format!("sealift {verb} --help"),
            (Self::Sealift, None) => "sealift --help".to_owned(),
        }
    }
}

/// Where the verb stands: before it there are only flags that every verb takes, of which one has a value.
fn verb_at(arguments: &[OsString]) -> Option<usize> {
    let mut at = 1;
    loop {
        let word = arguments.get(at)?;
        match word.to_str() {
            Some("--log") => at += 2,
            Some(flag) if flag.starts_with('-') => at += 1,
            _ => return Some(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Cli {
        read(words.iter().map(Into::into)).unwrap()
    }

    #[test]
    fn the_definition_holds_together() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn a_binary_named_image_syncer_is_sealift_sync() {
        for name in ["image-syncer", "/usr/local/bin/image-syncer", "./image-syncer.exe"] {
            let cli = parse(&[name, "--images", "images.yaml"]);
            assert!(matches!(cli.verb, Verb::Sync(_)), "{name}");
        }
        assert!(matches!(parse(&["/image-syncer/sealift", "plugins"]).verb, Verb::Plugins(_)));
        assert!(matches!(parse(&["image-syncer", "sync", "--images", "i.yaml"]).verb, Verb::Sync(_)));
    }

    #[test]
    fn flags_before_the_verb_do_not_hide_it() {
        for words in [&["sealift", "-q", "--log", "l", "sync", "-p=6", "x"][..], &["sealift", "sync", "-p=6", "x"]] {
            assert!(matches!(parse(words).verb, Verb::Sync(_)), "{words:?}");
        }
        assert_eq!(verb_at(&["sealift".into(), "--log".into()]), None);
    }

    #[test]
    fn the_last_word_on_referrers_counts() {
        let choice = |words: &[&str]| match parse(&[&["sealift", "run", "x.toml"], words].concat()).verb {
            Verb::Run(args) => args.referrers.choice(),
            other => panic!("{other:?}"),
        };
        assert_eq!(choice(&[]), None);
        assert_eq!(choice(&["--no-referrers", "--referrers"]), Some(true));
        assert_eq!(choice(&["--referrers", "--no-referrers"]), Some(false));
    }
}
