//! Why a registry refused, for those who must react to it.

use std::{error, fmt};

use sealift_core::error::Error;

/// Why Harbor refused. It is the source of the error that says so in a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is no such project, or it is hidden.
    NoProject,
    /// The login has no right to this in the project, or is wrong.
    NoRight,
    /// The project's quota is used up.
    Quota,
    /// The whole system is in read-only mode.
    ReadOnly,
    /// The project caches another registry.
    ProxyCache,
    /// The tag is immutable.
    Immutable,
    /// An entry of the index is no artifact of the repository.
    MissingChild,
}

impl Reason {
    /// Why a request was refused, if the registry made that clear.
    pub fn of(error: &Error) -> Option<Self> {
        error::Error::source(error)?.downcast_ref().copied()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl error::Error for Reason {}
