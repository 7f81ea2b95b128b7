//! Uploads that were begun and not ended: a later attempt, also of a later run, goes on with them.

use sealift_core::{
    Bytes,
    cache::{Cache, Namespace},
    content::{Descriptor, Repository},
};
use url::Url;

/// A blob of this size is worth it.
const WORTH_KEEPING: u64 = 8 << 20;

/// The notes of uploads at one registry. A wrong one costs a request: the registry is asked what it has, and confirms the
/// digest in the end.
#[derive(Clone)]
pub(crate) struct OpenUploads(Cache);

impl OpenUploads {
    pub(crate) fn new(notes: Cache) -> Self {
        Self(notes)
    }

    /// Notes where the upload of a blob goes on, if it is large and notes are kept. `base` is the URL below which the
    /// uploads of the repository are; others are not noted, because they may be signed, and would not be believed.
    pub(crate) async fn keep(&self, at: &Repository, item: &Descriptor, location: &Url, base: &Url) -> bool {
        let is_worth_it = item.known_size().is_some_and(|size| size >= WORTH_KEEPING) && self.0.is_kept();
        let keeps = is_worth_it && is_below(location, base);
        if keeps {
            self.0.put(Namespace::Uploads, &key(at, item), location.as_str().to_owned()).await;
        }
        keeps
    }

    /// Returns where the upload of a blob goes on that was left.
    pub(crate) async fn find(&self, at: &Repository, item: &Descriptor, base: &Url) -> Option<Url> {
        item.known_size().filter(|size| *size >= WORTH_KEEPING)?;
        let note = self.0.get(Namespace::Uploads, &key(at, item)).await?;
        Url::parse(std::str::from_utf8(&note).ok()?).ok().filter(|location| is_below(location, base))
    }

    /// Forgets the upload of a blob.
    pub(crate) async fn forget(&self, at: &Repository, item: &Descriptor) {
        self.0.put(Namespace::Uploads, &key(at, item), Bytes::new()).await;
    }
}

fn key(at: &Repository, item: &Descriptor) -> String {
    format!("{at}@{}", item.digest)
}

fn is_below(location: &Url, base: &Url) -> bool {
    let authority =
        |url: &Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port_or_known_default());
    let plain = location.username().is_empty() && location.password().is_none();
    plain && authority(location) == authority(base) && location.path().starts_with(base.path())
}
