//! Scripted faults: the requests that fail, and the kind of failure.

use std::{fmt, ops::RangeInclusive, sync::Arc, time::Duration};

use bytes::Bytes;

use super::Exchange;

/// The way in which a connection is closed too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By a reset: what is under way may be lost.
    Reset,
    /// In order, as if everything had been said.
    Fin,
}

/// An answer that the registry behind never gave.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Headers; `content-length` is added where it is missing.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// An answer with this status and nothing else.
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// The same with a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// The same with a body.
    #[must_use]
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// The same with a body that says that it is JSON.
    #[must_use]
    pub fn json(self, body: &str) -> Self {
        self.header("content-type", "application/json").body(body.to_owned())
    }
}

/// A change to a request or its answer. Numbers of bytes refer to the body.
#[derive(Clone)]
pub enum Act {
    /// The connection ends before the request is passed on.
    HangUp(End),
    /// The connection ends after so many bytes of the request, which were passed on.
    CutRequest {
        /// Bytes that are passed on.
        after: u64,
        /// The way in which it is closed.
        end: End,
    },
    /// After so many bytes nothing more of the request is taken.
    StallRequest {
        /// Bytes that are passed on.
        after: u64,
    },
    /// The registry does what it was asked, and its answer is lost.
    Lose(End),
    /// The answer comes only after this time.
    Late(Duration),
    /// The connection ends after so many bytes of the answer, whose head announced all of it.
    Cut {
        /// Bytes that come through.
        after: u64,
        /// The way in which it is closed.
        end: End,
    },
    /// After so many bytes of the answer nothing more comes.
    Stall {
        /// Bytes that come through.
        after: u64,
    },
    /// The answer is this short, and its head says so.
    Shorten {
        /// Bytes that come through.
        to: u64,
    },
    /// After the answer's body more bytes come, without end.
    Endless,
    /// The bits of this byte of the answer are turned round.
    Flip {
        /// The offset of the byte in the body, counted from 0.
        at: u64,
    },
    /// So many bytes of the answer come each second.
    Throttle {
        /// Bytes.
        bytes_per_second: u64,
    },
    /// The answer comes with this header set, or without it.
    Header(&'static str, Option<String>),
    /// This is answered, and the registry never asked.
    Say(Answer),
    /// The same, depending on what was asked.
    SayTo(Arc<dyn Fn(&Exchange) -> Answer + Send + Sync>),
}

impl Act {
    /// Answers by a closure.
    pub fn say_to(answer: impl Fn(&Exchange) -> Answer + Send + Sync + 'static) -> Self {
        Self::SayTo(Arc::new(answer))
    }

    /// A redirect.
    pub fn redirect(to: &str) -> Self {
        Self::Say(Answer::status(307).header("location", to))
    }
}

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HangUp(end) => write!(f, "hang up ({end:?})"),
            Self::CutRequest { after, end } => write!(f, "cut the request after {after} bytes ({end:?})"),
            Self::StallRequest { after } => write!(f, "take no more than {after} bytes of the request"),
            Self::Lose(end) => write!(f, "lose the answer ({end:?})"),
            Self::Late(by) => write!(f, "answer late by {by:?}"),
            Self::Cut { after, end } => write!(f, "cut the answer after {after} bytes ({end:?})"),
            Self::Stall { after } => write!(f, "stall the answer after {after} bytes"),
            Self::Shorten { to } => write!(f, "shorten the answer to {to} bytes"),
            Self::Endless => f.write_str("never end the answer"),
            Self::Flip { at } => write!(f, "flip byte {at} of the answer"),
            Self::Throttle { bytes_per_second } => write!(f, "answer with {bytes_per_second} bytes per second"),
            Self::Header(name, value) => write!(f, "answer with `{name}: {}`", value.as_deref().unwrap_or("–")),
            Self::Say(answer) => write!(f, "answer {}", answer.status),
            Self::SayTo(_) => f.write_str("answer by a closure"),
        }
    }
}

/// One thing that goes wrong.
#[derive(Clone, Debug)]
pub struct Fault {
    method: &'static str,
    part: String,
    when: When,
    act: Act,
}

#[derive(Clone, Debug)]
enum When {
    These(RangeInclusive<u64>),
    Every(u64),
}

/// For which requests; [`When::act`](On::act) says what happens to them.
#[derive(Clone, Debug)]
#[must_use]
pub struct On {
    method: &'static str,
    part: String,
    when: When,
}

impl Fault {
    /// For requests with this method (`*`: any) whose path and query contain this; `*` in it stands for anything.
    /// Unless something else is said, for each of them.
    pub fn on(method: &'static str, part: impl Into<String>) -> On {
        On { method, part: part.into(), when: When::These(1..=u64::MAX) }
    }

    pub(super) fn matches(&self, method: &str, path: &str) -> bool {
        (self.method == "*" || self.method == method) && contains(path, &self.part)
    }

    /// Returns true if it applies to the n-th matching request, counted from 1.
    pub(super) fn is_due(&self, n: u64) -> bool {
        match &self.when {
            When::These(these) => these.contains(&n),
            When::Every(every) => n.is_multiple_of(*every),
        }
    }

    pub(super) fn what(&self) -> &Act {
        &self.act
    }
}

impl On {
    /// Only for the n-th one, counted from 1.
    pub fn nth(self, n: u64) -> Self {
        Self { when: When::These(n..=n), ..self }
    }

    /// Only for the first n.
    pub fn first(self, n: u64) -> Self {
        Self { when: When::These(1..=n), ..self }
    }

    /// Only from the n-th one on.
    pub fn from(self, n: u64) -> Self {
        Self { when: When::These(n..=u64::MAX), ..self }
    }

    /// Only for each n-th one.
    pub fn every(self, n: u64) -> Self {
        Self { when: When::Every(n), ..self }
    }

    /// Returns the fault that applies this act to the selected requests.
    pub fn act(self, act: Act) -> Fault {
        Fault { method: self.method, part: self.part, when: self.when, act }
    }
}

/// Returns true if a text contains the pieces between the stars of a pattern, in order.
pub(super) fn contains(text: &str, pattern: &str) -> bool {
    let mut rest = text;
    pattern.split('*').all(|piece| match rest.find(piece) {
        Some(at) => {
            rest = &rest[at + piece.len()..];
            true
        }
        None => false,
    })
}
