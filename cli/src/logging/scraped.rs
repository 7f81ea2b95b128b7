//! Log lines in the form that image-syncer's have, for the programs that read them:
//! `time="2026-11-27 22:46:26" level=info msg="…"`, in local time.

use std::{fmt, time::Duration};

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// Writes lines as image-syncer does.
pub(super) struct Scraped;

impl<S, N> FormatEvent<S, N> for Scraped
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warning",
            Level::INFO => "info",
            Level::DEBUG => "debug",
            Level::TRACE => "trace",
        };
        let mut said = Said::default();
        event.record(&mut said);
        let time = jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S").to_string();
        writeln!(writer, "time=\"{time}\" level={level} msg={:?}{}", said.message, said.fields)
    }
}

#[derive(Default)]
struct Said {
    message: String,
    fields: String,
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name => self.fields += &format!(" {name}={:?}", format!("{value:?}")),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message = value.to_owned(),
            name => self.fields += &format!(" {name}={value:?}"),
        }
    }
}

/// The last line of a run, which programs look for.
pub(crate) fn last_line(failed: u64, elapsed: Duration, stopped: bool) -> String {
    let ended = if stopped { "stopped" } else { "finished" };
    format!("Synchronization {ended}, {failed} tasks failed, cost {}.", cost(elapsed))
}

/// A time as Go writes it: `3.2s`, `1m2.5s`, `1h0m2.5s`.
fn cost(elapsed: Duration) -> String {
    let (tenths, minutes) = (elapsed.as_millis() / 100, elapsed.as_secs() / 60);
    let seconds = format!("{}.{}s", tenths / 10 % 60, tenths % 10);
    match minutes {
        0 => seconds,
        1..60 => format!("{minutes}m{seconds}"),
        _ => format!("{}h{}m{seconds}", minutes / 60, minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_the_one_that_is_looked_for() {
        let line = |seconds, stopped| last_line(2, Duration::from_secs_f64(seconds), stopped);
        assert_eq!(line(3.25, false), "Synchronization finished, 2 tasks failed, cost 3.2s.");
        assert_eq!(line(62.5, false), "Synchronization finished, 2 tasks failed, cost 1m2.5s.");
        assert_eq!(line(3602.5, true), "Synchronization stopped, 2 tasks failed, cost 1h0m2.5s.");
    }
}
