//! What stands at the destinations, in as few questions as that takes.
//!
//! A destination that can tell tags with their digests in pages does so first, and nothing else is asked. Of others,
//! for the first tag of a repository the destination alone is asked. If that tag is missing, one survey tells what
//! else is there; if it is there, the others are probably there too, and are asked for one by one at the same time
//! as the source.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::OnceCell;

use super::state::Engine;
use crate::{
    content::{Digest, ImageRef, Repository, Version},
    error::Result,
    lock::lock,
    stage::{Known, Push},
};

/// What is known of a target before the source is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// It is not there.
    Absent,
    /// It is there, with this digest.
    Is(Digest),
    /// Nobody knows: ask.
    Ask,
}

type Survey = OnceCell<Known>;

/// A child manifest that was written, or is being written.
type Written = Arc<OnceCell<()>>;

/// The surveys of this run. One is kept while a listing that needs it has jobs.
#[derive(Default)]
pub(super) struct Surveys(Mutex<HashMap<(usize, Repository), Weak<Survey>>>);

/// What the jobs of one listing share.
#[derive(Default)]
pub(super) struct Batch {
    /// How many jobs there are: for a single one a survey would be a question too many.
    pub(super) size: usize,
    /// Whether nobody else writes the same names.
    pub(super) exclusive: bool,
    surveys: Mutex<HashMap<(usize, Repository), Arc<Survey>>>,
    written: Mutex<HashMap<(usize, Repository), HashMap<Digest, Written>>>,
    carried: Mutex<HashSet<(usize, ImageRef)>>,
    /// Jobs that run in the main lane.
    running: AtomicUsize,
}

impl Batch {
    pub(super) fn of(size: usize, exclusive: bool) -> Arc<Self> {
        Arc::new(Self { size, exclusive, ..Self::default() })
    }

    /// Writes a child manifest, unless a job of this listing wrote it. Somebody who is writing it is waited for; if
    /// that fails, the next one tries.
    pub(super) async fn write_once(
        &self,
        push: usize,
        at: &Repository,
        digest: &Digest,
        write: impl Future<Output = Result<()>> + Send,
    ) -> Result<()> {
        let cell = {
            let mut written = lock(&self.written);
            Arc::clone(written.entry((push, at.clone())).or_default().entry(digest.clone()).or_default())
        };
        cell.get_or_try_init(|| write).await.copied()
    }

    /// Whether a name that is about an image was written along with the image.
    pub(super) fn carried(&self, push: usize, at: &ImageRef) -> bool {
        lock(&self.carried).contains(&(push, at.clone()))
    }

    /// Remembers a name that was written along with the image that it is about.
    pub(super) fn carry(&self, push: usize, at: ImageRef) {
        lock(&self.carried).insert((push, at));
    }

    /// Counts a job that starts, or one that ended.
    pub(super) fn count_running(&self, starts: bool) {
        match starts {
            true => self.running.fetch_add(1, Ordering::Relaxed),
            false => self.running.fetch_sub(1, Ordering::Relaxed),
        };
    }

    /// Whether some of its jobs run.
    pub(super) fn is_running(&self) -> bool {
        self.running.load(Ordering::Relaxed) > 0
    }

    fn survey(&self, engine: &Engine, push: usize, repository: &Repository) -> Arc<Survey> {
        let key = (push, repository.clone());
        let mut mine = lock(&self.surveys);
        let cell = mine.entry(key).or_insert_with_key(|key| {
            let mut all = lock(&engine.surveys.0);
            let shared = all.get(key).and_then(Weak::upgrade).unwrap_or_default();
            all.retain(|_, survey| survey.strong_count() > 0);
            all.insert(key.clone(), Arc::downgrade(&shared));
            shared
        });
        Arc::clone(cell)
    }
}

/// What is known of `at` before the source is asked.
pub(super) async fn presence(
    engine: &Engine,
    push: usize,
    stage: &dyn Push,
    at: &ImageRef,
    batch: &Batch,
) -> Result<Presence> {
    if engine.options().force {
        return Ok(Presence::Absent);
    }
    let Version::Tag(tag) = &at.version else { return Ok(Presence::Ask) };
    let cell = batch.survey(engine, push, &at.repository);
    let mut mine = None;
    let known = cell.get_or_try_init(|| async {
        if batch.size > 1 {
            match stage.overview(&at.repository, batch.size).await? {
                Known::Ask => {}
                known => return Ok(known),
            }
        }
        let current = stage.current(at).await?;
        let there = current.is_some();
        mine = Some(current);
        match there || batch.size < 2 {
            true => Ok(Known::Ask),
            false => stage.survey(&at.repository).await,
        }
    });
    let known = known.await?.of_tag(tag);
    Ok(match mine {
        Some(Some(descriptor)) => Presence::Is(descriptor.digest),
        Some(None) => Presence::Absent,
        None => known,
    })
}

impl Known {
    /// What this says of one tag.
    fn of_tag(&self, tag: &crate::content::Tag) -> Presence {
        match self {
            Self::Images(tags) if !tags.contains_key(tag) && tag.about().is_some() => Presence::Ask,
            Self::All(tags) | Self::Images(tags) => {
                tags.get(tag).map_or(Presence::Absent, |digest| Presence::Is(digest.clone()))
            }
            Self::Names(tags) if !tags.contains(tag) => Presence::Absent,
            Self::Nothing => Presence::Absent,
            Self::Names(_) | Self::Ask => Presence::Ask,
        }
    }
}
