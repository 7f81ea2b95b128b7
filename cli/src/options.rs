//! The options that several verbs share: each group is defined once and flattened into the verbs that take it.

use std::{
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use clap::builder::{OsStringValueParser, TypedValueParser};
use sealift_core::spec::Verify;

/// Options that every verb takes.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct GlobalOptions {
    /// Print one JSON object per event on stdout, and the report as the last one
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,

    /// Print warnings, and failures with the summary; nothing if all goes well
    #[arg(long, short, global = true, help_heading = "Output")]
    pub(crate) quiet: bool,

    /// Say more: -v each image that is up to date, -vv what is done for it, -vvv every detail
    #[arg(short, long, action = clap::ArgAction::Count, global = true, help_heading = "Output")]
    pub(crate) verbose: u8,

    /// Write log lines and the summary to this file; stderr keeps progress and the summary
    #[arg(long, global = true, value_name = "FILE", value_parser = maybe_file(), help_heading = "Output")]
    log: Option<PathBuf>,
}

impl GlobalOptions {
    /// Returns the default options with the given value of `--json`.
    pub(crate) fn with_json(json: bool) -> Self {
        Self { json, ..Self::default() }
    }

    /// Returns the file that log lines go to; none means stderr.
    pub(crate) fn log_file(&self) -> Option<&Path> {
        not_empty(self.log.as_deref())
    }

    /// Forgets the log file, because it cannot be written.
    pub(crate) fn log_to_stderr(&mut self) {
        self.log = None;
    }
}

/// The options of a verb that runs the pipeline which its flags describe.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct TransferOptions {
    #[command(flatten)]
    pub(crate) referrers: ReferrersOptions,

    #[command(flatten)]
    pub(crate) emptiness: EmptinessOptions,

    /// Leave tags alone that stand for other images at the destination
    #[arg(long)]
    pub(crate) no_overwrite: bool,

    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

impl TransferOptions {
    /// Returns true if `[run]` needs none of its keys for these.
    pub(crate) fn is_default(&self) -> bool {
        let Self { referrers, emptiness, no_overwrite, output } = self;
        let has_verify = output.savings.verify().is_some();
        !(*no_overwrite || emptiness.allow_empty || referrers.choice().is_some() || has_verify)
    }
}

/// The options of a verb that moves many images: how fast, and which platforms.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct BulkOptions {
    /// Transfers at once, at most; not given, the engine finds out what is good
    #[arg(long = "proc", short = 'p', value_name = "N", value_parser = at_least_one, allow_hyphen_values = true)]
    pub(crate) transfers: Option<NonZeroU32>,

    /// Further rounds over what failed, after everything ran once
    #[arg(long, short, value_name = "N", default_value = "2", value_parser = at_least_zero,
        allow_hyphen_values = true)]
    pub(crate) retries: u32,

    /// Push manifests and tags even where the destination already has them
    #[arg(long, conflicts_with = "no_overwrite")]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) platforms: PlatformOptions,

    #[command(flatten)]
    pub(crate) transfer: TransferOptions,
}

/// The choice to copy signatures, SBOMs and other referrers.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct ReferrersOptions {
    /// Let signatures, SBOMs and other referrers travel along
    #[arg(long, overrides_with = "no_referrers")]
    referrers: bool,

    /// Leave signatures, SBOMs and other referrers where they are
    #[arg(long, overrides_with = "referrers")]
    no_referrers: bool,
}

impl ReferrersOptions {
    /// Returns the choice, if one of the flags was given.
    pub(crate) fn choice(self) -> Option<bool> {
        match self {
            Self { referrers: true, .. } => Some(true),
            Self { no_referrers: true, .. } => Some(false),
            _ => None,
        }
    }
}

/// The exit code of a run that finds nothing.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct EmptinessOptions {
    /// Warn instead of failing if a list or a rule yields nothing, or a filter drops an image that was named
    #[arg(long)]
    pub(crate) allow_empty: bool,
}

