//! From a pipeline to an exit code: every verb that runs one comes through here.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use sealift_core::{
    async_trait,
    cache::Cache,
    content::ReferenceError,
    diagnostic::Diagnostic,
    engine::{self, CancelHandle, RunSettings},
    error::Result as CoreResult,
    event::Event,
    observer::{Delivery, Observer},
    plugin::Purpose,
    spec::{self, LoadOptions, Loaded, Pipeline},
    text::has_login,
};

use super::named_hosts;
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
    /// Notes what a plan would change, if the exit code shall tell it.
    changes: Option<Arc<PlannedChanges>>,
}

/// The exit code of a plan by which something would change.
const WOULD_CHANGE: u8 = 3;

/// Notes whether anything would be written or removed.
#[derive(Default)]
struct PlannedChanges(AtomicBool);

#[async_trait]
impl Observer for PlannedChanges {
    fn delivery(&self) -> Delivery {
        Delivery::Lossless { queue: 1024 }
    }

    async fn event(&self, event: &Event) -> CoreResult<()> {
        let changes = match event {
            Event::Planned { image, .. } => image.targets.iter().any(|target| target.skip.is_none()),
            Event::Removed { removed, .. } => !removed.held_back,
            Event::NotesChanged { .. } => true,
            _ => false,
        };
        self.0.fetch_or(changes, Ordering::Relaxed);
        Ok(())
    }
}

impl Extras {
    /// Creates the outputs that the options ask for, for a run of this pipeline. `base` is where relative paths in it start.
    ///
    /// # Errors
    /// If the report file cannot be written.
    pub(super) fn of(
        options: &ReportOptions,
        context: &Context,
        pipeline: &str,
        base: &Path,
    ) -> Result<Self, UsageError> {
        if options.file() == Some(Path::new("-")) {
            return Err(Diagnostic::error("`--report` writes a file, and `-` is none")
                .hint("`--json` prints the report on stdout, as the last object; a file of that name is `./-`")
                .into());
        }
        let file = options.file().map(|path| ReportFile::beside(path, context.program, pipeline, base));
        let report = file.transpose()?;
        Ok(Self { report: report.map(Arc::new), ..Self::default() })
    }

    /// Lets the exit code of a plan tell whether anything would change, if that is asked for.
    pub(super) fn planned(self, detailed_exit_code: bool) -> Self {
        Self { changes: detailed_exit_code.then(Arc::default), ..self }
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
    if let Some(changes) = &extras.changes {
        settings = settings.with_observer("exit code", Arc::clone(changes) as Arc<dyn Observer>);
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
        None => match extras.changes.is_some_and(|changes| changes.0.load(Ordering::Relaxed)) {
            true if report.exit_code() == 0 && mode == ShowMode::Plan => WOULD_CHANGE,
            _ => report.exit_code(),
        },
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
    let mode = if output.planning.plan { ShowMode::Plan } else { ShowMode::Run };
    let extras = Extras::of(&output.report, context, translation.text(), Path::new(""))?
        .planned(output.planning.detailed_exit_code);
    Ok(perform(&loaded.pipeline, mode, context, extras).await)
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
    let strangers = named_hosts::strangers(translation, &loaded);
    if strangers.iter().any(Diagnostic::is_error) {
        return Err(UsageError(strangers));
    }
    context.show(&strangers);
    context.show(&translation.explain(std::mem::take(&mut loaded.warnings)));
    Ok(loaded)
}
