//! Tags, repositories and referrers.

use axum::{
    http::{Uri, header},
    response::Response,
};
use sealift_core::content::{Digest, well_known};
use serde_json::json;

use super::{
    App,
    answer::{self, Code, ErrorResponse},
    query,
};

/// Upper bound for the names in one response, independent of `n`.
const MAX_PAGE: usize = 10_000;

/// `GET /v2/<name>/tags/list?n=&last=` (distribution-spec, "Listing Tags").
pub(crate) fn tags(app: &App, name: &str, uri: &Uri) -> Result<Response, ErrorResponse> {
    let tags = app.store.repository(name).and_then(|repository| repository.tags()).ok_or(Code::NameUnknown)?;
    let tags: Vec<String> = tags.iter().map(ToString::to_string).collect();
    let (page, link) = page(tags, uri)?;
    Ok(linked(answer::json(&json!({ "name": name, "tags": page })), link))
}

/// `GET /v2/_catalog?n=&last=`.
pub(crate) fn catalog(app: &App, uri: &Uri) -> Result<Response, ErrorResponse> {
    let (page, link) = page(app.store.names(), uri)?;
    Ok(linked(answer::json(&json!({ "repositories": page })), link))
}

/// `GET /v2/<name>/referrers/<digest>?artifactType=` (distribution-spec, "Listing Referrers").
pub(crate) async fn referrers(app: &App, name: &str, digest: &Digest, uri: &Uri) -> Result<Response, ErrorResponse> {
    let mut found = match app.store.repository(name) {
        Some(repository) => repository.referrers(&app.store, digest).await?,
        None => Vec::new(), // nobody refers to anything there
    };
    let wanted = query(uri, "artifactType");
    if let Some(wanted) = &wanted {
        found.retain(|entry| entry.artifact_type.as_deref() == Some(wanted));
    }
    let index = json!({ "schemaVersion": 2, "mediaType": well_known::OCI_INDEX, "manifests": found });
    let mut response = answer::bytes(well_known::OCI_INDEX.as_str(), index.to_string().into());
    if wanted.is_some() {
        response.headers_mut().insert("oci-filters-applied", answer::value("artifactType"));
    }
    Ok(response)
}

/// The names that were asked for, in order, and where to go on.
fn page(mut names: Vec<String>, uri: &Uri) -> Result<(Vec<String>, Option<String>), ErrorResponse> {
    names.sort();
    if let Some(last) = query(uri, "last") {
        names.drain(..names.partition_point(|name| *name <= last));
    }
    let size = match query(uri, "n") {
        Some(text) => text.parse::<usize>().map_err(|_| Code::PageInvalid)?.min(MAX_PAGE),
        None => MAX_PAGE,
    };
    if names.len() <= size || size == 0 {
        names.truncate(size);
        return Ok((names, None));
    }
    names.truncate(size);
    let last = names.last().map(String::as_str).unwrap_or_default();
    let last = percent_encoding::utf8_percent_encode(last, percent_encoding::NON_ALPHANUMERIC);
    let link = format!("<{}?n={size}&last={last}>; rel=\"next\"", uri.path());
    Ok((names, Some(link)))
}

fn linked(mut response: Response, link: Option<String>) -> Response {
    if let Some(link) = link {
        response.headers_mut().insert(header::LINK, answer::value(link));
    }
    response
}

#[cfg(test)]
mod tests;
