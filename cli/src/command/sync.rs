//! `sealift sync`: copies images by image-syncer's flags and files.

mod translate;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use sealift_core::{
    diagnostic::{Diagnostic, Severity},
    observer::Observer,
};

use super::perform::{Extras, load_translated, perform, translated};
use crate::{
    context::Context,
    display::{RUN_LOG, ShowMode, io_message},
    notebook,
    options::{OutputOptions, ReferrersOptions, maybe_file, not_empty, trimmed},
    pflags,
    registry_options::ConnectionOptions,
    success_list::{SuccessList, SuccessListFormat},
    translation::Translation,
    usage_error::UsageError,
};

/// The single file that image-syncer up to 1.4 takes where none is named.
const OLD_FILE: &str = "image-syncer.json";

/// Copy images as image-syncer does: its flags, its files
#[derive(Debug, clap::Args)]
#[command(args_override_self = true)]
pub(crate) struct Args {
    /// Credentials (.yaml, .yml or .json); without it Docker's and Podman's, then anonymous
    #[arg(long, value_name = "FILE", value_parser = maybe_file())]
    auth: Option<PathBuf>,

    /// The rules (.yaml, .yml or .json): which images go where
    #[arg(long, value_name = "FILE", value_parser = maybe_file())]
    images: Option<PathBuf>,

    /// Credentials and rules in one file, with the keys `auth` and `images`; two files are preferred
    #[arg(long, value_name = "FILE", value_parser = maybe_file())]
    config: Option<PathBuf>,

    /// Transfers at once, at most; not given or below 1, the engine finds out what is good
    #[arg(long = "proc", short = 'p', value_name = "N", value_parser = pflags::number, allow_hyphen_values = true)]
    proc: Option<i64>,

    /// Further rounds over what failed, after everything ran once; below 1, none
    #[arg(long, short, value_name = "N", default_value = "2", value_parser = pflags::number,
        allow_hyphen_values = true)]
    retries: i64,

    /// Keep these operating systems only: `linux`, or with a version `windows:10.0.17763.1234`
    #[arg(long, value_name = "OS", value_delimiter = ',', allow_hyphen_values = true)]
    os: Vec<String>,

    /// Keep these architectures only: `amd64`, or with a variant `arm:v7`
    #[arg(long, value_name = "ARCH", value_delimiter = ',', allow_hyphen_values = true)]
    arch: Vec<String>,

    /// Push manifests and tags even where the destination already has them
    #[arg(long)]
    force: bool,

    /// Write a map from source to destinations of everything that is there after the run
    #[arg(long, value_name = "FILE", value_parser = maybe_file())]
    output_success_images: Option<PathBuf>,

    /// Format of that file: `yaml` or `json`
    #[arg(long, value_name = "FORMAT", default_value = "yaml")]
    output_images_format: String,

    /// Refuse to run if anything is wrong with the files, instead of leaving out the rules and logins that are wrong
    #[arg(long)]
    strict: bool,

    #[command(flatten)]
    referrers: ReferrersOptions,

    #[command(flatten)]
    connection: ConnectionOptions,

    #[command(flatten)]
    output: OutputOptions,

    /// The registry of an empty destination, as image-syncer up to 1.4 takes it
    #[arg(long, value_name = "HOST", hide = true)]
    registry: Option<String>,

    /// The namespace of an empty destination, as image-syncer up to 1.4 takes it
    #[arg(long, value_name = "NAME", hide = true)]
    namespace: Option<String>,

    /// A file of records that image-syncer up to 1.0 has; it is not needed
    #[arg(long, value_name = "FILE", hide = true)]
    records: Option<OsString>,

    /// Words that belong to no flag; image-syncer passes them over
    #[arg(hide = true, value_name = "WORD", last = true)]
    stray: Vec<OsString>,
}

/// `--config`, `--auth` and `--images`.
type Files<'a> = (Option<&'a Path>, Option<&'a Path>, Option<&'a Path>);

