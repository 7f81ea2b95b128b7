//! Lists of tags with their digests and times, which some products have beside the tag list of the specification.
//!
//! distribution-spec has none (opencontainers/distribution-spec#579). A product describes its own by [`BulkInventory`];
//! `api/inventory.rs` sends the requests.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sealift_core::{
    content::{Descriptor, Digest, MediaType, Repository, Tag},
    login::TagPage,
};

/// A tag, as a product lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TagRecord {
    /// The digest that the tag points to; none if the list does not tell it.
    pub digest: Option<Digest>,
    /// Its media type; empty if the list does not tell it. Index and manifest are always told apart otherwise.
    pub media_type: MediaType,
    /// The time at which the tag was last pushed.
    pub pushed: Option<SystemTime>,
}

impl TagRecord {
    /// Returns the descriptor of the content, without a size.
    pub(crate) fn descriptor(&self) -> Option<Descriptor> {
        Some(Descriptor::new(self.media_type.clone(), self.digest.clone()?, Descriptor::UNSIZED))
    }
}

/// A page of tags.
#[derive(Debug, Default)]
pub struct InventoryPage {
    pub(crate) tags: Vec<(Tag, TagRecord)>,
    /// True if there is another page.
    pub(crate) has_more: bool,
    /// The mark by which the next page is asked for, where the list has one.
    pub(crate) mark: Option<String>,
}

impl InventoryPage {
    /// Returns a page of a list whose pages have numbers, or begin after a tag.
    pub fn new(tags: Vec<(Tag, TagRecord)>, has_more: bool) -> Self {
        Self { tags, has_more, mark: None }
    }
}

impl From<TagPage> for InventoryPage {
    fn from(page: TagPage) -> Self {
        let tags = page.tags.into_iter().map(|listed| {
            let (media_type, pushed) = (listed.media_type, listed.pushed);
            (listed.tag, TagRecord { digest: Some(listed.digest), media_type, pushed })
        });
        Self { tags: tags.collect(), has_more: page.next.is_some(), mark: page.next }
    }
}

/// The credentials that a list of tags wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InventoryAccess {
    /// A token for reading, as for manifests.
    Pull,
    /// A token with this action on the repository.
    Action(&'static str),
    /// User name and password, as the product's own API takes them.
    Login,
    /// None: the product's API takes other ones than the registry.
    Anonymous,
}

/// The list of tags of a product.
pub trait BulkInventory: Send + Sync {
    /// Returns the credentials that it wants.
    fn access(&self) -> InventoryAccess;

    /// Returns the host that has it, where that is another one than the registry's. It is asked without credentials, and
    /// only if the registry is reached by its own name.
    fn host(&self) -> Option<&'static str> {
        None
    }

    /// Returns true if the list tells indexes and manifests apart. What is to be copied depends on it.
    fn tells_media_types(&self) -> bool {
        true
    }

    /// Returns path and query of a page below the root of the host. `number` counts from 1; `last` is the last tag of the
    /// page before it.
    fn path(&self, repository: &Repository, number: usize, last: Option<&Tag>) -> String;

    /// Reads a page; none if it has another form than the documented one.
    fn read(&self, body: &[u8]) -> Option<InventoryPage>;
}

/// The number of tags in a page, where it can be chosen. More are refused by most products.
pub(crate) const PER_PAGE: usize = 100;

/// Returns a tag with its digest, type and time. Entries that are none are left out; one without a digest tells its time.
pub(crate) fn record(
    name: &str,
    digest: &str,
    media_type: MediaType,
    pushed: Option<SystemTime>,
) -> Option<(Tag, TagRecord)> {
    let digest = if digest.is_empty() { None } else { Some(digest.parse().ok()?) };
    Some((name.parse().ok()?, TagRecord { digest, media_type, pushed }))
}

/// Returns the time that a text in RFC 3339 stands for.
pub(crate) fn time(text: &str) -> Option<SystemTime> {
    text.parse::<jiff::Timestamp>().ok().map(SystemTime::from)
}

/// Returns the time `since` after 1970.
pub(crate) fn after_epoch(since: Duration) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(since)
}
