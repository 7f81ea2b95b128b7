//! `sealift verify`: checks every blob and image of a layout.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use sealift_core::{
    content::FullReference,
    diagnostic::{Diagnostic, Location},
};
use sealift_oci_layout::{Baseline, DamageKind, Differences, Expectation, Layout, Progress, Receipt, verify};

use crate::{
    context::Context,
    display::{io_message, verification},
    interrupt,
    options::EmptinessOptions,
    usage_error::UsageError,
};

/// Prove that a directory of images is whole and complete: read every blob, walk every image
///
/// Every file is read and compared with its name. What is missing or damaged is told with the names of all images that
/// need it, and so is what `stage` was asked for and did not bring. Nothing is changed but a note in `.sealift/`, by
/// which the next `stage` mends what is damaged. Exit code: 0 whole and complete, 1 damaged, incomplete or without an
/// image, 2 there is no such directory.
#[derive(Debug, clap::Args)]
#[command(mut_arg("allow_empty", |it| it.help("Warn instead of failing if there is no image in the directory")))]
pub(crate) struct Args {
    /// The directory, or a tar file
    #[arg(value_name = "DIR")]
    path: PathBuf,

    /// The images that must be there: a file with one in each line, a file of `sealift receipt`, or another directory
    #[arg(long, value_name = "FILE|DIR")]
    expect: Option<PathBuf>,

    #[command(flatten)]
    emptiness: EmptinessOptions,
}

pub(super) async fn execute(args: &Args, context: &Context) -> Result<u8, UsageError> {
    let expectation = match &args.expect {
        Some(path) => Some(read_expectation(path).await?),
        None => None,
    };
    let progress = Arc::new(Progress::default());
    let watch = match context.global.quiet || context.global.json {
        true => verification::Watch::default(),
        false => verification::Watch::start(&context.console, &progress),
    };
    let found = tokio::select! {
        biased;
        found = verify(&args.path, progress) => found,
        () = interrupt::asked() => {
            watch.stop();
            context.console.say("stopped");
            return Ok(130);
        }
    };
    watch.stop();
    let mut found = found?;
    if args.emptiness.allow_empty {
        found.damages.retain(|damage| damage.kind != DamageKind::Empty);
    }
    let differences = match expectation {
        Some(expectation) => Some(compare(&expectation, &args.path).await),
        None => None,
    };
    if context.global.json {
        context.out.json(&verification::VerificationObject::of(&found, differences.as_ref()));
    } else {
        let (quiet, all) = (context.global.quiet, context.global.verbose > 0);
        let mut text = verification::text(&found, quiet, all);
        if let (Some(differences), Some(list)) = (&differences, &args.expect) {
            text += &verification::differences(differences, list, quiet, all);
        }
        context.out.text(&text);
    }
    if found.is_whole() && found.images == 0 && differences.is_none() {
        return Ok(context.nothing("there is no image in the directory", args.emptiness));
    }
    Ok(u8::from(!found.is_whole() || differences.is_some_and(|differences| !differences.is_none())))
}

/// Compares the list with the layout; with nothing, if the layout cannot be opened, which was told already.
async fn compare(expectation: &Expectation, path: &Path) -> Differences {
    match Layout::open(path).await {
        Ok(layout) => expectation.compare(&layout).await,
        Err(error) => Err(error),
    }
    .unwrap_or_else(|_| expectation.without_images())
}

/// Reads the list of images: a directory, a receipt, or a reference in each line.
async fn read_expectation(path: &Path) -> Result<Expectation, UsageError> {
    if path.is_dir() {
        return Ok(Expectation::of_receipt(Baseline::open(path).await?.receipt()));
    }
    let text = std::fs::read_to_string(path).map_err(|error| {
        Diagnostic::error(format!("cannot read `{}`: {}", path.display(), io_message(&error)))
            .hint("`--expect` takes a file with an image in each line, a receipt, or a directory")
    })?;
    if text.trim_start().starts_with('{') {
        return Ok(Expectation::of_receipt(&Receipt::parse(text.as_bytes(), path)?));
    }
    let mut expectation = Expectation::default();
    let mut wrong = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let name = line.split(" #").next().unwrap_or_default().trim();
        if name.is_empty() || name.starts_with('#') {
            continue;
        }
        match FullReference::parse_or_latest(name) {
            Ok(name) => expectation.add(&name),
            Err(error) => wrong.push(Diagnostic::error(error.to_string()).at(Location {
                file: path.display().to_string().into(),
                line: number + 1,
                column: 1 + line.len() - line.trim_start().len(),
                length: name.chars().count(),
                text: line.to_owned(),
            })),
        }
    }
    if !wrong.is_empty() {
        return Err(UsageError(wrong));
    }
    if expectation.is_empty() {
        return Err(Diagnostic::error(format!("`{}` names no image", path.display()))
            .hint("`--expect` takes a file with an image in each line, a receipt, or a directory")
            .into());
    }
    Ok(expectation)
}
