//! The URLs of an upload: the `Location` of its start, and the one that ends it.

use http::header;
use sealift_core::{
    content::Digest,
    error::{Error, ErrorKind, Result},
};
use url::Url;

use crate::{
    error::NO_REGISTRY,
    registry::Registry,
    transport::{Response, refused},
    url_policy::UrlPurpose,
};

/// Returns where the upload goes on that `response` opened.
pub(super) async fn upload_url(registry: &Registry, response: &Response) -> Result<Url> {
    let location = response.header(header::LOCATION).ok_or_else(|| {
        Error::new(ErrorKind::Unsupported, format!("`{}` does not say where the upload goes on", registry.name()))
            .with_hint(NO_REGISTRY)
    })?;
    let at = registry.transport.endpoint().await?;
    at.policy()
        .check(UrlPurpose::Upload, &response.url, location)
        .map_err(refused)
        .map_err(|error| registry.hide(error))
}

/// The URL that takes the whole blob and ends the upload. The query stays as it is: it may be signed.
pub(super) fn closing(mut location: Url, digest: &Digest) -> Url {
    let parameter = format!("digest={}%3A{}", digest.algorithm().name(), digest.hex());
    let query = match location.query() {
        Some(query) if !query.is_empty() => format!("{query}&{parameter}"),
        _ => parameter,
    };
    location.set_query(Some(&query));
    location
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_added_and_nothing_else_is_touched() {
        let digest = Digest::of(b"x");
        let parameter = format!("digest=sha256%3A{}", digest.hex());
        for (location, expected) in [
            ("https://r/u/1", format!("https://r/u/1?{parameter}")),
            ("https://r/u/1?", format!("https://r/u/1?{parameter}")),
            ("https://r/u/1?_state=a%2Fb%3D&z=1&a=%20", format!("https://r/u/1?_state=a%2Fb%3D&z=1&a=%20&{parameter}")),
        ] {
            assert_eq!(closing(Url::parse(location).unwrap(), &digest).as_str(), expected);
        }
    }
}
