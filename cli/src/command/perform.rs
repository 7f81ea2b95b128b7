//! From a pipeline to an exit code: every verb that runs one comes through here.

use std::{path::PathBuf, sync::Arc};

use sealift_core::{
    cache::Cache,
    content::ReferenceError,
    diagnostic::Diagnostic,
    engine::{self, CancelHandle, RunSettings},
    observer::Observer,
    plugin::Purpose,
    spec::{self, LoadOptions, Loaded, Pipeline},
    text::has_login,
};

use crate::{
    context::Context,
    display::{Show, ShowMode},
    interrupt, notebook,
    options::{OutputOptions, ReportOptions},
    registry_options::{PASSWORD, password_from_stdin},
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
    pub(crate) report: Option<Arc<ReportFile>>,
    /// An observer of this run.
    pub(crate) observer: Option<Arc<dyn Observer>>,
}

impl Extras {
    /// Creates the outputs that the options ask for.
    ///
    /// # Errors
    /// If the report file cannot be written.
    pub(super) fn of(options: &ReportOptions, context: &Context) -> Result<Self, UsageError> {
        let report = options.file().map(|path| ReportFile::new(path, context.program)).transpose()?;
        Ok(Self { report: report.map(Arc::new), observer: None })
    }
}

/// Runs or plans a pipeline, shows it, and returns the exit code.
pub(crate) async fn perform(pipeline: &Pipeline, mode: ShowMode, context: &Context, extras: Extras) -> u8 {
    let cancel = CancelHandle::new();
    let grace = pipeline.options().grace_s.unwrap_or(GRACE_S);
    let watch = interrupt::watch(cancel.clone(), context.console.clone(), grace);
    let show = Show::start(&context.console, &context.out, context.show_options(), mode);
    let mut settings = RunSettings::default().with_cancel(&cancel).with_warnings(context.warned());
    settings.observers = context.observers.clone();
    settings = settings.with_observer("display", Arc::clone(&show) as Arc<dyn Observer>);
    if let Some(observer) = extras.observer {
        settings = settings.with_observer("success list", observer);
    }
    if let Some(report) = &extras.report {
        settings = settings.with_observer("report file", Arc::clone(report) as Arc<dyn Observer>);
    }
    let report = match mode {
        ShowMode::Run => engine::run(pipeline, settings).await,
        ShowMode::Plan => engine::plan(pipeline, settings).await,
    };
    watch.abort();
    // Done already, unless the display broke.
    show.finish(&report);
    match extras.report.and_then(|file| file.failure()) {
        Some(cannot) => {
            context.show(&[cannot]);
            report.exit_code().max(1)
        }
        None => report.exit_code(),
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
    let password = translation.password_stdin.then(password_from_stdin).transpose()?;
    let environment = move |name: &str| match &password {
        Some(password) if name == PASSWORD => Some(password.clone()),
        _ => std::env::var(name).ok(),
    };
    let options = LoadOptions {
        base: PathBuf::new(),
        environment: Arc::new(environment),
        purpose: Purpose::Run,
        cache: notes,
        extensions: Default::default(),
    };
    let mut loaded = spec::load(translation.text(), Translation::FILE, &options)
        .map_err(|diagnostics| translation.explain(diagnostics))?;
    context.show(&translation.explain(std::mem::take(&mut loaded.warnings)));
    Ok(loaded)
}
