use super::*;

#[test]
fn the_path_says_what_a_request_is_about() {
    for (path, kind) in [
        ("/v2/", RequestKind::Ping),
        ("/v2", RequestKind::Ping),
        ("/v2/_catalog?n=3", RequestKind::Catalog),
        ("/v2/a/b/manifests/v1", RequestKind::Manifest),
        ("/v2/a/blobs/sha256:00", RequestKind::Blob),
        ("/v2/a/blobs/uploads/", RequestKind::Upload),
        ("/v2/a/blobs/uploads/?mount=sha256:00&from=b", RequestKind::Upload),
        ("/v2/a/blobs/uploads/3f-1?_state=x/y", RequestKind::Upload),
        ("/v2/a/tags/list?n=1000", RequestKind::Tags),
        ("/v2/tags/list/manifests/x", RequestKind::Manifest),
        ("/v2/a/referrers/sha256:00?artifactType=x", RequestKind::Referrers),
        ("/auth/token?scope=repository:a:pull", RequestKind::Token),
        ("/healthz", RequestKind::Other),
    ] {
        assert_eq!(RequestKind::of(path), kind, "{path}");
    }
}
