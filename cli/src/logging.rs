//! Log lines: to stderr above the live progress, or to the file of `--log`.
//!
//! Log lines only repeat what is shown elsewhere. Some dependencies log headers, which hold credentials, at their finest
//! levels; lines of theirs below `warn` are dropped.

mod file;
mod scraped;

use std::io::{self, Write};

use sealift_core::diagnostic::Diagnostic;
use tracing::{Level, level_filters::LevelFilter};
use tracing_subscriber::{
    filter::Targets,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::{
    display::{Console, RUN_LOG, io_message},
    options::GlobalOptions,
    usage_error::UsageError,
};

pub(crate) use file::{LogFile, open};

/// Crates that log too much, and credentials among it.
const CAPPED: [&str; 8] = ["axum", "h2", "hyper", "hyper_util", "mio", "reqwest", "rustls", "tower"];

/// Starts to log, and returns the file that lines go to. `scraped` selects the form of image-syncer's lines.
///
/// # Errors
/// If the file cannot be opened.
pub(crate) fn start(global: &GlobalOptions, console: &Console, scraped: bool) -> Result<Option<LogFile>, UsageError> {
    let lines = fmt::layer().with_target(global.verbose > 1);
    let Some(path) = global.log_file() else {
        let lines = lines.without_time().with_ansi(console.colour()).with_writer(Above(console.clone()));
        let filter = if global.quiet { filter_at(Level::ERROR) } else { filter(global.verbose) };
        // A subscriber that the calling program set up stays.
        tracing_subscriber::registry().with(filter).with(lines).try_init().ok();
        return Ok(None);
    };
    let file = LogFile::open(path, console).map_err(|error| {
        Diagnostic::error(format!("cannot write to `{}`: {}", path.display(), io_message(&error))).note("from `--log`")
    })?;
    let filter = filter(global.verbose.max(1)).with_target(RUN_LOG, Level::TRACE);
    let lines = lines.with_ansi(false).with_writer(file.clone());
    let registry = tracing_subscriber::registry().with(filter);
    match scraped {
        true => registry.with(lines.event_format(scraped::Scraped)).try_init(),
        false => registry.with(lines).try_init(),
    }
    .ok();
    Ok(Some(file))
}

fn filter(verbose: u8) -> Targets {
    filter_at(match verbose {
        0 => Level::WARN,
        1 => Level::INFO,
        2 => Level::DEBUG,
        _ => Level::TRACE,
    })
}

fn filter_at(level: Level) -> Targets {
    let cap = LevelFilter::from_level(level).min(LevelFilter::WARN);
    Targets::new().with_default(level).with_targets(CAPPED.map(|name| (name, cap)))
}

/// Writes log lines above the live progress.
struct Above(Console);

/// The text of one event, which is shown when it is complete.
struct LogLine<'a> {
    console: &'a Console,
    text: Vec<u8>,
}

impl<'a> MakeWriter<'a> for Above {
    type Writer = LogLine<'a>;

    fn make_writer(&'a self) -> LogLine<'a> {
        LogLine { console: &self.0, text: Vec::new() }
    }
}

impl Write for LogLine<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LogLine<'_> {
    fn drop(&mut self) {
        if !self.text.is_empty() {
            self.console.say(String::from_utf8_lossy(&self.text).trim());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_that_could_log_headers_stay_capped_at_every_verbosity() {
        for verbose in 0..9 {
            for name in CAPPED {
                assert!(!filter(verbose).would_enable(&format!("{name}::proto"), &Level::INFO), "{name} {verbose}");
            }
        }
        assert!(filter(2).would_enable("sealift_registry_client", &Level::DEBUG));
        assert!(!filter_at(Level::ERROR).would_enable("hyper", &Level::WARN));
    }
}
