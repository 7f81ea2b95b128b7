//! From a pipeline that is ready to an exit code: the one way in which everything runs.

use std::{path::PathBuf, sync::Arc};

use sealift_core::{
    engine::{self, Cancel},
    event::{Event, Observer},
    plugin::Purpose,
    spec::Pipeline,
};

use crate::{
    args::{Instead, Kept, Memory},
    display::{Mode, Show},
    interrupt,
    report_file::ReportFile,
    session::{Refused, Session, load},
    translate::Translation,
};

/// Seconds that running transfers get where the pipeline does not say.
const GRACE_S: u64 = 20;

/// What becomes of a run beside what is shown.
#[derive(Default)]
pub(super) struct Beside {
    /// Where the report goes.
    pub(super) report: Option<ReportFile>,
    /// Who sees every event as well.
    pub(super) observer: Option<Arc<dyn Observer>>,
}

impl Beside {
    /// What was asked for.
    pub(super) fn of(kept: &Kept) -> Result<Self, Refused> {
        Ok(Self { report: kept.report()?, observer: None })
    }
}

/// Runs or plans a pipeline, shows it, and gives the exit code.
pub(super) async fn perform(pipeline: &Pipeline, mode: Mode, session: &Session, beside: Beside) -> u8 {
    let cancel = Cancel::new();
    let grace = pipeline.run.grace_s.unwrap_or(GRACE_S);
    let watch = interrupt::watch(cancel.clone(), session.console.clone(), grace);
    let show = Show::start(session, mode);
    let observer: Arc<dyn Observer> = match beside.observer {
        Some(also) => {
            let show = Arc::clone(&show);
            Arc::new(move |event: &Event| {
                show.on(event);
                also.on(event);
            })
        }
        None => Arc::clone(&show) as Arc<dyn Observer>,
    };
    let mut report = match mode {
        Mode::Run => engine::run(pipeline, &cancel, &observer).await,
        Mode::Plan => engine::plan(pipeline, &cancel, &observer).await,
    };
    watch.abort();
    report.warnings.splice(0..0, session.warned());
    show.finish(session, &report);
    match beside.report.map(|file| file.write(&report, mode)) {
        Some(Err(Refused(cannot))) => {
            session.show(&cannot);
            report.exit_code().max(1)
        }
        _ => report.exit_code(),
    }
}

/// Runs what flags stand for, or shows it instead.
pub(super) async fn translated(
    translation: &Translation,
    instead: Instead,
    kept: &Kept,
    memory: &Memory,
    session: &Session,
) -> Result<u8, Refused> {
    if instead.print_pipeline {
        session.out.text(translation.text());
        return Ok(0);
    }
    let loaded = load(translation.text(), Translation::FILE, PathBuf::new(), Purpose::Run, memory.notes())
        .map_err(|Refused(diagnostics)| translation.explain(diagnostics))?;
    session.show(&translation.explain(loaded.warnings));
    let mode = if instead.plan { Mode::Plan } else { Mode::Run };
    Ok(perform(&loaded.pipeline, mode, session, Beside::of(kept)?).await)
}
