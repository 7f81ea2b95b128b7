//! Events as programs read them: one JSON object a line on stdout, the report as the last one.
//!
//! Names are stable; a new version may add events and fields. `docs/reference/json-events.md` lists them.

use std::sync::{Arc, atomic::AtomicU64};

use sealift_core::{
    content::{Digest, ImageRef, Repository},
    error::{Error, ErrorKind},
    event::{Event, PlannedImage},
    job::{CopyStats, Outcome, Skip},
    report::Report,
    stage::Removed,
};
use serde::Serialize;

use super::totals::RunProgress;

/// One line.
#[derive(Serialize)]
pub(super) struct EventLine<'a> {
    #[serde(flatten)]
    fact: Fact<'a>,
    /// The time, as RFC 3339.
    time: String,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Fact<'a> {
    RunStarted {
        name: &'a str,
    },
    Listed {
        repository: &'a Repository,
        kept: usize,
        dropped: Vec<Dropped<'a>>,
    },
    ListingFailed {
        repository: Option<&'a Repository>,
        error: ErrorFields<'a>,
    },
    RuleRefused {
        rule: &'a str,
        error: ErrorFields<'a>,
    },
    Warning {
        message: &'a str,
    },
    JobStarted {
        job: u64,
        source: &'a ImageRef,
    },
    TransferStarted {
        job: u64,
        transfer: u64,
        source: &'a ImageRef,
        digest: &'a Digest,
        #[serde(skip_serializing_if = "Option::is_none")]
        size: Option<u64>,
    },
    TransferFinished {
        transfer: u64,
        bytes: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<ErrorFields<'a>>,
    },
    Retrying {
        job: u64,
        what: &'a str,
        attempt: u32,
        error: ErrorFields<'a>,
    },
    Planned {
        job: u64,
        #[serde(flatten)]
        image: &'a PlannedImage,
    },
    TargetFinished {
        job: u64,
        source: &'a ImageRef,
        #[serde(skip_serializing_if = "Option::is_none")]
        target: Option<&'a ImageRef>,
        push: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        location: Option<&'a str>,
        #[serde(flatten)]
        end: OutcomeFields<'a>,
    },
    JobFinished {
        job: u64,
    },
    Progress(&'a RunProgress),
    RoundStarted {
        round: u32,
        failed: usize,
    },
    Removed {
        push: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        location: Option<&'a str>,
        #[serde(flatten)]
        removed: &'a Removed,
    },
    NotesChanged {
        push: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        location: Option<&'a str>,
    },
    Stopping,
    Report {
        exit_code: u8,
        #[serde(flatten)]
        report: &'a Report,
    },
}

#[derive(Serialize)]
struct Dropped<'a> {
    filter: &'a str,
    count: usize,
}

#[derive(Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum OutcomeFields<'a> {
    Copied(&'a CopyStats),
    Skipped(&'a Skip),
    Failed { error: ErrorFields<'a>, again: bool },
}

#[derive(Serialize)]
struct ErrorFields<'a> {
    kind: ErrorKind,
    message: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    because: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

impl<'a> From<&'a Error> for ErrorFields<'a> {
    fn from(error: &'a Error) -> Self {
        Self { kind: error.kind(), message: error.message(), because: error.causes(), hint: error.hint() }
    }
}

/// The line for an event. `passed` knows how many bytes went through a transfer that is over.
pub(super) fn line<'a>(event: &'a Event, passed: Option<&Arc<AtomicU64>>) -> Option<EventLine<'a>> {
    let fact = match event {
        Event::RunStarted { name, .. } => Fact::RunStarted { name },
        Event::Listed { repository, kept, dropped } => Fact::Listed {
            repository,
            kept: *kept,
            dropped: dropped.iter().map(|(filter, count)| Dropped { filter, count: *count }).collect(),
        },
        Event::ListingFailed { repository, error } => {
            Fact::ListingFailed { repository: repository.as_ref(), error: error.into() }
        }
        Event::RuleRefused { rule, error } => Fact::RuleRefused { rule, error: error.into() },
        Event::Warning { message } => Fact::Warning { message },
        Event::JobStarted { job, source } => Fact::JobStarted { job: *job, source },
        Event::TransferStarted { job, transfer, source, digest, size, .. } => {
            Fact::TransferStarted { job: *job, transfer: *transfer, source, digest, size: *size }
        }
        Event::TransferFinished { transfer, error } => Fact::TransferFinished {
            transfer: *transfer,
            bytes: passed.map_or(0, |passed| passed.load(std::sync::atomic::Ordering::Relaxed)),
            error: error.as_ref().map(ErrorFields::from),
        },
        Event::Retrying { job, what, error, attempt } => {
            Fact::Retrying { job: *job, what, attempt: *attempt, error: error.into() }
        }
        Event::Planned { job, image } => Fact::Planned { job: *job, image },
        Event::TargetFinished { job, source, target, push, location, outcome, again } => Fact::TargetFinished {
            job: *job,
            source,
            target: target.as_ref(),
            push,
            location: location.as_deref(),
            end: match outcome {
                Outcome::Copied(moved) => OutcomeFields::Copied(moved),
                Outcome::Skipped(skip) => OutcomeFields::Skipped(skip),
                Outcome::Failed(error) => OutcomeFields::Failed { error: error.into(), again: *again },
            },
        },
        Event::JobFinished { job } => Fact::JobFinished { job: *job },
        Event::PassStarted { round, failed } => Fact::RoundStarted { round: *round, failed: *failed },
        Event::Removed { push, location, removed } => Fact::Removed { push, location: location.as_deref(), removed },
        Event::NotesChanged { push, location } => Fact::NotesChanged { push, location: location.as_deref() },
        Event::Stopping => Fact::Stopping,
        // The report is the last line. The display misses nothing.
        _ => return None,
    };
    Some(now(fact))
}

/// The state of a run at this moment.
pub(super) fn progress(progress: &RunProgress) -> EventLine<'_> {
    now(Fact::Progress(progress))
}

/// The last line.
pub(super) fn report(report: &Report) -> EventLine<'_> {
    now(Fact::Report { exit_code: report.exit_code(), report })
}

fn now(fact: Fact<'_>) -> EventLine<'_> {
    let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    EventLine { fact, time }
}

#[cfg(test)]
mod tests;
