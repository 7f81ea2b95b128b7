use super::*;

fn route(path: &str) -> Option<Route> {
    Route::of(&path.parse().unwrap()).ok()
}

#[test]
fn paths_are_read_from_the_right() {
    let digest = Digest::of(b"x");
    let tag = |text: &str| Reference::Tag(text.parse().unwrap());
    for (path, expected) in [
        ("/v2/".to_owned(), Route::Base),
        ("/v2/_catalog?n=1".to_owned(), Route::Catalog),
        ("/v2/a/tags/list".to_owned(), Route::Tags("a".to_owned())),
        ("/v2/a/blobs/manifests/v1".to_owned(), Route::Manifest("a/blobs".to_owned(), tag("v1"))),
        (format!("/v2/a/b/manifests/{digest}"), Route::Manifest("a/b".to_owned(), Reference::Digest(digest.clone()))),
        (format!("/v2/a/blobs/sha256%3A{}", digest.hex()), Route::Blob("a".to_owned(), digest.clone())),
        (format!("/v2/a/referrers/{digest}"), Route::Referrers("a".to_owned(), digest.clone())),
        ("/v2/a/blobs/uploads/".to_owned(), Route::Uploads("a".to_owned())),
        ("/v2/a/blobs/uploads/1-2".to_owned(), Route::Upload("a".to_owned(), "1-2".to_owned())),
    ] {
        assert_eq!(route(&path), Some(expected), "{path}");
    }
}

#[test]
fn nothing_leads_out_of_a_repository() {
    for path in [
        "/v2/a/blobs/sha256:..%2f..%2fetc",
        "/v2/../blobs/sha256:00",
        "/v2/%2e%2e/a/manifests/v1",
        "/v2/A/tags/list",
        "/v2//tags/list",
        "/v2/a/manifests/-x",
        "/v2/a/manifests/",
        "/v1/a",
        "/",
        "/v2/a",
    ] {
        assert_eq!(route(path), None, "{path}");
    }
}
