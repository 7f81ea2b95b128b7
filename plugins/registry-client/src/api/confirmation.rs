//! Responses to writes, and whether they prove that the content was stored.
//!
//! The specification asks for 201 (distribution-spec v1.1, "Pushing Blobs" and "Pushing Manifests"). Some registries and
//! gateways answer 200, 202 or 204, and login portals and proxies answer 200 with a page to everything. So only a 201
//! that names the digest is proof; after any other success the registry is asked whether it has the content.

use http::{HeaderName, StatusCode};
use sealift_core::{
    content::{Descriptor, Digest, ImageRef, Manifest, Reference, Repository},
    error::{Error, ErrorKind, Result, Retry},
};

use super::{
    blob_existence, harbor,
    manifests::{self, ManifestHead},
};
use crate::{
    error::{CHANGED, NO_REGISTRY, SHA256_ONLY},
    operation::Operation,
    registry::Registry,
    scope::Scopes,
    transport::Response,
};

/// A success that answered a write, as far as it concerns what was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WriteConfirmation {
    status: StatusCode,
    digest: DigestHeader,
    /// A page for people: no registry answered.
    page: bool,
}

/// The digest in an answer to a write.
#[derive(Clone, Debug, PartialEq, Eq)]
enum DigestHeader {
    Nothing,
    Nonsense,
    Digest(Digest),
}

impl WriteConfirmation {
    /// Reads the headers of an answer.
    pub(crate) fn of(response: &Response) -> Self {
        let named = response.headers().get(HeaderName::from_static("docker-content-digest"));
        let digest = match named.map(|value| value.to_str().ok().and_then(|text| text.parse().ok())) {
            None => DigestHeader::Nothing,
            Some(None) => DigestHeader::Nonsense,
            Some(Some(digest)) => DigestHeader::Digest(digest),
        };
        Self { status: response.status(), digest, page: response.is_page() }
    }

    /// The digest that it names.
    pub(crate) fn digest(&self) -> Option<&Digest> {
        match &self.digest {
            DigestHeader::Digest(digest) => Some(digest),
            DigestHeader::Nothing | DigestHeader::Nonsense => None,
        }
    }

    /// Returns true if no more is missing from the answer than the name of the digest, which is optional for blobs.
    pub(crate) fn is_plain(&self) -> bool {
        self.status == StatusCode::CREATED && !self.page && self.digest != DigestHeader::Nonsense
    }

    /// The error of a write that was answered with a success and left nothing behind.
    fn in_vain(&self, operation: Operation<'_>) -> Error {
        let host = operation.repository().registry();
        let what = format!(
            "{operation}: `{host}` answered {} as if it were stored, and does not have it",
            self.status.as_u16()
        );
        let retry = if self.page { Retry::Never } else { Retry::Soon };
        Error::new(ErrorKind::Unavailable, what).with_retry(retry).with_hint(NO_REGISTRY)
    }
}

/// Makes sure that a manifest stands where it was written.
///
/// # Errors
/// If something else or nothing stands there, or if that cannot be found out.
pub(crate) async fn verify_manifest(
    registry: &Registry,
    at: &ImageRef,
    manifest: &Manifest,
    confirmation: &WriteConfirmation,
) -> Result<()> {
    let operation = Operation::PushManifest(at);
    if let Some(said) = confirmation.digest() {
        // Signed schema 1 has a digest of its payload, which some registries compute in their own way.
        let same = said == manifest.digest() || manifest.media_type().is_schema1();
        if confirmation.is_plain() && same {
            return Ok(());
        }
        if !same && at.reference.tag().is_some() && said.matches(manifest.bytes()) {
            return Err(keeps_another(operation, said, manifest));
        }
        if !same && said.algorithm() == manifest.digest().algorithm() {
            let what = format!("{operation}: the registry stored `{said}` instead of `{}`", manifest.digest());
            return Err(Error::new(ErrorKind::Corrupt, what).with_retry(Retry::Soon).with_hint(CHANGED));
        }
    }
    match standing(registry, at).await? {
        Some(found) if found == *manifest.digest() || manifest.media_type().is_schema1() => Ok(()),
        Some(found) if found.matches(manifest.bytes()) => Err(keeps_another(operation, &found, manifest)),
        Some(found) => {
            let what = format!("{operation}: `{found}` stands there instead of `{}`", manifest.digest());
            Err(Error::new(ErrorKind::Corrupt, what).with_retry(Retry::Soon).with_hint(CHANGED))
        }
        None => Err(confirmation.in_vain(operation)),
    }
}

/// The error of a registry that names its manifests by an algorithm of its own.
fn keeps_another(operation: Operation<'_>, found: &Digest, manifest: &Manifest) -> Error {
    let digest = manifest.digest();
    let what = format!("{operation}: the registry keeps it as `{found}`, and `{digest}` would not be found there");
    Error::new(ErrorKind::Unsupported, what).with_retry(Retry::Never).with_hint(SHA256_ONLY)
}

/// Returns the digest that a name stands for, by HEAD, or by GET where HEAD does not tell.
async fn standing(registry: &Registry, at: &ImageRef) -> Result<Option<Digest>> {
    let (operation, scopes) = (Operation::CheckManifest(at), Scopes::push(&at.repository));
    match manifests::head(registry, at, operation, scopes.clone()).await? {
        Some(ManifestHead::Found(found)) => return Ok(Some(found.digest)),
        // A policy forbids reading it; the API of the product may tell.
        Some(ManifestHead::Barred) => match &at.reference {
            Reference::Digest(digest) => return Ok(Some(digest.clone())),
            Reference::Tag(_) => {
                if let Some(found) = harbor::artifact(registry, at).await? {
                    return Ok(Some(found.digest));
                }
            }
        },
        Some(ManifestHead::Missing) | None => {}
    }
    // Old Nexus says 404 to HEAD of everything.
    match manifests::get(registry, at, operation, scopes).await {
        Ok(manifest) => Ok(Some(manifest.digest().clone())),
        Err(error) if error.is_retryable() || error.kind() == ErrorKind::Denied => Err(error),
        Err(_) => Ok(None),
    }
}

/// Makes sure that a repository has a blob that was sent, where the answer is no proof.
///
/// # Errors
/// If the blob is not there, or if that cannot be found out.
pub(crate) async fn verify_blob(
    registry: &Registry,
    at: &Repository,
    item: &Descriptor,
    confirmation: &WriteConfirmation,
) -> Result<()> {
    if confirmation.is_plain() {
        return Ok(());
    }
    match blob_existence::exists(registry, at, item).await? {
        true => Ok(()),
        false => Err(confirmation.in_vain(Operation::PushBlob(at, &item.digest))),
    }
}

/// Returns true if an answer to a mount says that the repository has the blob now.
pub(crate) fn is_mounted(response: &Response, item: &Descriptor) -> bool {
    let confirmation = WriteConfirmation::of(response);
    let names_another = confirmation
        .digest()
        .is_some_and(|digest| digest.algorithm() == item.digest.algorithm() && *digest != item.digest);
    confirmation.is_plain() && !names_another
}
