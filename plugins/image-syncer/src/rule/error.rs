//! The errors and warnings of a rule.

/// Something that is wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RuleError {
    /// The kind of mistake.
    pub kind: RuleErrorKind,
    /// The part of the rule that it is about.
    pub part: RulePart,
    /// The message.
    pub message: String,
    /// Advice.
    pub hint: Option<String>,
}

/// Something to say about a rule that does not stop it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleWarning {
    /// The part of the rule that it is about.
    pub part: RulePart,
    /// The message.
    pub message: String,
    /// Advice.
    pub hint: Option<String>,
}

/// A part of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RulePart {
    /// The source.
    Source,
    /// The destinations as a whole.
    Destinations,
    /// One destination, counted from 0.
    Destination(usize),
}

/// The kinds of mistakes in a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RuleErrorKind {
    /// The destination has another number of tags than the source.
    TagCount,
    /// An expression begins with `/` and does not end with one.
    RegexUnclosed,
    /// An expression that cannot be compiled.
    RegexInvalid,
    /// There is no source.
    EmptySource,
    /// There is no destination.
    EmptyDestination,
    /// The destination is neither a text nor a list of texts.
    DestinationType,
    /// Not the name of an image: host, path, tag or digest.
    BadReference,
    /// Source and destination have different digests.
    DigestMismatch,
    /// The destination has an environment variable that is not set, or that has no name.
    UnsetVariable,
}

impl RuleErrorKind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::TagCount,
        Self::RegexUnclosed,
        Self::RegexInvalid,
        Self::EmptySource,
        Self::EmptyDestination,
        Self::DestinationType,
        Self::BadReference,
        Self::DigestMismatch,
        Self::UnsetVariable,
    ];

    /// A short name, such as `tag-count`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TagCount => "tag-count",
            Self::RegexUnclosed => "regex-unclosed",
            Self::RegexInvalid => "regex-invalid",
            Self::EmptySource => "empty-source",
            Self::EmptyDestination => "empty-destination",
            Self::DestinationType => "destination-type",
            Self::BadReference => "bad-reference",
            Self::DigestMismatch => "digest-mismatch",
            Self::UnsetVariable => "unset-variable",
        }
    }
}

impl RuleError {
    pub(crate) fn new(kind: RuleErrorKind, part: RulePart, message: impl Into<String>) -> Self {
        Self { kind, part, message: message.into(), hint: None }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}
