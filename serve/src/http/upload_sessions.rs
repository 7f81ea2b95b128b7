//! Uploads that were begun and are not finished.
//!
//! An upload may wait for its client for an hour, and there may be many of them, so one that waits holds no file open.
//! They are forgotten by time alone: nothing that can fail is in the way.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sealift_oci_layout::BlobWriter;
use tokio::{sync::OwnedMutexGuard, task::AbortHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use super::answer::{Code, ErrorResponse};

/// Uploads that were begun and are not finished.
#[derive(Default)]
pub(crate) struct UploadSessions {
    open: Mutex<HashMap<String, Arc<UploadSession>>>,
    names: RandomState,
    sweep: OnceLock<AbortHandle>,
}

impl Drop for UploadSessions {
    fn drop(&mut self) {
        if let Some(sweep) = self.sweep.get() {
            sweep.abort();
        }
    }
}

/// One upload.
pub(super) struct UploadSession {
    /// The repository. The location of the upload stays valid even if the path becomes a short name of another one.
    repository: String,
    /// None until the first byte came, and after the end.
    incoming: Arc<tokio::sync::Mutex<Option<BlobWriter>>>,
    length: AtomicU64,
    state: Mutex<SessionState>,
}

struct SessionState {
    used: Instant,
    /// Stops the request that has hold of it.
    stop: CancellationToken,
    is_over: bool,
}

/// A request's hold of an upload.
pub(super) struct UploadGuard {
    session: Arc<UploadSession>,
    pub(super) incoming: OwnedMutexGuard<Option<BlobWriter>>,
    /// Says that another request takes over.
    pub(super) stop: CancellationToken,
    /// Returns true if another request was stopped for this one: bytes may have come that its client does not know of.
    pub(super) took_over: bool,
}

/// After this time without a request an upload is forgotten.
const IDLE: Duration = Duration::from_secs(3600);

/// The interval at which idle uploads are removed.
const SWEEP: Duration = Duration::from_secs(60);

/// Uploads at the same time; with one more the one that waits longest is forgotten.
const MOST: usize = 10_000;

/// Upper bound for waiting on the request that holds an upload, so that the returned length is not outdated at once.
const MOMENT: Duration = Duration::from_millis(500);

/// Upper bound for waiting on the request that this one replaces.
const TAKE_OVER: Duration = Duration::from_secs(10);

impl UploadSessions {
    /// Begins to forget what nothing is heard of. Must be called in a tokio runtime.
    pub(super) fn sweeping() -> Arc<Self> {
        let this = Arc::new(Self::default());
        let sweep = tokio::spawn(sweep(Arc::downgrade(&this)));
        drop(this.sweep.set(sweep.abort_handle())); // nothing else sets it
        this
    }

    fn open(&self) -> MutexGuard<'_, HashMap<String, Arc<UploadSession>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, repository: &str) -> String {
        let mut open = self.open();
        let now = Instant::now();
        if open.len() >= MOST {
            let idle = open.iter().filter(|(_, session)| !session.is_in_use());
            let oldest = idle.min_by_key(|(_, session)| session.state().used).map(|(id, _)| id.clone());
            oldest.and_then(|id| open.remove(&id));
        }
        // A client that knows the name may go on with the upload, so it should not be easy to guess.
        let part = |salt: usize| self.names.hash_one((salt, now, open.len(), repository));
        let id = format!("{:016x}-{:016x}", part(1), part(2));
        let session = UploadSession {
            repository: repository.to_owned(),
            incoming: Arc::default(),
            length: AtomicU64::new(0),
            state: Mutex::new(SessionState { used: now, stop: CancellationToken::new(), is_over: false }),
        };
        open.insert(id.clone(), Arc::new(session));
        id
    }

    fn find(&self, repository: &str, id: &str) -> Result<Arc<UploadSession>, ErrorResponse> {
        let session = self.open().get(id).cloned().filter(|session| session.repository == repository);
        let session = session.ok_or(Code::BlobUploadUnknown)?;
        session.state().used = Instant::now();
        Ok(session)
    }

    /// Returns the number of bytes so far, even while more arrive.
    pub(super) async fn length(&self, repository: &str, id: &str) -> Result<u64, ErrorResponse> {
        let session = self.find(repository, id)?;
        drop(tokio::time::timeout(MOMENT, session.incoming.lock()).await);
        Ok(session.length.load(Ordering::Relaxed))
    }

    /// Takes hold of an upload. If another request has it, that one is stopped if the client said `where` it goes on,
    /// as it does after a connection that broke without a sign; otherwise it is refused.
    pub(super) async fn hold(
        &self,
        repository: &str,
        id: &str,
        takes_over: bool,
    ) -> Result<UploadGuard, ErrorResponse> {
        let session = self.find(repository, id)?;
        let lock = Arc::clone(&session.incoming);
        let (incoming, took_over) = match Arc::clone(&lock).try_lock_owned() {
            Ok(incoming) => (incoming, false),
            Err(_) if takes_over => {
                session.state().stop.cancel();
                let waited = tokio::time::timeout(TAKE_OVER, lock.lock_owned()).await;
                (waited.map_err(|_| in_use())?, true)
            }
            Err(_) => return Err(in_use()),
        };
        let stop = CancellationToken::new();
        {
            let mut state = session.state();
            if state.is_over {
                return Err(Code::BlobUploadUnknown.into());
            }
            state.stop = stop.clone();
        }
        Ok(UploadGuard { session, incoming, stop, took_over })
    }

    /// Forgets an upload; says whether there was one.
    pub(super) fn remove(&self, repository: &str, id: &str) -> bool {
        let mut open = self.open();
        if open.get(id).is_none_or(|session| session.repository != repository) {
            return false;
        }
        let session = open.remove(id);
        if let Some(session) = session {
            let mut state = session.state();
            state.is_over = true;
            state.stop.cancel();
        }
        true
    }

    /// Ends an upload that a request has hold of, and hands out what came.
    pub(super) fn end(&self, id: &str, held: &mut UploadGuard) -> Option<BlobWriter> {
        self.open().remove(id);
        held.session.state().is_over = true;
        held.incoming.take()
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.open().len()
    }
}

impl UploadSession {
    fn state(&self) -> MutexGuard<'_, SessionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_in_use(&self) -> bool {
        self.incoming.try_lock().is_err()
    }
}

impl UploadGuard {
    pub(super) fn length(&self) -> u64 {
        self.session.length.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, bytes: u64) {
        self.session.length.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for UploadGuard {
    fn drop(&mut self) {
        self.session.state().used = Instant::now();
    }
}

fn in_use() -> ErrorResponse {
    Code::BlobUploadInvalid.because("another request is using this upload; `Content-Range` takes it over")
}

fn forget(open: &mut HashMap<String, Arc<UploadSession>>, now: Instant) {
    open.retain(|_, session| session.is_in_use() || now.duration_since(session.state().used) < IDLE);
}

async fn sweep(sessions: Weak<UploadSessions>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(sessions) = sessions.upgrade() else { return };
        forget(&mut sessions.open(), Instant::now());
    }
}

#[cfg(test)]
mod tests;
