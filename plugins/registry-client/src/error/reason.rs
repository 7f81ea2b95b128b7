//! Reasons of refusals that callers react to.

use std::{error, fmt};

use sealift_core::error::{Error, ErrorKind};

/// A reason of Harbor for a refusal. It is the source of the error, which tells it in its own message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is no such project.
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
    /// It cannot look up projects and logins at the moment: its database is away.
    Unwell,
    /// It took the bytes of a manifest and cannot read what they, or the config, mean.
    Unreadable,
}

impl Reason {
    /// Returns the reason of a refusal, if the registry made it clear.
    pub fn of(error: &Error) -> Option<Self> {
        error::Error::source(error)?.downcast_ref().copied()
    }

    /// Returns the kind of the error.
    pub fn kind(self) -> ErrorKind {
        match self {
            Self::NoProject | Self::MissingChild => ErrorKind::NotFound,
            Self::NoRight | Self::ReadOnly | Self::ProxyCache => ErrorKind::Denied,
            Self::Quota => ErrorKind::Storage,
            Self::Immutable => ErrorKind::Conflict,
            Self::Unwell => ErrorKind::Unavailable,
            Self::Unreadable => ErrorKind::Unsupported,
        }
    }

    /// Returns what can be done where content was read from the project, and not written there.
    pub(crate) fn remedy_of_reading(self) -> &'static str {
        match self {
            Self::NoProject => "check the name of the project, and that it is this Harbor that has it",
            Self::NoRight => {
                "a robot needs the right to pull repositories there, people must be members of the project"
            }
            _ => self.remedy(),
        }
    }

    /// Returns the hint for the reader.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::NoProject => {
                "create it in Harbor, push with `use = \"harbor\"` and `create_projects = true` (`load --harbor \
                 --create-projects`), or push to another project"
            }
            Self::NoRight => {
                "a robot needs the rights to push and pull repositories there, people need the role Developer"
            }
            Self::Quota => {
                "raise it in Harbor under Project Quotas, or delete artifacts there and run garbage collection; after a \
                 crash Harbor may count what is not there, until an administrator has it recalculate the quotas"
            }
            Self::ReadOnly => "an administrator of Harbor can switch that off under Configuration, System Settings",
            Self::ProxyCache => "push to another project: set `prefix` in [[push]]",
            Self::Immutable => {
                "push another tag, or delete this one or change the project's rule for immutable tags in Harbor"
            }
            Self::MissingChild => "it may have been deleted in Harbor meanwhile; run again",
            Self::Unwell => "run again when it is well: its administrator finds the cause in the log of its core",
            Self::Unreadable => {
                "it may be that its config is not what its type says: Harbor wants JSON there, and a time in `created`; \
                 the cause is in the log of its core"
            }
        }
    }
}

// Without a text: displays tell the sources of an error below its message.
impl fmt::Display for Reason {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl Reason {
    /// Returns a clause about the project.
    pub fn clause(self) -> &'static str {
        match self {
            Self::NoProject => "it does not exist",
            Self::NoRight => "this login may not push there",
            Self::Quota => "its quota is used up",
            Self::ReadOnly => "Harbor is in read-only mode",
            Self::ProxyCache => "it is a proxy cache, which takes no pushes",
            Self::Immutable => "the tag is immutable",
            Self::MissingChild => "an entry of the index is no artifact of the repository",
            Self::Unwell => "it cannot look up projects at the moment",
            Self::Unreadable => "Harbor cannot read the manifest or its config",
        }
    }
}

impl error::Error for Reason {}
