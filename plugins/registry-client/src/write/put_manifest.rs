//! Manifests are small and named by what they are, so writing one twice is the same as writing it once.

use http::{HeaderName, HeaderValue, Method, StatusCode};
use sealift_core::{
    content::{ImageRef, Manifest},
    error::{Error, ErrorKind, Result},
};

use super::stored::Receipt;
use crate::{
    auth::Scopes,
    doing::Doing,
    error::{Reason, is_transient},
    host::Host,
    names::api_host,
    quirks::Quirks,
    read::Head,
    request::{Answer, Ask, Backoff, To},
};

impl Host {
    /// Writes a manifest, by its digest or under a tag.
    pub(crate) async fn put_manifest(&self, at: &ImageRef, manifest: &Manifest) -> Result<()> {
        let doing = Doing::PushManifest(at);
        let content_type = HeaderValue::from_str(manifest.media_type().as_str())
            .map_err(|_| Error::new(ErrorKind::Unsupported, format!("{doing}: its media type is no header value")))?;
        let to = To::Path(format!("{}/manifests/{}", at.repository.path(), at.version));
        let mut ask = Ask::new(doing, Method::PUT, to, Scopes::push(&at.repository), &self.shared.timing)
            .body(content_type, manifest.bytes().clone())
            .limit(self.shared.timing.slow_response);
        if self.is_harbor() {
            ask = ask.judge();
        }
        let answer = self.send_manifest(&ask).await?;
        if answer.status().is_success() {
            self.quirks.note_write(&at.repository);
            let receipt = Receipt::of(&answer);
            if manifest.subject().is_some() && answer.header(HeaderName::from_static("oci-subject")).is_none() {
                Quirks::set(&self.quirks.no_subjects);
            }
            answer.discard().await;
            return self.verify_manifest(at, manifest, &receipt).await;
        }
        // An immutable tag may stand for this very manifest, written by us when the answer got lost, or before.
        let guarded =
            matches!(answer.status(), StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED | StatusCode::BAD_REQUEST);
        let refused = self.refused_bytes(doing, manifest.bytes().len() as u64, answer).await;
        if guarded && refused.kind() == ErrorKind::Conflict && self.stands(at, manifest).await {
            return Ok(());
        }
        Err(refused)
    }

    async fn stands(&self, at: &ImageRef, manifest: &Manifest) -> bool {
        let found = match self.head_manifest(at, Doing::Look(at), Scopes::push(&at.repository)).await {
            Ok(Head::Found(found)) => Some(*found),
            Ok(Head::Barred) => self.artifact(at).await.ok().flatten(),
            _ => None,
        };
        found.is_some_and(|found| found.digest == *manifest.digest())
    }

    /// Sends a manifest until there is an answer that counts. Harbor answers 500 without a reason if it cannot read the
    /// manifest or its config, if its database is away, and now and then over nothing at all. So what fails three times
    /// while it answers other questions is a matter of the manifest.
    async fn send_manifest(&self, ask: &Ask<'_>) -> Result<Answer> {
        let timing = &self.shared.timing;
        let mut pauses = Backoff::new(timing.backoff, timing.backoff_max, 2 * REFUSALS);
        let mut refusals = 0;
        loop {
            let complaints = self.pace.complaints();
            let mut answer = self.send(ask).await?;
            if !ask.judges || answer.status() != StatusCode::INTERNAL_SERVER_ERROR {
                return Ok(answer);
            }
            let unknown = answer.peek().await.is_unknown();
            let refused = self.refused(ask.doing, answer).await;
            if !refused.is_retryable() {
                return Err(refused);
            }
            if unknown {
                let other = self.send(&self.ask_for_anything(ask.doing, ask.scopes.clone()).once()).await?;
                let is_well = !is_transient(other.status());
                other.discard().await;
                refusals += u32::from(is_well && self.pace.complaints() == complaints);
            }
            if refusals >= REFUSALS {
                let (doing, reason) = (ask.doing, Reason::Unreadable);
                let what = format!("{doing}: {reason}, it answers 500 each time and other requests as always");
                return Err(Error::new(reason.kind(), what).hint(reason.remedy()).because(reason));
            }
            let Some(pause) = pauses.next().filter(|_| self.pace.spend()) else { return Err(refused) };
            self.shared.counters.retry(api_host(&self.name));
            tokio::time::sleep(pause).await;
        }
    }
}

/// How often a manifest is refused before it is believed that it will always be.
const REFUSALS: u32 = 3;
