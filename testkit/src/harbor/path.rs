//! Routes of the registry API, parsed from paths below `/v2/`.

/// A request below `/v2/`, by its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Ping,
    Catalog,
    Tags(String),
    Manifest(String, String),
    Blob(String, String),
    /// With the session, once there is one.
    Upload(String, Option<String>),
    Referrers(String, String),
    Other,
}

impl Route {
    pub(super) fn of(path: &str) -> Self {
        let rest = match path.strip_prefix("/v2") {
            Some("" | "/") => return Self::Ping,
            Some("/_catalog") => return Self::Catalog,
            Some(rest) => rest.trim_start_matches('/'),
            None => return Self::Other,
        };
        if let Some(name) = rest.strip_suffix("/tags/list") {
            return Self::Tags(name.to_owned());
        }
        if let Some(name) = rest.strip_suffix("/blobs/uploads/").or_else(|| rest.strip_suffix("/blobs/uploads")) {
            return Self::Upload(name.to_owned(), None);
        }
        let Some((before, last)) = rest.rsplit_once('/') else { return Self::Other };
        let last = last.to_owned();
        if let Some(name) = before.strip_suffix("/blobs/uploads") {
            Self::Upload(name.to_owned(), Some(last))
        } else if let Some(name) = before.strip_suffix("/manifests") {
            Self::Manifest(name.to_owned(), last)
        } else if let Some(name) = before.strip_suffix("/blobs") {
            Self::Blob(name.to_owned(), last)
        } else if let Some(name) = before.strip_suffix("/referrers") {
            Self::Referrers(name.to_owned(), last)
        } else {
            Self::Other
        }
    }

    pub(super) fn repository(&self) -> Option<&str> {
        match self {
            Self::Tags(name)
            | Self::Manifest(name, _)
            | Self::Blob(name, _)
            | Self::Upload(name, _)
            | Self::Referrers(name, _) => Some(name),
            Self::Ping | Self::Catalog | Self::Other => None,
        }
    }
}

/// The project of a repository: what stands before the first slash.
pub(super) fn project_of(repository: &str) -> &str {
    repository.split('/').next().unwrap_or_default()
}

/// Returns the first value of a key in the query, percent-decoded.
pub(super) fn query(uri: &axum::http::Uri, key: &str) -> Option<String> {
    let pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    pairs.into_owned().find(|(name, _)| name == key).map(|(_, value)| value)
}

pub(super) fn decode(text: &str) -> String {
    let pair = format!("x={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_says_what_it_is_about() {
        let upload = |session: Option<&str>| Route::Upload("p/r".to_owned(), session.map(str::to_owned));
        for (path, route) in [
            ("/v2/", Route::Ping),
            ("/v2/_catalog", Route::Catalog),
            ("/v2/p/r/tags/list", Route::Tags("p/r".to_owned())),
            ("/v2/p/r/x/manifests/v1", Route::Manifest("p/r/x".to_owned(), "v1".to_owned())),
            ("/v2/p/r/blobs/sha256:00", Route::Blob("p/r".to_owned(), "sha256:00".to_owned())),
            ("/v2/p/r/blobs/uploads/", upload(None)),
            ("/v2/p/r/blobs/uploads/3f-1", upload(Some("3f-1"))),
            ("/v2/p/r/referrers/sha256:00", Route::Referrers("p/r".to_owned(), "sha256:00".to_owned())),
            ("/v2/alone", Route::Other),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }
}
