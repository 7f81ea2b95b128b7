//! Referrers of a manifest: signatures, SBOMs (distribution-spec, "Listing Referrers").
//!
//! A registry without that API answers 404; then a tag made of the digest holds an index of them. Such a registry is
//! asked once.

use http::{HeaderValue, Method, StatusCode, header};
use sealift_core::{
    content::{Descriptor, Digest, ImageRef, Links, Manifest, MediaType, Reference, Repository, Tag, well_known},
    error::{Error, ErrorKind, Result},
};

use super::{link, manifests};
use crate::{
    operation::Operation,
    registry::{ObservedBehavior, Registry},
    scope::Scopes,
    transport::{Request, RequestTarget, refused},
    url_policy::UrlPurpose,
};

/// Pages that one subject may have.
const MAX_PAGES: usize = 100;

/// None: there is no such API. Whether there is one request finds out, for all that come together.
pub(crate) async fn list(
    registry: &Registry,
    repository: &Repository,
    subject: &Digest,
    scopes: &Scopes,
) -> Result<Option<Vec<Descriptor>>> {
    let (yes, no) = (&registry.observed.has_referrers, &registry.observed.no_referrers);
    let mut turn = None;
    if !ObservedBehavior::is_set(yes) && !ObservedBehavior::is_set(no) {
        turn = Some(registry.observed.first_referrers.lock().await).filter(|_| !ObservedBehavior::is_set(yes));
    }
    if !ObservedBehavior::is_set(no) {
        if let Some(found) = pages(registry, repository, subject, scopes).await? {
            ObservedBehavior::set(yes);
            return Ok(Some(found));
        }
        ObservedBehavior::set(no);
    }
    drop(turn);
    Ok(None)
}

/// None: there is no such API.
async fn pages(
    registry: &Registry,
    repository: &Repository,
    subject: &Digest,
    scopes: &Scopes,
) -> Result<Option<Vec<Descriptor>>> {
    let operation = Operation::ListReferrers(repository, subject);
    let fail = |what: &str| registry.hide(Error::new(ErrorKind::Unsupported, format!("{operation}: {what}")));
    let mut target = RequestTarget::Path(format!("{}/referrers/{subject}", repository.path()));
    let mut found = Vec::new();
    for page in 0..MAX_PAGES {
        let request = Request::new(operation, Method::GET, target, scopes.clone(), registry.timing());
        let request =
            request.header(header::ACCEPT, HeaderValue::from_static("application/vnd.oci.image.index.v1+json"));
        let response = registry.execute(&request).await?;
        let (status, url, next) = (response.status(), response.url.clone(), link::next(response.headers()));
        let is_index = response
            .header(header::CONTENT_TYPE)
            .is_some_and(|text| MediaType::from_header(text) == well_known::OCI_INDEX);
        if page == 0 && says_no_api(status, is_index) {
            response.discard().await;
            return Ok(None);
        }
        if !status.is_success() {
            return Err(registry.refused(operation, response).await);
        }
        let bytes = response.bytes(Manifest::MAX_BYTES, registry.timing().idle_read).await;
        let index = Manifest::parse(bytes.map_err(|error| error.with_context(operation))?, &well_known::OCI_INDEX);
        found.extend(entries(&index.map_err(|error| registry.hide(Error::from(error).with_context(operation)))?));
        let Some(next) = next.map_err(|why| fail(&why))? else { return Ok(Some(found)) };
        let at = registry.transport.endpoint().await?;
        target = RequestTarget::Url(
            at.policy()
                .check(UrlPurpose::Page, &url, &next)
                .map_err(|why| registry.hide(refused(why).with_context(operation)))?,
        );
    }
    Err(fail("the pages of the list do not end"))
}

pub(crate) async fn list_by_tag(
    registry: &Registry,
    repository: &Repository,
    subject: &Digest,
    scopes: Scopes,
) -> Result<Vec<Descriptor>> {
    let Some(tag) = Tag::referrers_tag(subject) else { return Ok(Vec::new()) };
    let image = ImageRef { repository: repository.clone(), reference: Reference::Tag(tag) };
    match manifests::get(registry, &image, Operation::ReadManifest(&image), scopes).await {
        // Something else than an index may have that name, and lists nothing.
        Ok(manifest) => Ok(entries(&manifest)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The answers of registries that do not know the API: 404 as the specification says, others as they come.
fn says_no_api(status: StatusCode, is_index: bool) -> bool {
    matches!(status.as_u16(), 400 | 404 | 405 | 406 | 501) || (status == StatusCode::OK && !is_index)
}

fn entries(manifest: &Manifest) -> Vec<Descriptor> {
    match manifest.links() {
        Links::Index(entries) => entries.clone(),
        Links::Image { .. } => Vec::new(),
    }
}
