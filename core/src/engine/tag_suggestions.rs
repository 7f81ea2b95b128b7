//! Suggestions for a tag that does not exist.
//!
//! Tags are listed only after a failure, and once for a repository: they are for the hint of an error, so a
//! failure here leaves the error as it is.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{sync::OnceCell, time::timeout};

use super::source::IsolatedFetch;
use crate::{
    content::{ImageRef, Repository, Tag},
    diagnostic::did_you_mean,
    error::{Error, ErrorKind},
    lock::lock,
    stage::TagList,
};

/// Timeout of the list of tags.
const PATIENCE: Duration = Duration::from_secs(10);

/// Repositories whose tags are kept for the next failure, and tags of each.
const REPOSITORIES: usize = 16;
const TAGS: usize = 10_000;

/// Number of tags that the hint names where none is similar.
const NAMED: usize = 3;

type Tags = Arc<OnceCell<Vec<Tag>>>;

/// The tags of repositories where one was not found.
#[derive(Default)]
pub(super) struct TagSuggestions(Mutex<Vec<(Repository, Tags)>>);

impl TagSuggestions {
    /// The error of an image that the source does not have, with a hint where one can be given.
    pub(super) async fn explain(&self, source: &IsolatedFetch, image: &ImageRef, error: Error) -> Error {
        let Some(tag) = image.reference.tag() else { return error };
        if error.kind() != ErrorKind::NotFound || error.hint().is_some() {
            return error;
        }
        let tags = self.of(&image.repository);
        let ask = async {
            let listed = timeout(PATIENCE, source.tags(&image.repository)).await;
            let mut tags = listed.ok().and_then(Result::ok).unwrap_or_default();
            tags.truncate(TAGS);
            tags
        };
        match hint(tag, tags.get_or_init(|| ask).await) {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }

    fn of(&self, repository: &Repository) -> Tags {
        let mut known = lock(&self.0);
        if let Some((_, tags)) = known.iter().find(|(other, _)| other == repository) {
            return Arc::clone(tags);
        }
        if known.len() >= REPOSITORIES {
            known.remove(0);
        }
        let tags = Tags::default();
        known.push((repository.clone(), Arc::clone(&tags)));
        tags
    }
}

fn hint(tag: &Tag, tags: &[Tag]) -> Option<String> {
    if tags.contains(tag) {
        return None;
    }
    // A signature is no image that may have been meant.
    let tags: Vec<&Tag> = tags.iter().filter(|tag| tag.referenced_digest().is_none()).collect();
    if tags.is_empty() {
        return None;
    }
    if let Some(meant) = did_you_mean(tag, tags.iter().map(|tag| tag.as_str())) {
        return Some(format!("did you mean the tag `{meant}`?"));
    }
    let some: Vec<_> = tags.iter().rev().take(NAMED).map(|tag| format!("`{tag}`")).collect();
    let such_as = match tags.len() {
        1 => "the tag".to_owned(),
        2..=NAMED => "the tags".to_owned(),
        count => format!("{count} tags, such as"),
    };
    Some(format!("the repository has {such_as} {}", some.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNATURE: &str = "sha256-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.sig";

    fn hint_for(tag: &str, tags: &[&str]) -> Option<String> {
        let tags: Vec<Tag> = tags.iter().map(|tag| tag.parse().unwrap()).collect();
        hint(&tag.parse().unwrap(), &tags)
    }

    #[test]
    fn a_close_tag_is_named_and_else_some_of_them() {
        for (tag, tags, expected) in [
            ("1.27", &["v1.27", "v1.28"][..], Some("did you mean the tag `v1.27`?")),
            ("lastest", &["1", "2", "latest"], Some("did you mean the tag `latest`?")),
            ("stable", &["1", "2"], Some("the repository has the tags `2`, `1`")),
            ("stable", &["1", "2", "3", "4"], Some("the repository has 4 tags, such as `4`, `3`, `2`")),
            ("v1", &["v1"], None),
            ("stable", &["1", SIGNATURE], Some("the repository has the tag `1`")),
            ("stable", &[SIGNATURE], None),
            ("v1", &[], None),
        ] {
            assert_eq!(hint_for(tag, tags).as_deref(), expected, "{tag} of {tags:?}");
        }
    }
}
