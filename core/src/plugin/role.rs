//! The roles of plugins.

use std::fmt;

/// The part that a plugin plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Role {
    /// Finds what there is to copy.
    List,
    /// Drops what is not wanted.
    Filter,
    /// Reads images.
    Fetch,
    /// Writes images.
    Push,
    /// Takes the events of runs.
    Observe,
    /// Provides logins for registries.
    Login,
}

impl Role {
    /// All roles: those of data in the order in which it flows, then the others.
    pub const ALL: [Self; 6] = [Self::List, Self::Filter, Self::Fetch, Self::Push, Self::Observe, Self::Login];

    /// Returns the name of the role, which is also that of its table in a pipeline.
    pub const fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Filter => "filter",
            Self::Fetch => "fetch",
            Self::Push => "push",
            Self::Observe => "observe",
            Self::Login => "login",
        }
    }

    /// Returns the name of one plugin of the role.
    pub const fn singular(self) -> &'static str {
        match self {
            Self::Observe => "observer",
            _ => self.name(),
        }
    }

    /// Returns the name of several plugins of the role.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::List => "lists",
            Self::Filter => "filters",
            Self::Fetch => "fetches",
            Self::Push => "pushes",
            Self::Observe => "observers",
            Self::Login => "logins",
        }
    }

    /// Returns the header of its table in a pipeline: `[list]`, `[[filter]]`.
    pub const fn header(self) -> &'static str {
        match self {
            Self::List => "[list]",
            Self::Filter => "[[filter]]",
            Self::Fetch => "[fetch]",
            Self::Push => "[[push]]",
            Self::Observe => "[[observe]]",
            Self::Login => "[[login]]",
        }
    }

    /// Returns the purpose of its tables in one line, for the schema and the reference.
    pub const fn summary(self) -> &'static str {
        match self {
            Self::List => "Finds what there is to copy; several are written as `[[list]]`.",
            Self::Filter => "Drops what is not wanted, one after the other.",
            Self::Fetch => "Reads images. Left out: of the same kind as the list, else `registry`.",
            Self::Push => "Writes images; several share each download. Left out: `registry`.",
            Self::Observe => "Takes the events of a run, and neither slows it down nor ends it.",
            Self::Login => {
                "Provides logins for the hosts that it names, before the auth file, credential files and helpers; \
                 one that is used without a table, after them."
            }
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
