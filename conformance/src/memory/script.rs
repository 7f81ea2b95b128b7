//! Calls of a registry in memory, and the faults that a test injects.

use std::{sync::PoisonError, time::Duration};

use sealift_core::{
    content::Repository,
    error::{Error, Result},
};

use super::Memory;

/// An operation of a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "named as the methods of the traits")]
pub enum Op {
    ResolveDigest,
    ResolveManifest,
    Manifest,
    Blob,
    Referrers,
    Tags,
    TagsAbout,
    Overview,
    Survey,
    Current,
    Has,
    ReadBack,
    Related,
    Prepare,
    Offer,
    Renew,
    Fill,
    PutManifest,
    Tag,
    Finish,
}

/// One question, for a test to answer differently.
#[derive(Clone, Debug)]
pub struct Call {
    /// The operation.
    pub op: Op,
    /// Of which repository.
    pub repository: String,
    /// The tag or digest that it is about.
    pub what: String,
    /// The number of earlier calls with the same operation, repository and `what`.
    pub before: usize,
}

/// A fault that a test injects into a call.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It fails.
    Fail(Error),
    /// It takes this long first; for a fill, before every chunk.
    Slow(Duration),
    /// The bytes have a wrong last one.
    Corrupt,
    /// A blob is taken as it comes, and its digest is not confirmed.
    Unconfirmed,
    /// The plugin panics.
    Panic,
    /// The plugin neither answers nor fails.
    Hang,
}

pub(super) type Script = Box<dyn Fn(&Call) -> Option<Fault> + Send + Sync>;

impl Memory {
    /// Notes a call, and does to it what the test wants.
    pub(super) async fn call(&self, op: Op, repository: &Repository, what: impl ToString) -> Result<Option<Fault>> {
        let (repository, what) = (repository.path().to_owned(), what.to_string());
        let call = {
            let mut state = self.state();
            let count = state.counts.entry((op, repository.clone(), what.clone())).or_default();
            let call = Call { op, repository, what, before: *count };
            *count += 1;
            state.calls.push(call.clone());
            call
        };
        let fault = self.0.script.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(|s| s(&call));
        tokio::task::yield_now().await;
        match fault {
            Some(Fault::Fail(error)) => Err(error),
            Some(Fault::Panic) => panic!("told to"),
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Slow(wait)) if op != Op::Fill => {
                tokio::time::sleep(wait).await;
                Ok(None)
            }
            other => Ok(other),
        }
    }
}
