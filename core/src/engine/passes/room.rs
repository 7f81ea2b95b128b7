//! Room for further jobs, and listings that wait for it.
//!
//! The jobs of a registry that is slow, silent or paused fill their room and do not end. A listing that waits for such
//! room is put aside, so that those of other registries are taken meanwhile.

use std::{collections::HashMap, sync::Arc, time::Duration, vec};

use tokio::time::Instant;

use super::Run;
use crate::{content::Repository, engine::presence::JobGroup, job::Candidate};

/// Jobs that run or wait for a place, in all. So many may wait for stores that are slow or paused before jobs of others
/// do.
const MOST_JOBS: usize = 1000;

/// Those that read from one registry.
const MOST_JOBS_OF_REGISTRY: usize = 900;

/// Those that read from one repository.
const MOST_JOBS_OF_REPOSITORY: usize = 64;

/// The time in which no job of a registry ends, after which listings of it are put aside.
const STALL: Duration = Duration::from_millis(500);

/// Versions of listings that are put aside.
const MOST_PUT_ASIDE: usize = 20_000;

/// Listings of one repository that are put aside.
const MOST_LISTINGS_PUT_ASIDE: usize = 24;

/// The jobs that run or wait for a place.
#[derive(Default)]
pub(super) struct RunningJobs {
    all: usize,
    of_repositories: HashMap<Repository, usize>,
    of_registries: HashMap<String, RegistryJobs>,
}

struct RegistryJobs {
    count: usize,
    /// When the last of them ended, or the first one began.
    since: Instant,
}

impl RunningJobs {
    pub(super) fn add(&mut self, repository: &Repository) {
        self.all += 1;
        *self.of_repositories.entry(repository.clone()).or_default() += 1;
        let new = || RegistryJobs { count: 0, since: Instant::now() };
        self.of_registries.entry(repository.registry().to_owned()).or_insert_with(new).count += 1;
    }

    pub(super) fn remove(&mut self, repository: &Repository) {
        self.all -= 1;
        if let Some(count) = self.of_repositories.get_mut(repository) {
            *count -= 1;
            if *count == 0 {
                self.of_repositories.remove(repository);
            }
        }
        if let Some(jobs) = self.of_registries.get_mut(repository.registry()) {
            (jobs.count, jobs.since) = (jobs.count - 1, Instant::now());
            if jobs.count == 0 {
                self.of_registries.remove(repository.registry());
            }
        }
    }

    pub(super) fn have_room(&self, repository: &Repository) -> bool {
        self.all < MOST_JOBS
            && self.of_repositories.get(repository).is_none_or(|jobs| *jobs < MOST_JOBS_OF_REPOSITORY)
            && self.of_registries.get(repository.registry()).is_none_or(|jobs| jobs.count < MOST_JOBS_OF_REGISTRY)
    }

    /// Returns when the registry of a repository counts as stalled; none if nothing of it runs.
    fn stall_at(&self, repository: &Repository) -> Option<Instant> {
        self.of_registries.get(repository.registry()).map(|jobs| jobs.since + STALL)
    }
}

/// A listing of which jobs are being made.
pub(super) struct OpenListing {
    pub(super) repository: Repository,
    pub(super) rule: Arc<str>,
    pub(super) batch: Arc<JobGroup>,
    pub(super) candidates: vec::IntoIter<Candidate>,
}

impl Run {
    /// Makes jobs of a listing. Puts it aside if its registry is stalled and no other listing may be about its names.
    pub(super) async fn take_open(&mut self, mut listing: OpenListing) {
        while listing.candidates.len() > 0 {
            let stall_at = self.jobs.stall_at(&listing.repository).filter(|_| self.may_put_aside(&listing));
            let stalls = async {
                match stall_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let room = tokio::select! {
                biased;
                room = self.has_room(&listing.repository) => Some(room),
                () = stalls => None,
            };
            match room {
                Some(true) => self.begin_next(&mut listing),
                Some(false) => return,
                None if self.jobs.stall_at(&listing.repository).is_some_and(|at| at <= Instant::now()) => {
                    return self.put_aside.push(listing);
                }
                None => {}
            }
        }
    }

    fn may_put_aside(&self, listing: &OpenListing) -> bool {
        let versions: usize = self.put_aside.iter().map(|other| other.candidates.len()).sum();
        let listings = self.put_aside.iter().filter(|other| other.repository == listing.repository).count();
        listing.batch.exclusive && versions < MOST_PUT_ASIDE && listings < MOST_LISTINGS_PUT_ASIDE
    }

    /// Goes on with the listings that were put aside and have room by now.
    pub(super) fn take_put_aside(&mut self) {
        let mut put_aside = std::mem::take(&mut self.put_aside);
        put_aside.retain_mut(|listing| {
            while listing.candidates.len() > 0 && !self.is_stopping() && self.jobs.have_room(&listing.repository) {
                self.begin_next(listing);
            }
            listing.candidates.len() > 0 && !self.is_stopping()
        });
        self.put_aside = put_aside;
    }
}
