//! An observer: appends a line to an audit log for each image that was written.

use std::{
    fs::{File, OpenOptions},
    io::Write,
};

use sealift_core::{
    event::{Event, EventListener},
    job::Outcome,
};

/// Appends `source target` to the file that `ACME_AUDIT_LOG` names, for each image that was written.
pub(crate) struct AuditLog(Option<File>);

impl AuditLog {
    /// Opens the file; without the variable, or if it cannot be opened, nothing is logged.
    pub(crate) fn from_environment() -> Self {
        let path = std::env::var_os("ACME_AUDIT_LOG");
        Self(path.and_then(|path| OpenOptions::new().create(true).append(true).open(path).ok()))
    }
}

impl EventListener for AuditLog {
    fn on(&self, event: &Event) {
        if let (
            Some(mut file),
            Event::TargetFinished { source, target: Some(target), outcome: Outcome::Copied(_), .. },
        ) = (self.0.as_ref(), event)
        {
            // A full disk must not stop the run.
            let _ = writeln!(file, "{source} {target}");
        }
    }
}
