//! Manifests: what a name points to, and the bytes of it.

use http::{HeaderValue, Method, StatusCode, header};
use sealift_core::{
    content::{Algorithm, Descriptor, Digest, ImageRef, Manifest, MediaType, Reference, well_known},
    error::{Error, ErrorKind, Result, Retry},
};

use crate::{
    error::NO_REGISTRY,
    operation::Operation,
    registry::{ObservedBehavior, Registry, WholeResponse},
    scope::Scopes,
    transport::{Request, RequestTarget, Response},
};

/// The answer to the question whether a manifest is there.
pub(crate) enum ManifestHead {
    /// It is there.
    Found(Box<Descriptor>),
    /// It is not there, says HEAD; old Nexus says so of everything.
    Missing,
    /// It is there, and a deployment policy of a Harbor bars who would look at it: an image that is not signed, not
    /// scanned, or known to be harmful. Pushes pass.
    Barred,
}

/// The header that names what was served (distribution-spec, "Pulling manifests").
const DIGEST: &str = "docker-content-digest";

/// Asks by HEAD what a name points to; none if HEAD does not tell. Free of charge at Docker Hub.
pub(crate) async fn head(
    registry: &Registry,
    image: &ImageRef,
    operation: Operation<'_>,
    scopes: Scopes,
) -> Result<Option<ManifestHead>> {
    if head_is_useless(registry) {
        return Ok(None);
    }
    let request = request(registry, image, operation, scopes, Method::HEAD);
    let response = registry.execute(&request).await?;
    Ok(match response.status() {
        // By the response itself the product may have been recognised.
        _ if head_is_useless(registry) => None,
        StatusCode::OK => described(image, &response).map(|found| ManifestHead::Found(Box::new(found))),
        StatusCode::NOT_FOUND => Some(ManifestHead::Missing),
        StatusCode::PRECONDITION_FAILED if registry.has_projects() => Some(ManifestHead::Barred),
        _ => None,
    })
}

/// Returns true if HEAD of a manifest does not tell what GET tells: known of the product, or observed.
fn head_is_useless(registry: &Registry) -> bool {
    registry.profile.facts().head_is_useless || ObservedBehavior::is_set(&registry.observed.head_is_useless)
}

