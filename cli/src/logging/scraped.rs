//! Log lines in the form that image-syncer's have, for the programs that read them:
//! `time="2026-11-27 22:46:26" level=info msg="…"`, in local time.

use std::fmt;

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// Formats lines as image-syncer does.
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
        let mut fields = EventFields::default();
        event.record(&mut fields);
        let time = jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S").to_string();
        writeln!(writer, "time=\"{time}\" level={level} msg={:?}{}", fields.message, fields.fields)
    }
}

/// The fields of an event as text.
#[derive(Default)]
struct EventFields {
    message: String,
    fields: String,
}

impl Visit for EventFields {
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
