//! The tags of repositories, as far as the list that a product has of them was read in this run.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sealift_core::content::{ImageRef, Repository, Tag};
use tokio::time::Instant;

use crate::profile::{InventoryPage, TagRecord};

/// The time for which a page is believed. Others may push and delete meanwhile.
const LIFETIME: Duration = Duration::from_secs(120);

/// Tags that are asked for one by one before a page is read. A page costs as much as one of these questions, so in the worst
/// case, where no page names a tag that is wanted, there are a third more requests.
const QUESTIONS_A_PAGE: u32 = 3;

/// The known tags of the repositories of one registry.
#[derive(Default)]
pub(crate) struct KnownTags {
    repositories: Mutex<HashMap<Repository, Arc<tokio::sync::Mutex<RepositoryInventory>>>>,
    is_closed: AtomicBool,
    /// Another host than the registry's has answered with a page.
    is_proven: AtomicBool,
    trial: tokio::sync::Mutex<()>,
}

/// The first question to another host than the registry's. When it is dropped, the next one may try.
pub(crate) struct HostTrial<'k>(Option<tokio::sync::MutexGuard<'k, ()>>);

impl KnownTags {
    /// Returns what is known of a repository; none if the registry does not show its list.
    pub(crate) fn of(&self, repository: &Repository) -> Option<Arc<tokio::sync::Mutex<RepositoryInventory>>> {
        let open = !self.is_closed.load(Ordering::Relaxed);
        open.then(|| Arc::clone(self.repositories().entry(repository.clone()).or_default()))
    }

    /// Notes that the registry does not show its list, or takes too long for it.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }

    /// Returns the right to ask another host than the registry's; none while the first question to it is not answered. It
    /// may be out of reach here, and then one question waits for it and no more.
    pub(crate) fn try_host(&self) -> Option<HostTrial<'_>> {
        if self.is_proven.load(Ordering::Acquire) {
            return Some(HostTrial(None));
        }
        Some(HostTrial(Some(self.trial.try_lock().ok()?)))
    }

    /// Notes that the host of a trial has answered.
    pub(crate) fn prove(&self, trial: &HostTrial<'_>) {
        if trial.0.is_some() {
            self.is_proven.store(true, Ordering::Release);
        }
    }

    /// Forgets a tag that this run writes.
    pub(crate) async fn forget(&self, image: &ImageRef) {
        let known = self.repositories().get(&image.repository).cloned();
        if let (Some(known), Some(tag)) = (known, image.reference.tag()) {
            known.lock().await.tags.remove(tag);
        }
    }

    fn repositories(&self) -> MutexGuard<'_, HashMap<Repository, Arc<tokio::sync::Mutex<RepositoryInventory>>>> {
        self.repositories.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The beginning of a page.
#[derive(Debug, Default)]
pub(crate) struct PageStart {
    /// Its number, from 1 on.
    pub(crate) number: usize,
    /// The last tag of the page before it.
    pub(crate) last: Option<Tag>,
    /// The mark that the page before it gave.
    pub(crate) mark: Option<String>,
}

/// The tags of one repository, as far as they were read.
#[derive(Default)]
pub(crate) struct RepositoryInventory {
    tags: HashMap<Tag, TagRecord>,
    /// The time at which the first page was read.
    began: Option<Instant>,
    pages: usize,
    last: Option<Tag>,
    mark: Option<String>,
    is_complete: bool,
    /// A page was refused, and those before it were not.
    is_cut: bool,
    /// Tags that were asked for since the last page, and are not known.
    questions: u32,
}

impl RepositoryInventory {
    /// Returns true if no tag is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.tags.is_empty()
    }

    /// Returns true if a page was read.
    pub(crate) fn has_begun(&self) -> bool {
        self.pages > 0
    }

    /// Notes that further pages are refused.
    pub(crate) fn cut(&mut self) {
        (self.is_complete, self.is_cut) = (true, true);
    }

    /// Returns true if there may be tags that no page named.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Returns what is known of a tag.
    pub(crate) fn get(&mut self, tag: &Tag) -> Option<TagRecord> {
        if self.began.is_some_and(|began| began.elapsed() > LIFETIME) {
            *self = Self::default();
        }
        self.tags.get(tag).cloned()
    }

    /// Counts a question for a tag that is not known. Returns true if a page is worth reading.
    pub(crate) fn is_worth_a_page(&mut self) -> bool {
        self.questions += 1;
        !self.is_complete && self.questions > QUESTIONS_A_PAGE
    }

    /// Returns where the next page begins; none if all were read.
    pub(crate) fn next_page(&self) -> Option<PageStart> {
        let (last, mark) = (self.last.clone(), self.mark.clone());
        (!self.is_complete).then(|| PageStart { number: self.pages + 1, last, mark })
    }

    /// Adds a page.
    pub(crate) fn add(&mut self, page: InventoryPage) {
        self.began.get_or_insert_with(Instant::now);
        let before = self.tags.len();
        self.last = page.tags.last().map(|(tag, _)| tag.clone());
        self.tags.extend(page.tags);
        self.pages += 1;
        self.questions = 0;
        // A page without anything new says that the list goes in a circle. One with a new mark may be empty.
        let circles = match page.mark.is_some() {
            true => page.mark == self.mark,
            false => self.tags.len() == before,
        };
        self.is_complete = !page.has_more || circles;
        self.mark = page.mark;
    }
}