impl Args {
    /// Returns the files that were named; an empty name means none, as under image-syncer.
    pub(crate) fn files(&self) -> Result<Files<'_>, UsageError> {
        match (not_empty(self.config.as_deref()), not_empty(self.auth.as_deref()), not_empty(self.images.as_deref())) {
            (None, auth, None) if Path::new(OLD_FILE).is_file() => Ok((Some(Path::new(OLD_FILE)), auth, None)),
            (None, _, None) => Err(Diagnostic::error("neither `--images` nor `--config` is given")
                .hint("`--images images.yaml` names the rules, `--auth auth.yaml` the credentials")
                .into()),
            (config, auth, images) if [config, auth, images].contains(&Some(Path::new("-"))) => {
                Err(Diagnostic::error("`-` is not the name of a file: rules and logins are not read from stdin")
                    .hint("write them to files: `--images images.yaml`, `--auth auth.yaml`")
                    .into())
            }
            files => Ok(files),
        }
    }

    /// Returns the highest number of transfers at the same time; none leaves it to the engine.
    pub(crate) fn transfers(&self) -> Option<i64> {
        self.proc.filter(|count| *count > 0)
    }

    /// Returns the number of further rounds over failed images.
    pub(crate) fn retries(&self) -> i64 {
        self.retries.max(0)
    }

    /// Returns the operating systems to keep; none means all.
    pub(crate) fn os(&self) -> Vec<&str> {
        trimmed(&self.os)
    }

    /// Returns the architectures to keep; none means all.
    pub(crate) fn arch(&self) -> Vec<&str> {
        trimmed(&self.arch)
    }

    /// Returns `registry/namespace` for empty destinations, from flags or from the variables of image-syncer up to 1.4.
    ///
    /// # Errors
    /// If only the namespace is known.
    pub(crate) fn empty_to(&self) -> Result<Option<String>, UsageError> {
        let value = |flag: &Option<String>, variable: &str| {
            flag.clone().or_else(|| std::env::var(variable).ok()).filter(|value| !value.is_empty())
        };
        let namespace = value(&self.namespace, "DEFAULT_NAMESPACE");
        match (value(&self.registry, "DEFAULT_REGISTRY"), namespace) {
            (Some(registry), Some(namespace)) => Ok(Some(format!("{registry}/{namespace}"))),
            (Some(registry), None) => Ok(Some(registry)),
            (None, Some(_)) if self.namespace.is_some() => {
                let message = "`--namespace` says nothing without `--registry`";
                Err(Diagnostic::error(message).hint("both are for rules with an empty destination only").into())
            }
            _ => Ok(None),
        }
    }

    /// Returns the format of the success list: YAML unless it is JSON, as under image-syncer.
    fn format(&self) -> SuccessListFormat {
        match self.output_images_format.trim().eq_ignore_ascii_case("json") {
            true => SuccessListFormat::Json,
            false => SuccessListFormat::Yaml,
        }
    }

    /// Returns warnings about flags that have another effect than expected.
    fn notices(&self) -> Result<Vec<Diagnostic>, UsageError> {
        let (config, auth, images) = self.files()?;
        let mut notices = Vec::new();
        let mut notice = |text: String, hint: &str| {
            let warning = Diagnostic::warning(text);
            notices.push(if hint.is_empty() { warning } else { warning.hint(hint) });
        };
        if config.is_some() {
            notice(
                match self.config {
                    Some(_) => "`--config` holds credentials and rules in one file: two files are preferred".to_owned(),
                    None => format!("neither `--images` nor `--config` is given, so `{OLD_FILE}` is read"),
                },
                "move `auth` to a file for `--auth`, and `images` to one for `--images`",
            );
            for (flag, file) in [("--auth", auth), ("--images", images)] {
                if file.is_some() {
                    notice(format!("`{flag}` is not used because `--config` is given"), "");
                }
            }
        }
        for word in self.stray.iter().filter(|word| *word != "sync") {
            notice(format!("`{}` belongs to no flag and is passed over", word.to_string_lossy()), "");
        }
        if self.records.as_ref().is_some_and(|file| !file.is_empty()) {
            notice("`--records` is not used: what is there is asked at the destination".to_owned(), "");
        }
        let format = self.output_images_format.trim().to_ascii_lowercase();
        if !matches!(format.as_str(), "" | "yaml" | "yml" | "json") {
            let text = format!("`{format}` is no format of the success list, which is written as YAML");
            notice(text, "`--output-images-format` takes `yaml` and `json`");
        }
        Ok(notices)
    }
}

pub(super) async fn execute(args: &Args, context: &Context) -> Result<u8, UsageError> {
    let mut translation = Translation::try_from(args)?;
    let mut notices = args.notices()?;
    notices.append(&mut translation.notices);
    if context.is_scraped() && !args.output.print_pipeline {
        let (config, auth, images) = args.files()?;
        let files = [config, auth, images].into_iter().flatten().map(|file| file.display().to_string());
        let (files, program) = (files.collect::<Vec<_>>().join(" and "), context.program);
        tracing::info!(target: RUN_LOG, "Start to synchronize {files} ({} {})", program.name, program.version);
    }
    context.show(&notices);
    match not_empty(args.output_success_images.as_deref()) {
        Some(path) if !args.output.planning.plan && !args.output.print_pipeline => {
            with_success_list(args, &translation, path, context).await
        }
        _ => translated(&translation, &args.output, context).await,
    }
}

/// Runs the pipeline and writes the list of `--output-success-images`.
async fn with_success_list(
    args: &Args,
    translation: &Translation,
    path: &Path,
    context: &Context,
) -> Result<u8, UsageError> {
    let loaded = load_translated(translation, notebook::of(&args.output.savings.cache), context)?;
    let mut extras = Extras::of(&args.output.report, context, translation.text(), Path::new(""))?;
    let cannot = |error: &std::io::Error| {
        Diagnostic::error(format!("cannot write to `{}`: {}", path.display(), io_message(error)))
            .note("from `--output-success-images`")
    };
    let early = |error: &std::io::Error| Diagnostic { severity: Severity::Warning, ..cannot(error) };
    let list = match SuccessList::create(path, args.format()) {
        Ok(list) => Ok(Arc::new(list)),
        Err(error) if args.strict => return Err(cannot(&error).into()),
        // image-syncer finds out after everything is copied, and fails then.
        Err(error) => {
            context.show(&[early(&error)]);
            Err(error)
        }
    };
    extras.observer = list.as_ref().ok().map(|list| Arc::clone(list) as Arc<dyn Observer>);
    let code = perform(&loaded.pipeline, ShowMode::Run, context, extras).await;
    match list.and_then(|list| list.finish()) {
        Ok(()) => Ok(code),
        Err(error) => {
            context.show(&[cannot(&error)]);
            Ok(code.max(1))
        }
    }
}
