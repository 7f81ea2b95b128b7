//! Whether an answer to a write proves that a registry stored what was written.
//!
//! The specification asks for 201 (distribution-spec v1.1, "Pushing Blobs" and "Pushing Manifests"). Some registries and
//! gateways answer 200, 202 or 204, and login portals and proxies answer 200 with a page to everything. So only a 201
//! that names the digest is proof; after any other success the registry is asked whether it has the content.

use http::{HeaderName, StatusCode};
use sealift_core::{
    content::{Descriptor, Digest, ImageRef, Manifest, Repository, Version},
    error::{Error, ErrorKind, Result, Retry},
};

use crate::{
    auth::Scopes,
    doing::Doing,
    error::{CHANGED, NO_REGISTRY},
    host::Host,
    read::Head,
    request::Answer,
};

/// A success that answered a write, as far as it concerns what was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Receipt {
    status: StatusCode,
    digest: Named,
    /// A page for people: no registry answered.
    page: bool,
}

/// The digest in an answer to a write.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Named {
    Nothing,
    Nonsense,
    Digest(Digest),
}

impl Receipt {
    /// Reads the headers of an answer.
    pub(super) fn of(answer: &Answer) -> Self {
        let named = answer.headers().get(HeaderName::from_static("docker-content-digest"));
        let digest = match named.map(|value| value.to_str().ok().and_then(|text| text.parse().ok())) {
            None => Named::Nothing,
            Some(None) => Named::Nonsense,
            Some(Some(digest)) => Named::Digest(digest),
        };
        Self { status: answer.status(), digest, page: answer.is_page() }
    }

    /// The digest that it names.
    pub(super) fn digest(&self) -> Option<&Digest> {
        match &self.digest {
            Named::Digest(digest) => Some(digest),
            Named::Nothing | Named::Nonsense => None,
        }
    }

    /// Returns true if no more is missing from the answer than the name of the digest, which is optional for blobs.
    pub(super) fn is_plain(&self) -> bool {
        self.status == StatusCode::CREATED && !self.page && self.digest != Named::Nonsense
    }

    /// The error of a write that was answered with a success and left nothing behind.
    fn in_vain(&self, doing: Doing<'_>) -> Error {
        let registry = doing.repository().registry();
        let what = format!(
            "{doing}: `{registry}` answered {} as if it were stored, and does not have it",
            self.status.as_u16()
        );
        let retry = if self.page { Retry::Never } else { Retry::Soon };
        Error::new(ErrorKind::Unavailable, what).retry(retry).hint(NO_REGISTRY)
    }
}

impl Host {
    /// Makes sure that a manifest stands where it was written.
    ///
    /// # Errors
    /// If something else or nothing stands there, or if that cannot be found out.
    pub(super) async fn verify_manifest(&self, at: &ImageRef, manifest: &Manifest, receipt: &Receipt) -> Result<()> {
        let doing = Doing::PushManifest(at);
        if let Some(said) = receipt.digest() {
            // distribution 2.8 names a sha256 digest for what was written by sha512: any digest of these bytes is right.
            let same = said.matches(manifest.bytes());
            // Signed schema 1 has a digest of its payload, which some registries compute in their own way.
            if receipt.is_plain() && (same || manifest.media_type().is_schema1()) {
                return Ok(());
            }
            if !same && said.algorithm() == manifest.digest().algorithm() && !manifest.media_type().is_schema1() {
                let what = format!("{doing}: the registry stored `{said}` instead of `{}`", manifest.digest());
                return Err(Error::new(ErrorKind::Corrupt, what).retry(Retry::Soon).hint(CHANGED));
            }
        }
        match self.standing(at).await? {
            Some(found) if found == *manifest.digest() || manifest.media_type().is_schema1() => Ok(()),
            Some(found) if found.matches(manifest.bytes()) => Ok(()),
            Some(found) => {
                let what = format!("{doing}: `{found}` stands there instead of `{}`", manifest.digest());
                Err(Error::new(ErrorKind::Corrupt, what).retry(Retry::Soon).hint(CHANGED))
            }
            None => Err(receipt.in_vain(doing)),
        }
    }

    /// What a name stands for, by HEAD, and by GET where HEAD does not tell.
    async fn standing(&self, at: &ImageRef) -> Result<Option<Digest>> {
        let (doing, scopes) = (Doing::Look(at), Scopes::push(&at.repository));
        match self.head_manifest(at, doing, scopes.clone()).await? {
            Head::Found(found) => return Ok(Some(found.digest)),
            // A policy forbids reading it; the API of the product may tell.
            Head::Barred => match &at.version {
                Version::Digest(digest) => return Ok(Some(digest.clone())),
                Version::Tag(_) => {
                    if let Some(found) = self.artifact(at).await? {
                        return Ok(Some(found.digest));
                    }
                }
            },
            Head::Missing | Head::Inconclusive => {}
        }
        // Old Nexus says 404 to HEAD of everything.
        match self.get_manifest(at, doing, scopes).await {
            Ok(manifest) => Ok(Some(manifest.digest().clone())),
            Err(error) if error.is_retryable() || error.kind() == ErrorKind::Denied => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// Makes sure that a repository has a blob that was sent, where the answer is no proof.
    ///
    /// # Errors
    /// If the blob is not there, or if that cannot be found out.
    pub(super) async fn verify_blob(&self, at: &Repository, item: &Descriptor, receipt: &Receipt) -> Result<()> {
        if receipt.is_plain() {
            return Ok(());
        }
        match self.has_blob(at, item).await? {
            true => Ok(()),
            false => Err(receipt.in_vain(Doing::PushBlob(at, &item.digest))),
        }
    }
}

/// Returns true if an answer to a mount says that the repository has the blob now.
pub(super) fn is_mounted(answer: &Answer, item: &Descriptor) -> bool {
    let receipt = Receipt::of(answer);
    let names_another =
        receipt.digest().is_some_and(|digest| digest.algorithm() == item.digest.algorithm() && *digest != item.digest);
    receipt.is_plain() && !names_another
}
