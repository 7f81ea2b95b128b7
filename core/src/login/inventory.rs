//! Lists of tags with their digests, in the APIs of the clouds that logins come from.

use std::time::SystemTime;

use async_trait::async_trait;

use crate::{
    content::{Digest, MediaType, Repository, Tag},
    error::Result,
};

/// A tag, as the API of a cloud lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedTag {
    /// The tag.
    pub tag: Tag,
    /// The digest of the index or manifest that it stands for.
    pub digest: Digest,
    /// The media type of that; empty if the list does not tell it.
    pub media_type: MediaType,
    /// The time at which it was last pushed, if the list tells it.
    pub pushed: Option<SystemTime>,
}

impl ListedTag {
    /// Creates a tag without media type and time.
    pub fn new(tag: Tag, digest: Digest) -> Self {
        Self { tag, digest, media_type: MediaType::default(), pushed: None }
    }

    /// Sets the media type.
    #[must_use]
    pub fn with_media_type(self, media_type: MediaType) -> Self {
        Self { media_type, ..self }
    }

    /// Sets the time at which it was last pushed.
    #[must_use]
    pub fn with_pushed(self, pushed: Option<SystemTime>) -> Self {
        Self { pushed, ..self }
    }
}

/// A page of the tags of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TagPage {
    /// The tags. Entries that are not understood are left out, and are asked for at the registry.
    pub tags: Vec<ListedTag>,
    /// The mark by which the next page is asked for; none after the last one.
    pub next: Option<String>,
}

impl TagPage {
    /// Creates a page.
    pub fn new(tags: Vec<ListedTag>, next: Option<String>) -> Self {
        Self { tags, next }
    }
}

/// A list of the tags of a repository, in the API of the cloud that a login comes from: the provider has the keys for it.
///
/// It only saves questions to the registry. It is asked after a few tags of a repository were asked for there with a login
/// of this provider. After a failure each tag is asked for, and the list is not asked again in the run.
#[async_trait]
pub trait LoginInventory: Send + Sync {
    /// Returns true if the list tells media types. Without them it is of no use at a source, but for times.
    fn tells_media_types(&self) -> bool;

    /// Returns a page: the first one, or the one of a mark. Returns none if there is no list of this repository.
    ///
    /// # Errors
    /// If it is refused, has another form than the documented one, or does not come. The message must not have a secret in
    /// it.
    async fn page(&self, repository: &Repository, next: Option<&str>) -> Result<Option<TagPage>>;
}