/// Asks what a name points to: by HEAD, and by GET where HEAD does not tell.
pub(crate) async fn look(
    registry: &Registry,
    image: &ImageRef,
    operation: Operation<'_>,
    scopes: Scopes,
) -> Result<ManifestHead> {
    if let Some(told) = head(registry, image, operation, scopes.clone()).await? {
        return Ok(told);
    }
    match get(registry, image, operation, scopes).await {
        Ok(manifest) => Ok(ManifestHead::Found(Box::new(manifest.descriptor()))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(ManifestHead::Missing),
        Err(error) => Err(error),
    }
}

/// Returns what a name points to, by HEAD; by GET, together with the manifest, where HEAD does not tell.
pub(crate) async fn resolve(registry: &Registry, image: &ImageRef) -> Result<(Descriptor, Option<Manifest>)> {
    let (operation, scopes) = (Operation::ReadManifest(image), Scopes::pull(&image.repository));
    if let Some(ManifestHead::Found(found)) = head(registry, image, operation, scopes.clone()).await? {
        return Ok((*found, None));
    }
    // GET decides, and its refusal has a body that explains it.
    let manifest = get(registry, image, operation, scopes).await?;
    // At Harbor HEAD tells, and only HEAD tells of a manifest that a policy bars: the tag came between the two.
    if !registry.has_projects() {
        ObservedBehavior::set(&registry.observed.head_is_useless);
    }
    Ok((manifest.descriptor(), Some(manifest)))
}

/// Reads a manifest by tag or digest, with no question before it.
pub(crate) async fn get(
    registry: &Registry,
    image: &ImageRef,
    operation: Operation<'_>,
    scopes: Scopes,
) -> Result<Manifest> {
    let request = request(registry, image, operation, scopes.clone(), Method::GET);
    let mut whole = registry.read_whole(&request, Manifest::MAX_BYTES).await?;
    if let Some(encoding) = text(&whole, "content-encoding").filter(|encoding| *encoding != "identity") {
        let what = format!("{operation}: the manifest came compressed with `{encoding}`, although it must not be");
        let error = Error::new(ErrorKind::Unsupported, what)
            .with_hint("a proxy in front of the registry compresses JSON; switch that off for it");
        return Err(registry.hide(error));
    }
    let said = text(&whole, DIGEST).and_then(|text| text.parse::<Digest>().ok());
    let said = said.filter(|_| image.reference.tag().is_some());
    let algorithm = said.as_ref().map_or(Algorithm::Sha256, Digest::algorithm);
    let served = algorithm.digest_of(&whole.body);
    if let Some(said) = said.as_ref().filter(|said| **said != served) {
        // Damaged on the way, if the registry has what it names. Many get the header wrong for what they convert: then our
        // own digest counts.
        let named = image.repository.with_digest(said);
        match Box::pin(get(registry, &named, operation, scopes)).await {
            Ok(manifest) => return Ok(manifest),
            Err(error) if error.is_retryable_now() && error.kind() != ErrorKind::Corrupt => return Err(error),
            Err(_) => {
                // Damaged once more, refused, or what the registry has by that name. Damage does not come twice alike.
                let again = registry.read_whole(&request, Manifest::MAX_BYTES).await?;
                let digest = algorithm.digest_of(&again.body);
                if digest != served && digest != *said {
                    let what = format!(
                        "{operation}: it came with the digests `{served}` and `{digest}`, and the registry names `{said}`"
                    );
                    return Err(registry.hide(Error::new(ErrorKind::Corrupt, what).with_retry(Retry::Soon)));
                }
                whole = again;
            }
        }
        let served = algorithm.digest_of(&whole.body);
        if served != *said {
            tracing::warn!(%image, %served, %said, "the registry names another digest than it serves");
        }
    }
    let (is_page, is_empty) = (whole.body.trim_ascii_start().starts_with(b"<"), whole.body.is_empty());
    let served_as = text(&whole, "content-type").map(MediaType::from_header).unwrap_or_default();
    let is_kept_so = |said: &Digest| said.algorithm() != Algorithm::Sha256 && said.matches(&whole.body);
    let parsed = match image.reference.digest().cloned().or(said.filter(is_kept_so)) {
        Some(digest) => Manifest::parse_expecting(whole.body, &served_as, &digest),
        None => Manifest::parse(whole.body, &served_as),
    };
    let manifest = parsed.map_err(|error| {
        let hint = match &served_as {
            // A login page, or the page of a proxy, served as if nothing were wrong.
            other if is_page || other.as_str().starts_with("text/html") => NO_REGISTRY,
            _ if is_empty => {
                "the answer has no content: the log of the registry, or of a proxy on the way, may say why"
            }
            other if !other.is_manifest() => "this is no kind of image: leave it out",
            _ => "it is broken at the source, or something on the way changes it: push it there again",
        };
        registry.hide(Error::from(error).with_context(operation).with_hint(hint))
    })?;
    Ok(manifest)
}

/// Returns a header as text.
fn text<'w>(whole: &'w WholeResponse, name: &str) -> Option<&'w str> {
    whole.headers.get(name).and_then(|value| value.to_str().ok())
}

fn request<'a>(
    registry: &Registry,
    image: &ImageRef,
    operation: Operation<'a>,
    scopes: Scopes,
    method: Method,
) -> Request<'a> {
    let target = RequestTarget::Path(format!("{}/manifests/{}", image.repository.path(), image.reference));
    Request::new(operation, method, target, scopes, registry.timing()).header(header::ACCEPT, accept())
}

/// All types, in one line: some servers read the first `Accept` line only, and distribution calls an OCI manifest
/// missing if its type is not named.
fn accept() -> HeaderValue {
    let types = well_known::MANIFESTS.map(|media_type| media_type.as_str().to_owned());
    HeaderValue::from_str(&types.join(", ")).expect("media types are valid header values")
}

/// Returns the descriptor in the headers, if they are complete.
fn described(image: &ImageRef, response: &Response) -> Option<Descriptor> {
    let media_type = MediaType::from_header(response.header(header::CONTENT_TYPE)?);
    let said = response.header(http::HeaderName::from_static(DIGEST)).and_then(|text| text.parse::<Digest>().ok());
    let digest = match &image.reference {
        // What was asked for by digest and is there has that digest.
        Reference::Digest(digest) => digest.clone(),
        Reference::Tag(_) => said?,
    };
    // A login page is served with 200, too.
    media_type.is_manifest().then(|| {
        Descriptor::new(
            media_type,
            digest,
            response.length().filter(|length| *length > 0).unwrap_or(Descriptor::UNSIZED),
        )
    })
}
