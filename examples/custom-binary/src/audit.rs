//! An observer: appends a line to an audit log for each image that was written.

use std::{
    fs::{File, OpenOptions},
    io::Write,
};

use sealift_core::{
    async_trait,
    error::{Error, ErrorKind, Result},
    event::Event,
    job::Outcome,
    observer::Observer,
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

#[async_trait]
impl Observer for AuditLog {
    async fn event(&self, event: &Event) -> Result<()> {
        if let (
            Some(mut file),
            Event::TargetFinished { source, target: Some(target), outcome: Outcome::Copied(_), .. },
        ) = (self.0.as_ref(), event)
        {
            // An error becomes a warning of the run: a full disk stops no copy.
            let cannot = |error| Error::new(ErrorKind::Storage, "cannot write the audit log").with_source(error);
            writeln!(file, "{source} {target}").map_err(cannot)?;
        }
        Ok(())
    }
}
