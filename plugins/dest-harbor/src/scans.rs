//! Scans for vulnerabilities, started for what was written (`POST …/artifacts/DIGEST/scan`).
//!
//! An image that stands in Harbor is loaded, whether or not it is scanned, so nothing here fails. The first answer of a
//! project is waited for: where there is no scanner, or the login may not start one, nothing more is asked of the project.

use std::{
    collections::HashSet,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use http::Method;
use sealift_core::{
    content::{Digest, ImageRef, Repository},
    error::Result,
};
use tokio::sync::OnceCell;

use crate::api::Api;

/// The answer to the wish for a scan.
enum ScanAnswer {
    /// It began, or runs already.
    Runs,
    /// This artifact cannot be scanned; what Harbor said.
    NotThis(String),
    /// Nothing of the project can be scanned; what Harbor said.
    Nothing(String),
}

/// The scans of a project.
#[derive(Default)]
pub(crate) struct Scans {
    asked: Mutex<HashSet<ImageRef>>,
    first: OnceCell<()>,
    closed: AtomicBool,
    unscanned: Mutex<Option<UnscannedImages>>,
}

/// Images of which no scan was started.
#[derive(Clone, Debug)]
pub(crate) struct UnscannedImages {
    pub(crate) count: usize,
    pub(crate) example: ImageRef,
    /// The words of Harbor about this one.
    pub(crate) said: String,
}

impl Scans {
    /// Starts the scan of an image, once in a run.
    pub(crate) async fn start(&self, api: Api<'_>, digest: &Digest) {
        if !lock(&self.asked).insert(api.at.with_digest(digest)) {
            return;
        }
        let is_first = AtomicBool::new(false);
        let ask_first = || async {
            is_first.store(true, Ordering::Relaxed);
            self.ask(api, digest).await;
        };
        self.first.get_or_init(ask_first).await;
        if is_first.into_inner() {
            return;
        }
        match self.closed.load(Ordering::Relaxed) {
            true => self.leave(api.at, digest, None),
            false => self.ask(api, digest).await,
        }
    }

    /// Returns what was not scanned, if there is anything.
    pub(crate) fn unscanned(&self) -> Option<UnscannedImages> {
        lock(&self.unscanned).clone()
    }

    async fn ask(&self, api: Api<'_>, digest: &Digest) {
        let answer = api.scan(digest).await;
        match answer.unwrap_or_else(|error| ScanAnswer::Nothing(error.message().to_owned())) {
            ScanAnswer::Runs => {}
            ScanAnswer::NotThis(said) => self.leave(api.at, digest, Some(said)),
            ScanAnswer::Nothing(said) => {
                self.closed.store(true, Ordering::Relaxed);
                self.leave(api.at, digest, Some(said));
            }
        }
    }

    /// Notes an image that is not scanned; without words the reason is one that was told.
    fn leave(&self, at: &Repository, digest: &Digest, said: Option<String>) {
        let (mut noted, example) = (lock(&self.unscanned), at.with_digest(digest));
        match &mut *noted {
            Some(unscanned) => unscanned.count += 1,
            None => *noted = Some(UnscannedImages { count: 1, example, said: said.unwrap_or_default() }),
        }
    }
}

impl Api<'_> {
    async fn scan(&self, digest: &Digest) -> Result<ScanAnswer> {
        let (project, repository) = self.split();
        let path = format!("projects/{project}/repositories/{repository}/artifacts/{digest}/scan");
        let answer = self.send(Method::POST, &path, None).await?;
        let said = match answer.message() {
            said if said.is_empty() => format!("Harbor answers {}", answer.status),
            said => said,
        };
        Ok(match answer.status {
            202 | 409 => ScanAnswer::Runs,
            400 | 422 => ScanAnswer::NotThis(said),
            404 if answer.has_code("NOT_FOUND") => ScanAnswer::NotThis(said),
            _ => ScanAnswer::Nothing(said),
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
