//! Registries whose uploads go on at another host.
//!
//! Some give the address of an object store, with a signature. A registry that does not know its own name, because a
//! proxy in front of it spoils `Host` or its external URL is wrong, gives the address of another host, which refuses each
//! upload: credentials go to the registry alone. That is found out once, and not for each blob.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use http::StatusCode;
use sealift_core::error::{Error, ErrorKind, Retry};

use crate::error::ErrorBody;

/// Observations of the host that uploads go to.
#[derive(Debug, Default)]
pub(crate) struct ForeignUploads {
    taken: AtomicBool,
    refusals: AtomicU32,
    turned_away: Mutex<Option<Error>>,
}

/// Signatures run out, and a store may refuse for other passing reasons; but not each time.
const REFUSALS: u32 = 3;

impl ForeignUploads {
    /// The other host took a blob.
    pub(crate) fn took_one(&self) {
        self.taken.store(true, Ordering::Relaxed);
    }

    /// The error of each further upload, if none can succeed.
    pub(crate) fn turned_away(&self) -> Option<Error> {
        self.turned_away.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The other host refused a blob.
    pub(crate) fn refused(&self, registry: &str, other: &str, status: StatusCode, said: &ErrorBody) -> Error {
        let quoted = if said.text.is_empty() { String::new() } else { format!(": {}", said.text) };
        let what =
            format!("`{registry}` sends uploads on to `{other}`, which refuses them ({}{quoted})", status.as_u16());
        let error = Error::new(ErrorKind::Denied, what).with_hint(format!(
            "if `{other}` is that registry itself, it is told a wrong address: look at its external URL (`external_url` of \
             Harbor, `http.host` of distribution), and whether the proxy in front of it passes on `Host`"
        ));
        let refusals = self.refusals.fetch_add(1, Ordering::Relaxed) + 1;
        // Nothing that could be sent there would be a login.
        let hopeless = status == StatusCode::UNAUTHORIZED || refusals >= REFUSALS;
        if hopeless && !self.taken.load(Ordering::Relaxed) {
            let error = error.with_retry(Retry::Never);
            *self.turned_away.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
            return error;
        }
        error.with_retry(Retry::Soon)
    }
}
