//! The report as a file: what a scheduler or an auditor keeps of a run.
//!
//! It is written once, at the end, and whole: whoever reads the file sees the report of this run or that of an earlier
//! one. `docs/reference/report.md` says what stays as it is from version to version.

use std::{
    borrow::Cow,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use sealift_core::{
    diagnostic::Diagnostic,
    report::Report,
    schemars::{self, JsonSchema},
};
use serde::Serialize;

use crate::{
    display::{Mode, of_io},
    session::Refused,
};

/// The version of the format. It changes when a field goes or changes its meaning, and with nothing less.
const VERSION: u32 = 1;

/// What came of one call of `sealift`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "Report of Sealift")]
struct Document<'a> {
    /// The version of this format: 1. A reader should refuse a version that it does not know, and overlook fields that
    /// it does not know.
    schema: u32,
    /// The version of the program that wrote it.
    sealift: Cow<'a, str>,
    /// `run`, or `plan` if nothing was to be written.
    mode: Cow<'a, str>,
    /// When the run began, as RFC 3339 in UTC.
    started: Cow<'a, str>,
    /// 0: all there; 1: something failed; 130: stopped before the end.
    exit_code: u8,
    #[serde(flatten)]
    report: &'a Report,
}

/// Where the report of a run goes.
pub(crate) struct ReportFile {
    path: PathBuf,
    started: jiff::Timestamp,
}

impl ReportFile {
    /// A file that the report will be written to, tried out before anything else is done.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn new(path: &Path) -> Result<Self, Refused> {
        let file = Self { path: path.to_owned(), started: jiff::Timestamp::now() };
        let tried = if file.is_special() { Ok(()) } else { file.temporary().map(drop) };
        tried.map_err(|error| file.cannot(&error))?;
        Ok(file)
    }

    /// Writes it.
    ///
    /// # Errors
    /// If that is not possible any more.
    pub(crate) fn write(&self, report: &Report, mode: Mode) -> Result<(), Refused> {
        let text = text(&self.document(report, mode));
        Ok(self.write_text(&text).map_err(|error| self.cannot(&error))?)
    }

    fn document<'a>(&self, report: &'a Report, mode: Mode) -> Document<'a> {
        Document {
            schema: VERSION,
            sealift: env!("CARGO_PKG_VERSION").into(),
            mode: if mode == Mode::Plan { "plan" } else { "run" }.into(),
            started: self.started.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into(),
            exit_code: report.exit_code(),
            report,
        }
    }

    fn write_text(&self, text: &str) -> io::Result<()> {
        if self.is_special() {
            return fs::write(&self.path, text);
        }
        let mut file = self.temporary()?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }

    /// A new file beside the one that it will replace.
    fn temporary(&self) -> io::Result<tempfile::NamedTempFile> {
        if self.path.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(".sealift-report-");
        // Others may read it, if the umask lets them.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => builder.tempfile_in(folder),
            _ => builder.tempfile_in("."),
        }
    }

    /// Whether it is something that must be written to and not replaced: a pipe, `/dev/stdout`.
    fn is_special(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|data| !data.is_file() && !data.is_dir())
    }

    fn cannot(&self, error: &io::Error) -> Diagnostic {
        Diagnostic::error(format!("cannot write to `{}`: {}", self.path.display(), of_io(error)))
            .note("from `--report`")
    }
}

fn text(document: &impl Serialize) -> String {
    serde_json::to_string_pretty(document).expect("a report can be written as JSON") + "\n"
}

#[cfg(test)]
mod tests;