/// Checks that may be left to the destination, and the cache.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct SavingsOptions {
    /// The side that computes digests of blobs: `passing` (always here), or `destination` where it confirms them
    #[arg(long, value_name = "WHO", value_parser = VERIFIERS)]
    verify: Option<String>,

    #[command(flatten)]
    pub(crate) cache: CacheOptions,
}

const VERIFIERS: [&str; 2] = ["passing", "destination"];

impl SavingsOptions {
    /// Returns the value of `--verify`, which is also the value of the key in a pipeline.
    pub(crate) fn verify(&self) -> Option<&str> {
        self.verify.as_deref()
    }

    /// Returns the value of `--verify` as an option of a run.
    pub(crate) fn verifier(&self) -> Option<Verify> {
        self.verify().map(|who| if who == VERIFIERS[1] { Verify::Destination } else { Verify::Passing })
    }
}

/// The cache that runs share.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct CacheOptions {
    /// Use nothing that earlier runs found out, and note nothing for later ones
    #[arg(long)]
    pub(crate) no_cache: bool,

    /// The directory of it, instead of `sealift` in the user's directory for caches
    #[arg(long, value_name = "DIR", conflicts_with = "no_cache")]
    pub(crate) cache_dir: Option<PathBuf>,
}

/// The platforms to keep. An index that loses some is rewritten.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct PlatformOptions {
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

impl PlatformOptions {
    /// Returns the keys of the platform filter with the flags that they come from and their values, if any.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (&'static str, &'static str, Vec<&str>)> {
        let all = [("keep", "--platform", &self.platforms), ("os", "--os", &self.os), ("arch", "--arch", &self.arch)];
        all.map(|(key, flag, values)| (key, flag, trimmed(values)))
            .into_iter()
            .filter(|(.., values)| !values.is_empty())
    }
}

/// Returns the values that are not blank: scripts write `--os "$OS"`.
pub(crate) fn trimmed(values: &[String]) -> Vec<&str> {
    values.iter().map(|value| value.trim()).filter(|value| !value.is_empty()).collect()
}

/// The options of all verbs that run a pipeline made of flags, `sync` included: what is saved, written and printed.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct OutputOptions {
    #[command(flatten)]
    pub(crate) savings: SavingsOptions,

    #[command(flatten)]
    pub(crate) report: ReportOptions,

    #[command(flatten)]
    pub(crate) planning: PlanOptions,

    /// Print the pipeline that this stands for, and do nothing
    #[arg(long)]
    pub(crate) print_pipeline: bool,
}

/// A plan in place of a run.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct PlanOptions {
    /// Print what would be done, image by image; nothing is written
    #[arg(long)]
    pub(crate) plan: bool,

    /// End a plan with 3 if anything would be written or removed, and with 0 if nothing would
    #[arg(long, requires = "plan")]
    pub(crate) detailed_exit_code: bool,
}

impl PlanOptions {
    /// Returns the exit code of a plan that would change something, or of one that would not, or of what was done.
    pub(crate) fn code(self, changes: bool) -> u8 {
        if self.plan && self.detailed_exit_code && changes { 3 } else { 0 }
    }
}

/// The report of a run.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ReportOptions {
    /// Write what came of the run to this file, as JSON, also if it fails or is stopped
    #[arg(long, value_name = "FILE", value_parser = maybe_file(), help_heading = "Output")]
    report: Option<PathBuf>,
}

impl ReportOptions {
    /// Returns the file that the report goes to; an empty name means none.
    pub(crate) fn file(&self) -> Option<&Path> {
        not_empty(self.report.as_deref())
    }
}

/// Parses a number of at least 1.
fn at_least_one(text: &str) -> Result<NonZeroU32, &'static str> {
    text.parse().map_err(|_| "expected a whole number of at least 1")
}

/// Parses a number of at least 0.
fn at_least_zero(text: &str) -> Result<u32, &'static str> {
    text.parse().map_err(|_| "expected a whole number of at least 0")
}

/// Returns a parser of file names that takes an empty one, which means none: scripts write `--auth "$AUTH"`.
pub(crate) fn maybe_file() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// Returns the file unless its name is empty.
pub(crate) fn not_empty(file: Option<&Path>) -> Option<&Path> {
    file.filter(|file| !file.as_os_str().is_empty())
}
