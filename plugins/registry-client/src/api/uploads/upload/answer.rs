//! What the answers of a registry say of an upload.

use http::{StatusCode, header};
use sealift_core::{
    content::Digest,
    error::{Error, ErrorKind, Result, Retry},
};

use super::{
    super::{location::upload_url, progress::stored, send::Part},
    NO_PARTS, RegistryUpload,
};
use crate::{
    api::{
        blob_existence,
        confirmation::{WriteConfirmation, verify_blob},
    },
    error::CHANGED,
    transport::Response,
};

impl RegistryUpload {
    /// Notes what the answer to a part says. Returns how many bytes of it the registry has.
    pub(super) async fn advance(&mut self, part: &Part, given: u64, response: Response) -> Result<u64> {
        let told = stored(&response).and_then(|end| end.checked_sub(part.offset));
        let is_told = response.header(header::RANGE).is_some();
        if response.header(header::LOCATION).is_some() {
            self.location = upload_url(&self.registry, &response).await?;
        }
        response.discard().await;
        match told {
            Some(stored) if stored <= given && stored > 0 => {
                (self.stored, self.misplaced) = (part.offset + stored, 0);
                if stored == part.length {
                    self.registry.body_limit.accept(part.length).await;
                }
                Ok(stored)
            }
            None if !is_told && given == part.length => {
                self.stored = part.offset + given;
                Ok(given)
            }
            _ => {
                let again = self.registry.body_limit.fail(false).await;
                let what =
                    format!("{}: the registry does not count the bytes that it was sent as they are", self.operation());
                let error = Error::new(ErrorKind::Unsupported, what).with_hint(NO_PARTS);
                Err(if again { error.with_retry(Retry::Soon) } else { error })
            }
        }
    }

    /// Returns the error of a part that was refused.
    ///
    /// # Errors
    /// If sending the rest of the blob again is of no use.
    pub(super) async fn refused(&mut self, part: &Part, size: u64, response: Response) -> Result<Error> {
        if response.foreign
            && matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND)
        {
            let (status, other, name) = (response.status(), response.host().to_owned(), self.registry.name());
            let said = response.error_body().await;
            return Err(self.registry.observed.uploads.refused(name, &other, status, &said));
        }
        let is_lost = response.status() == StatusCode::NOT_FOUND;
        self.misplaced += u32::from(response.status() == StatusCode::RANGE_NOT_SATISFIABLE);
        let refused = self.registry.refused_bytes(self.operation(), size, response).await;
        let is_about_parts =
            matches!(refused.kind(), ErrorKind::Unsupported | ErrorKind::NotFound) || is_lost || self.misplaced > 1;
        if !part.is_last && is_about_parts {
            self.is_over = is_lost;
            let again = self.registry.body_limit.fail(!refused.is_retryable()).await;
            return Err(if again { refused.with_retry(Retry::Soon) } else { refused.with_hint(NO_PARTS) });
        }
        Ok(refused)
    }

    /// Makes sure that the registry stored the blob.
    pub(super) async fn finish(&self, response: Response, hashed: bool) -> Result<()> {
        self.registry.observed.note_write(&self.at);
        if response.foreign {
            self.registry.observed.uploads.took_one();
        }
        let confirmation = WriteConfirmation::of(&response);
        response.discard().await;
        self.check(confirmation.digest(), hashed)?;
        self.registry.body_limit.complete();
        verify_blob(&self.registry, &self.at, &self.item, &confirmation).await
    }

    /// Checks the digest that the registry says it stored. distribution 2.8 names a sha256 digest for an upload by sha512, so
    /// only digests of one algorithm are compared. Bytes that were not hashed here need the very digest.
    fn check(&self, stored: Option<&Digest>, hashed: bool) -> Result<()> {
        let confirmed = stored == Some(&self.item.digest);
        self.registry.observed.learn_confirms(confirmed);
        match stored {
            Some(stored) if stored.algorithm() == self.item.digest.algorithm() && !confirmed => {
                let what = format!("{}: the registry stored `{stored}` instead", self.operation());
                Err(Error::new(ErrorKind::Corrupt, what).with_retry(Retry::Soon).with_hint(CHANGED))
            }
            _ if confirmed || hashed => Ok(()),
            _ => {
                let what =
                    format!("{}: the registry did not confirm its digest, so it is sent again", self.operation());
                Err(Error::new(ErrorKind::Corrupt, what).with_retry(Retry::Soon))
            }
        }
    }

    /// Returns true if the blob arrived although its response did not. That it exists says nothing of bytes that were not
    /// hashed.
    pub(super) async fn arrived(&self, failed: &Error) -> bool {
        failed.kind() == ErrorKind::Unavailable
            && blob_existence::exists(&self.registry, &self.at, &self.item).await.unwrap_or(false)
    }
}
