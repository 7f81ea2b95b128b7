//! The report of a run as a file, for schedulers and audits.
//!
//! The file is replaced atomically at the end of the run: a reader sees the report of this run or of an earlier one.
//! `docs/reference/report.md` documents which fields are stable.

use std::{
    borrow::Cow,
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use sealift_core::{
    async_trait,
    diagnostic::Diagnostic,
    error::Result as CoreResult,
    event::Event,
    observer::{Delivery, Observer},
    report::Report,
    schemars::{self, JsonSchema},
};
use serde::Serialize;

use crate::{
    display::{clean_json, io_message},
    logging,
    program::Program,
    usage_error::UsageError,
};

/// The version of the format. It changes when a field goes or changes its meaning, and with nothing less.
const VERSION: u32 = 1;

/// The result of one call of `sealift`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "Report of Sealift")]
struct ReportDocument<'a> {
    /// The version of this format: 1. A reader should refuse a version that it does not know, and overlook fields that
    /// it does not know.
    schema: u32,
    /// The version of the program that wrote it.
    sealift: Cow<'a, str>,
    /// `run`, or `plan` if nothing was to be written.
    mode: Cow<'a, str>,
    /// The start of the run, as RFC 3339 in UTC.
    started: Cow<'a, str>,
    /// 0: all there; 1: something failed; 130: stopped before the end.
    exit_code: u8,
    #[serde(flatten)]
    report: &'a Report,
}

/// The file that the report of a run goes to.
pub(crate) struct ReportFile {
    path: PathBuf,
    program: Program,
    started: jiff::Timestamp,
    state: Mutex<ReportState>,
}

#[derive(Default)]
struct ReportState {
    plan: bool,
    failure: Option<Diagnostic>,
}

/// Writes the report at the end of the run.
#[async_trait]
impl Observer for ReportFile {
    fn delivery(&self) -> Delivery {
        Delivery::Lossless { queue: 1024 }
    }

    async fn event(&self, event: &Event) -> CoreResult<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::RunStarted { plan, .. } => state.plan = *plan,
            Event::RunFinished { report } => {
                state.failure = self.write(report, state.plan).err().map(|error| self.cannot(&error));
            }
            _ => {}
        }
        Ok(())
    }
}

impl ReportFile {
    /// Creates the file handle and tests that the file can be written. `program` is the one that writes it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn new(path: &Path, program: Program) -> Result<Self, UsageError> {
        let file = Self { path: path.to_owned(), program, started: jiff::Timestamp::now(), state: Mutex::default() };
        let tried =
            if file.is_special() { Ok(()) } else { file.check_replaced().and_then(|()| file.temporary().map(drop)) };
        tried.map_err(|error| file.cannot(&error))?;
        Ok(file)
    }

    /// The same, for a run of the pipeline with this text. `base` is where relative paths in it start.
    ///
    /// # Errors
    /// Also if the pipeline reads or writes a file of the same name.
    pub(crate) fn beside(path: &Path, program: Program, pipeline: &str, base: &Path) -> Result<Self, UsageError> {
        let place = |path: &Path| fs::canonicalize(path).or_else(|_| std::path::absolute(path)).ok();
        let own = place(path);
        let table: toml::Table = pipeline.parse().unwrap_or_default();
        let layout = own.as_deref().filter(|own| LAYOUT.iter().any(|file| own.ends_with(file))).and_then(Path::parent);
        let is_own = |named: &&str| {
            let named = Some(*named).filter(|named| !named.is_empty()).and_then(|named| place(&base.join(named)));
            named.is_some() && (named == own || named.as_deref() == layout)
        };
        let pipeline = toml::Value::Table(table);
        match files_of(&pipeline).into_iter().find(is_own) {
            Some(named) => {
                Err(Diagnostic::error(format!("`{named}` is a file of this command, and a report would replace it"))
                    .note("from `--report`")
                    .hint("give the report another name")
                    .into())
            }
            None => Self::new(path, program),
        }
    }

    /// Writes the report.
    ///
    /// # Errors
    /// If the file cannot be written.
    fn write(&self, report: &Report, plan: bool) -> io::Result<()> {
        let text = text(&self.document(report, plan));
        let text = self.program.worded_json(&text);
        self.write_text(&text)
    }

    /// Returns the error of writing it.
    pub(crate) fn failure(&self) -> Option<Diagnostic> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).failure.clone()
    }

    fn document<'a>(&self, report: &'a Report, plan: bool) -> ReportDocument<'a> {
        ReportDocument {
            schema: VERSION,
            sealift: self.program.version.into(),
            mode: if plan { "plan" } else { "run" }.into(),
            started: self.started.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into(),
            exit_code: report.exit_code(),
            report,
        }
    }

    fn write_text(&self, text: &str) -> io::Result<()> {
        if self.is_special() {
            return logging::open(&self.path)?.write_all(text.as_bytes());
        }
        self.check_replaced()?;
        let mut file = self.temporary()?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }

    /// Returns an error if what is there are images: a tar file, or a file of a layout, named by mistake.
    fn check_replaced(&self) -> io::Result<()> {
        let mut start = [0; 262];
        let read = fs::File::open(&self.path).and_then(|mut file| file.read_exact(&mut start));
        // POSIX.1-1988, ustar: the magic at offset 257.
        let is_tar = read.is_ok() && start[257..] == *b"ustar";
        let is_index = self.path.file_name().is_some_and(|name| name == "index.json" || name == "oci-layout")
            && self.path.with_file_name("blobs").is_dir();
        let is_inside = |folder: &str| self.path.parent().is_some_and(|parent| parent.ends_with(folder));
        match is_tar || is_index || is_inside("blobs/sha256") || is_inside(".sealift") {
            true => Err(io::Error::other("images are there, which a report would replace")),
            false => Ok(()),
        }
    }

    /// Creates a temporary file in the same directory.
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

    /// Returns true for files that are written to and not replaced: a pipe, `/dev/stdout`.
    fn is_special(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|data| !data.is_file() && !data.is_dir())
    }

    fn cannot(&self, error: &io::Error) -> Diagnostic {
        Diagnostic::error(format!("cannot write to `{}`: {}", self.path.display(), io_message(error)))
            .note("from `--report`")
    }
}

/// The files of a layout by which its images are known.
const LAYOUT: [&str; 2] = ["index.json", "oci-layout"];

/// The keys of a pipeline that name files.
const FILES: [&str; 9] = ["base", "ca_file", "client_cert", "client_key", "env_file", "file", "files", "path", "rules"];

/// Returns the files that a pipeline names.
fn files_of(value: &toml::Value) -> Vec<&str> {
    let inside: Vec<&toml::Value> = match value {
        toml::Value::Table(table) => table.values().collect(),
        toml::Value::Array(items) => items.iter().collect(),
        _ => Vec::new(),
    };
    let mut files: Vec<&str> = inside.into_iter().flat_map(files_of).collect();
    for (_, value) in value.as_table().into_iter().flatten().filter(|(key, _)| FILES.contains(&key.as_str())) {
        files.extend(value.as_str());
        files.extend(value.as_array().into_iter().flatten().filter_map(toml::Value::as_str));
    }
    files
}

fn text(document: &impl Serialize) -> String {
    clean_json(serde_json::to_string_pretty(document).expect("a report can be written as JSON")) + "\n"
}

#[cfg(test)]
mod tests;
