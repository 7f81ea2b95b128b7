//! From a pipeline to an exit code: every verb that runs one comes through here.

use std::{path::PathBuf, sync::Arc};

use sealift_core::{
    cache::Cache,
    content::ReferenceError,
    diagnostic::Diagnostic,
    engine::{self, CancelHandle},
    event::{Event, EventListener},
    plugin::Purpose,
    spec::{Loaded, Pipeline},
    text::has_login,
};

use crate::{
    context::{Context, load},
    display::{Show, ShowMode},
    interrupt, notebook,
    options::{OutputOptions, ReportOptions},
    report_file::ReportFile,
    translation::Translation,
    usage_error::UsageError,
};

/// Seconds that running transfers get where the pipeline does not say.
const GRACE_S: u64 = 20;

/// Outputs of a run beside the display.
#[derive(Default)]
pub(crate) struct Extras {
    /// The file that the report goes to.
    pub(crate) report: Option<ReportFile>,
    /// An observer of this run.
    pub(crate) observer: Option<Arc<dyn EventListener>>,
}

impl Extras {
    /// Creates the outputs that the options ask for.
    ///
    /// # Errors
    /// If the report file cannot be written.
    pub(super) fn of(options: &ReportOptions, context: &Context) -> Result<Self, UsageError> {
        let report = options.file().map(|path| ReportFile::new(path, context.program)).transpose()?;
        Ok(Self { report, observer: None })
    }
}

/// Runs or plans a pipeline, shows it, and returns the exit code.
pub(crate) async fn perform(pipeline: &Pipeline, mode: ShowMode, context: &Context, extras: Extras) -> u8 {
    let cancel = CancelHandle::new();
    let grace = pipeline.options().grace_s.unwrap_or(GRACE_S);
    let watch = interrupt::watch(cancel.clone(), context.console.clone(), grace);
    let show = Show::start(&context.console, &context.out, context.show_options(), mode);
    let observers = context.observers.iter().cloned().chain(extras.observer);
    let observers: Vec<_> = std::iter::once(Arc::clone(&show) as Arc<dyn EventListener>).chain(observers).collect();
    let observer: Arc<dyn EventListener> =
        Arc::new(move |event: &Event| observers.iter().for_each(|one| one.on(event)));
    let mut report = match mode {
        ShowMode::Run => engine::run(pipeline, &cancel, &observer).await,
        ShowMode::Plan => engine::plan(pipeline, &cancel, &observer).await,
    };
    watch.abort();
    report.warnings.splice(0..0, context.warned());
    show.finish(&report);
    match extras.report.map(|file| file.write(&report, mode)) {
        Some(Err(UsageError(cannot))) => {
            context.show(&cannot);
            report.exit_code().max(1)
        }
        _ => report.exit_code(),
    }
}

/// Runs or plans the pipeline that flags stand for, or prints it.
///
/// # Errors
/// If the flags or a file are wrong.
pub(super) async fn translated(
    translation: &Translation,
    output: &OutputOptions,
    context: &Context,
) -> Result<u8, UsageError> {
    if output.print_pipeline {
        // Otherwise the stages refuse it.
        if has_login(translation.text()) {
            return Err(Diagnostic::error(ReferenceError::Login.to_string()).into());
        }
        context.out.document(translation.text());
        return Ok(0);
    }
    let loaded = load_translated(translation, notebook::of(&output.savings.cache), context)?;
    let mode = if output.plan { ShowMode::Plan } else { ShowMode::Run };
    Ok(perform(&loaded.pipeline, mode, context, Extras::of(&output.report, context)?).await)
}

/// Builds the pipeline that flags stand for. Warnings and errors name the flags.
///
/// # Errors
/// If the flags or a file are wrong.
pub(super) fn load_translated(
    translation: &Translation,
    notes: Cache,
    context: &Context,
) -> Result<Loaded, UsageError> {
    let mut loaded = load(translation.text(), Translation::FILE, PathBuf::new(), Purpose::Run, notes)
        .map_err(|UsageError(diagnostics)| translation.explain(diagnostics))?;
    context.show(&translation.explain(std::mem::take(&mut loaded.warnings)));
    Ok(loaded)
}
