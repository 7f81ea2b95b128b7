//! Blobs in other repositories of a project.
//!
//! A project counts a blob once, in however many of its repositories it is. So what looks too large for the quota may cost
//! nothing, and a full project still takes it: by a mount from the repository that has it, or with its bytes as long as
//! the project holds no more than it may. Nothing tells at once which blobs a project has, so its repositories are asked;
//! only where something does not fit, and not without end.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use sealift_core::{
    content::{Descriptor, Digest, Repository},
    error::Result,
    stage::Push,
};

use crate::api::{Api, project_of};

/// Questions that are asked in a run. More would cost more than what Harbor refuses.
const QUESTIONS: usize = 1000;

/// The repositories where blobs were found.
#[derive(Debug, Default)]
pub(crate) struct NearbyBlobs {
    found: Mutex<HashMap<(String, Digest), Repository>>,
    asked: AtomicUsize,
}

impl NearbyBlobs {
    /// Another repository of the project that has a blob, if one was looked for and found.
    pub(crate) fn of(&self, at: &Repository, item: &Descriptor) -> Option<Repository> {
        let key = (project_of(at).to_owned(), item.digest.clone());
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        found.filter(|found| found.registry() == at.registry() && found != at)
    }

    /// Looks for blobs in the other repositories of a project; gives back those that none of them has.
    pub(crate) async fn look<'d>(
        &self,
        api: Api<'_>,
        push: &dyn Push,
        mut missing: Vec<&'d Descriptor>,
    ) -> Result<(Vec<&'d Descriptor>, Vec<&'d Descriptor>)> {
        let mut found = Vec::new();
        if self.asked.load(Ordering::Relaxed) >= QUESTIONS {
            return Ok((found, missing));
        }
        for name in api.repositories().await? {
            let Ok(other) = Repository::new(api.at.registry(), &name) else { continue };
            if other == *api.at || missing.is_empty() {
                continue;
            }
            if self.asked.fetch_add(missing.len(), Ordering::Relaxed) >= QUESTIONS {
                break;
            }
            let mut left = Vec::new();
            for item in missing {
                match push.blob_exists(&other, item).await {
                    Ok(true) => {
                        let key = (project_of(api.at).to_owned(), item.digest.clone());
                        self.found.lock().unwrap_or_else(PoisonError::into_inner).insert(key, other.clone());
                        found.push(item);
                    }
                    Ok(false) => left.push(item),
                    Err(error) if error.is_retryable() => return Err(error),
                    Err(_) => left.push(item),
                }
            }
            missing = left;
        }
        Ok((found, missing))
    }
}
