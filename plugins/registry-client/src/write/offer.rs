//! "Do you have this blob, can you take it from there, or shall I send it?" in one request.
//!
//! `POST …/uploads/?mount=<digest>&from=<repository>` answers all three: 201 if the blob was mounted, 202 with an
//! upload to fill if not. With the target repository itself as `from` it asks whether the blob is there already
//! (measured on distribution 2.8.2 and 3.1.1). Whether a registry answers that question is found out once, with the
//! first blob that it took: one that says 202 even then always does, and is asked by HEAD from then on. So is Harbor,
//! whose mount path does not see that its garbage collection is about to sweep a blob. Until that is known, large blobs
//! are looked for by HEAD before they are sent; and it is noted for the next run.

use std::sync::Arc;

use http::{Method, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sealift_core::{
    content::{Descriptor, Repository},
    error::{Error, ErrorKind, Result},
    stage::Offer,
};

use super::{slot::RegistrySlot, stored::is_mounted};
use crate::{
    auth::Scopes,
    doing::Doing,
    error::{NO_REGISTRY, Reason},
    host::Host,
    quirks::{Presence, project_of},
    request::{Answer, Ask, To},
};

/// Repository names and digests keep what needs no escape.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'/').remove(b'~');

/// Blobs of this size are worth a question before they are sent.
const WORTH_A_LOOK: u64 = 64 << 10;

impl Host {
    /// Offers a blob.
    pub(crate) async fn offer(
        self: &Arc<Self>,
        at: &Repository,
        item: &Descriptor,
        known_in: Option<&Repository>,
    ) -> Result<Offer> {
        if let Some(error) = self.quirks.uploads.turned_away() {
            return Err(error);
        }
        let presence = self.presence();
        if presence == Presence::ByHead && self.has_blob(at, item).await? {
            return Ok(Offer::Have);
        }
        let from = match known_in.filter(|from| *from != at && !self.quirks.is_barred(at, from)) {
            Some(from) if self.may_mount(at, item, from).await? => Some(from),
            _ => None,
        };
        let asks_itself = from.is_none() && presence != Presence::ByHead;
        let from = from.or(asks_itself.then_some(at));
        let Some(from) = from else { return self.begin(at, item).await };
        let answer = self.mount(at, item, from).await?;
        match answer {
            Some(answer) if answer.status() == StatusCode::CREATED => {
                answer.discard().await;
                // This first request to the host may have been the one that told that it is a Harbor.
                if self.is_harbor() && presence != Presence::ByHead && !self.has_blob(at, item).await? {
                    return self.begin(at, item).await;
                }
                self.remember_mountable(item, at);
                self.quirks.note_write(at);
                if asks_itself {
                    self.learned_presence(Presence::ByMount);
                    return Ok(Offer::Have);
                }
                Ok(Offer::Mounted)
            }
            Some(answer) if self.stands_unseen(at, item, presence, asks_itself).await => {
                // The upload that was opened is left to expire: cancelling needs a right that few logins have.
                answer.discard().await;
                Ok(Offer::Have)
            }
            Some(answer) => self.slot(at, item, answer).await,
            None => {
                match asks_itself {
                    true => self.learned_presence(Presence::ByHead),
                    false => self.quirks.note_barred(at, from),
                }
                match self.stands_unseen(at, item, presence, asks_itself).await {
                    true => Ok(Offer::Have),
                    false => self.begin(at, item).await,
                }
            }
        }
    }

    /// Returns true if the repository has a blob although a mount did not say so. Asked by HEAD where the blob is large
    /// against that request, and where it is not known of the host that mounting tells: what is there is not sent again.
    async fn stands_unseen(&self, at: &Repository, item: &Descriptor, presence: Presence, asked_itself: bool) -> bool {
        let told = asked_itself && self.quirks.learned_presence() == Presence::ByMount;
        let small = item.known_size().is_some_and(|size| size < WORTH_A_LOOK);
        if presence == Presence::ByHead || told || small || self.is_harbor() || self.quirks.is_new(at) {
            return false;
        }
        // A question that fails is no reason to fail: sending is always right.
        let stands = matches!(self.has_blob(at, item).await, Ok(true));
        if stands && asked_itself {
            self.learned_presence(Presence::ByHead);
        }
        stands
    }

    /// Finds out, with a blob that just arrived, whether mounting tells what is there. Asked once for each host.
    pub(super) async fn learn_presence(&self, at: &Repository, item: &Descriptor) {
        if self.is_harbor() || !self.quirks.may_ask_for_presence() {
            return;
        }
        // An answer that is neither teaches nothing: what is not known is sent, which is always right. The upload that
        // a 202 opens is left to expire: cancelling needs a right that few logins have.
        if let Ok(Some(answer)) = self.mount(at, item, at).await {
            let tells = answer.status() == StatusCode::CREATED;
            self.learned_presence(if tells { Presence::ByMount } else { Presence::ByHead });
            answer.discard().await;
        }
    }

    /// Whether a blob may be mounted from a repository. Harbor's mount does not look whether garbage collection has marked
    /// a blob, and neither takes the mark off; its HEAD does both. So what this run did not see there is looked at first.
    async fn may_mount(&self, at: &Repository, item: &Descriptor, from: &Repository) -> Result<bool> {
        if !self.is_harbor() || self.is_mountable(item, from) {
            return Ok(true);
        }
        // With the scopes of the mount, so that one token does for both.
        match self.look_for_blob(from, item, Scopes::push(at).and_pull(from)).await {
            Ok(there) => Ok(there),
            // The other way, which is to send it, is open.
            Err(error) if !error.is_retryable() => {
                tracing::debug!(%from, %error, "nothing is mounted from there");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// None: mounting is refused, so the blob must be sent in the ordinary way.
    async fn mount(&self, at: &Repository, item: &Descriptor, from: &Repository) -> Result<Option<Answer>> {
        let digest = item.digest.to_string();
        let query =
            format!("mount={}&from={}", utf8_percent_encode(&digest, PLAIN), utf8_percent_encode(from.path(), PLAIN));
        let scopes = if from == at { Scopes::push(at) } else { Scopes::push(at).and_pull(from) };
        let to = To::Path(format!("{}/blobs/uploads/?{query}", at.path()));
        // A refusal is not worth insisting on: the ordinary way is as good.
        let ask = Ask::new(Doing::PushBlob(at, &item.digest), Method::POST, to, scopes, &self.shared.timing).once();
        match self.send(&ask).await {
            Ok(answer) if answer.status() == StatusCode::CREATED && !is_mounted(&answer, item) => {
                tracing::debug!(host = %self.name, "a mount is answered by something that is no registry");
                answer.discard().await;
                Ok(None)
            }
            Ok(answer) if matches!(answer.status(), StatusCode::CREATED | StatusCode::ACCEPTED) => Ok(Some(answer)),
            Ok(mut answer) => {
                tracing::debug!(host = %self.name, status = answer.status().as_u16(), "mounting is refused");
                // What has no room when it is mounted has none when it is sent.
                if answer.status() == StatusCode::FORBIDDEN && self.is_harbor() && answer.peek().await.is_full() {
                    return Err(self.refused_bytes(ask.doing, item.known_size().unwrap_or(u64::MAX), answer).await);
                }
                answer.discard().await;
                Ok(None)
            }
            // A token for both repositories may be refused where one for the target is not.
            Err(error) if from != at && error.kind() == ErrorKind::Denied => Ok(None),
            Err(error) if error.kind() == ErrorKind::Unavailable && error.is_retryable() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Starts an upload without asking for anything else.
    pub(super) async fn begin(self: &Arc<Self>, at: &Repository, item: &Descriptor) -> Result<Offer> {
        // Without the slash at the end distribution redirects, and a redirected POST may become a GET.
        let to = To::Path(format!("{}/blobs/uploads/", at.path()));
        let doing = Doing::PushBlob(at, &item.digest);
        if self.quirks.is_full_for(at, item.known_size().unwrap_or(u64::MAX)) {
            return Err(self.no_room(at));
        }
        let ask = Ask::new(doing, Method::POST, to, Scopes::push(at), &self.shared.timing);
        let answer = self.send(&ask).await?;
        match answer.status() {
            StatusCode::ACCEPTED => {
                self.quirks.note_write(at);
                self.slot(at, item, answer).await
            }
            status if status.is_success() => {
                let what = format!("{doing}: the registry answers {} where an upload begins with 202", status.as_u16());
                Err(Error::new(ErrorKind::Unsupported, what).hint(NO_REGISTRY))
            }
            // A project that opens no upload holds more than it may: nothing fits, however small.
            _ => Err(self.refused_bytes(doing, 0, answer).await),
        }
    }

    /// That nothing so large is sent to a project that is full.
    pub(super) fn no_room(&self, at: &Repository) -> Error {
        let (project, reason) = (project_of(at), Reason::Quota);
        let what = format!("nothing more is sent to the project `{project}` of `{}`: {reason}", self.name);
        Error::new(reason.kind(), what).hint(reason.remedy()).because(reason)
    }

    async fn slot(self: &Arc<Self>, at: &Repository, item: &Descriptor, answer: Answer) -> Result<Offer> {
        let slot = RegistrySlot::open(self, at, item, &answer).await?;
        answer.discard().await;
        Ok(Offer::Want(Box::new(slot)))
    }

    /// Whether the repository has a blob, by HEAD.
    pub(crate) async fn has_blob(&self, at: &Repository, item: &Descriptor) -> Result<bool> {
        self.look_for_blob(at, item, Scopes::push(at)).await
    }

    async fn look_for_blob(&self, at: &Repository, item: &Descriptor, scopes: Scopes) -> Result<bool> {
        let doing = Doing::LookForBlob(at, &item.digest);
        let to = To::Path(format!("{}/blobs/{}", at.path(), item.digest));
        let ask = Ask::new(doing, Method::HEAD, to, scopes, &self.shared.timing).unfollowed();
        let answer = self.send(&ask).await?;
        match answer.status() {
            // A portal has a page for every question.
            StatusCode::OK if answer.is_page() => Ok(false),
            StatusCode::OK => {
                // A blob of another length is a broken one: sending it again mends it.
                let broken = answer.length().zip(item.known_size()).is_some_and(|(length, size)| length != size);
                if !broken {
                    self.remember_mountable(item, at);
                }
                Ok(!broken)
            }
            StatusCode::NOT_FOUND => Ok(false),
            // Registries on object stores look before they redirect, and the store need not be reachable from here.
            status if status.is_redirection() && answer.header(header::LOCATION).is_some() => {
                self.remember_mountable(item, at);
                Ok(true)
            }
            // An object store that does not like HEAD says nothing about the blob; sending it is always right.
            _ if answer.foreign => Ok(false),
            _ => Err(self.refused(doing, answer).await),
        }
    }
}
