//! Errors, classified by the action that resolves them.
//!
//! A stage says what happened: a kind, a sentence, perhaps a hint, and whether trying again can help.
//! What is done about it (attempts, rounds, giving up) is the engine's alone.

use std::{borrow::Cow, fmt, io, sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    content::{DigestError, ManifestError, ReferenceError},
    text,
};

/// The result of what stages do.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Sorts errors by what the reader can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// It is not there: check the name.
    NotFound,
    /// It is not allowed: check credentials and rights.
    Denied,
    /// Too much was asked for in too short a time: wait.
    Throttled,
    /// The other side cannot be reached or does not answer: check network and service.
    Unavailable,
    /// Bytes are not what their digest says.
    Corrupt,
    /// The other side, or this program, does not do this.
    Unsupported,
    /// A disk, a quota or a file-system limit.
    Storage,
    /// What stands there does not allow it: an immutable tag, a name that two images claim.
    Conflict,
    /// The run was stopped.
    Cancelled,
    /// A mistake in this program or in a plugin.
    Bug,
}

/// Tells whether a retry can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Retry {
    /// It would fail in the same way.
    #[default]
    Never,
    /// It may work at any time.
    Soon,
    /// It may work when everything else is done; trying again at once would fail in the same way.
    Later,
    /// It may work after this time; the other side said so.
    After(Duration),
}

/// An error: a kind, a message and perhaps a hint.
///
/// Messages are lower case without a full stop; values stand in backticks. Cheap to clone, because one failure may
/// have to be told to several.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    hint: Option<Cow<'static, str>>,
    retry: Retry,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error that trying again does not help, unless its kind says otherwise: throttled and unavailable are
    /// [`Retry::Soon`].
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let retry = match kind {
            ErrorKind::Throttled | ErrorKind::Unavailable => Retry::Soon,
            _ => Retry::Never,
        };
        Self(Arc::new(Inner {
            kind,
            message: text::message(&message.into()).into_owned(),
            hint: None,
            retry,
            source: None,
        }))
    }

    /// The run was stopped.
    pub fn cancelled() -> Self {
        Self::new(ErrorKind::Cancelled, "stopped")
    }

    /// Adds what the reader can do.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<Cow<'static, str>>) -> Self {
        let shown = match hint.into() {
            Cow::Owned(hint) => Cow::Owned(text::message(&hint).into_owned()),
            Cow::Borrowed(hint) => Cow::Borrowed(hint),
        };
        self.change(|inner| inner.hint = Some(shown))
    }

    /// Says whether trying again can help.
    #[must_use]
    pub fn with_retry(self, retry: Retry) -> Self {
        self.change(|inner| inner.retry = retry)
    }

    /// Puts what was being done in front: `doing: message`.
    #[must_use]
    pub fn with_context(self, doing: impl fmt::Display) -> Self {
        self.change(|inner| {
            inner.message = text::message(&format!("{doing}: {}", inner.message)).into_owned();
        })
    }

    /// Keeps the error of a library. It is no part of the message; displays tell it below, as far as the message does not.
    #[must_use]
    pub fn with_source(self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.change(|inner| inner.source = Some(Arc::new(source)))
    }

    /// Replaces parts of the message and the hint, such as secrets.
    #[must_use]
    pub fn with_replaced(self, replace: impl Fn(String) -> String) -> Self {
        self.change(|inner| {
            inner.message = replace(std::mem::take(&mut inner.message));
            inner.hint = inner.hint.take().map(|hint| Cow::Owned(replace(hint.into_owned())));
        })
    }

    fn change(self, change: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        change(&mut inner);
        Self(Arc::new(inner))
    }

    /// Returns the kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the message: the failure and its known cause, in one line.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns the hint, if a remedy is known.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Returns the texts of the errors that it [keeps](Error::with_source), the outermost first, without those that its
    /// message tells.
    pub fn causes(&self) -> Vec<String> {
        const MOST: usize = 8;
        let first = std::error::Error::source(self);
        let chain = std::iter::successors(first, |error| error.source()).take(MOST);
        let mut causes: Vec<String> = Vec::new();
        for error in chain {
            let text = text::message(&error.to_string()).into_owned();
            let known = text.split(" (os error").next().unwrap_or_default().to_lowercase();
            let is_told = |said: &str| said.to_lowercase().contains(&known);
            if !text.is_empty() && !is_told(self.message()) && !causes.iter().any(|cause| is_told(cause)) {
                causes.push(text);
            }
        }
        causes
    }

    /// Returns whether and when a retry can help.
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// Returns true if a retry can help.
    pub fn is_retryable(&self) -> bool {
        self.0.retry != Retry::Never
    }

    /// Returns true if a retry can help at once, or after the time that the other side named.
    pub fn is_retryable_now(&self) -> bool {
        !matches!(self.0.retry, Retry::Never | Retry::Later)
    }

    /// Returns true if the error means that the run was stopped.
    pub fn is_cancelled(&self) -> bool {
        self.0.kind == ErrorKind::Cancelled
    }
}

/// Returns the text of an I/O error without its number, such as `no such file or directory`.
pub fn io_message(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => "unknown error".to_owned(),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.0.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<ManifestError> for Error {
    fn from(error: ManifestError) -> Self {
        let kind = match error {
            ManifestError::WrongDigest { .. } => ErrorKind::Corrupt,
            _ => ErrorKind::Unsupported,
        };
        let retry = if kind == ErrorKind::Corrupt { Retry::Soon } else { Retry::Never };
        Self::new(kind, error.to_string()).with_retry(retry)
    }
}

impl From<DigestError> for Error {
    fn from(error: DigestError) -> Self {
        Self::new(ErrorKind::Unsupported, error.to_string())
    }
}

impl From<ReferenceError> for Error {
    fn from(error: ReferenceError) -> Self {
        Self::new(ErrorKind::Unsupported, error.to_string())
    }
}
