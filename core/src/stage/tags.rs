//! The tags of repositories.

use std::collections::{HashMap, HashSet};

use crate::content::{Digest, Tag};

/// What is to be known of the tags of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TagRequest {
    /// Tags with their digests, before anything else is asked, because so many of them are to be looked up, also a single
    /// one. Worth it only if it takes fewer requests than there are tags.
    Digests {
        /// The number of tags.
        wanted: usize,
    },
    /// The names of all tags.
    Names,
}

/// The tags of a repository, as far as known.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum RepositoryTags {
    /// Its tags, and what they point to.
    Digests {
        /// The tags.
        tags: HashMap<Tag, Digest>,
        /// False if tags that are about a digest ([`Tag::referenced_digest`]) may be missing and must be asked for: Harbor
        /// lists signatures apart from images.
        has_referrer_tags: bool,
    },
    /// The names of all its tags.
    Names(HashSet<Tag>),
    /// There is no such repository, or it is empty.
    Empty,
    /// Each tag must be asked for.
    #[default]
    Unknown,
}
