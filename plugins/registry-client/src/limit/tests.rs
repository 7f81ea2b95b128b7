//! Tests of the limits of a host.

use bytes::Bytes;
use futures::FutureExt;
use sealift_core::content::ImageRef;
use tokio::time::Instant;

use super::*;
use crate::{operation::Operation, scope::Scopes, timing::Timing, transport::RequestTarget};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_wait_beyond_patience_is_passed_on() {
    let limit = HostLimit::new(Limiter::default(), "registry.example.com", &[]);
    limit.pause(Some(10 * MINUTE), 5 * MINUTE);
    let start = Instant::now();
    assert_eq!(limit.wait_for_pause(MINUTE).await, Err(10 * MINUTE), "told as it is");
    assert_eq!(limit.blob(Pool::Reads, MINUTE).await.map(drop), Err(10 * MINUTE));
    assert_eq!(start.elapsed(), Duration::ZERO);
}

fn put<'a>(at: &'a ImageRef, body: Option<&'static str>) -> Request<'a> {
    let (target, timing) = (RequestTarget::Path("app/manifests/v1".to_owned()), Timing::default());
    let scopes = Scopes::push(&at.repository);
    let mut request = Request::new(Operation::PushManifest(at), Method::PUT, target, scopes, &timing);
    request.body = body.map(|body| Bytes::from_static(body.as_bytes()));
    request
}

#[tokio::test(start_paused = true)]
async fn so_many_manifests_are_written_to_one_project_or_repository_at_once_and_others_do_not_wait() {
    let limit = HostLimit::new(Limiter::default(), "harbor.corp", &[]);
    let [one, beside, other]: [ImageRef; 3] =
        ["harbor.corp/team/app:v1", "harbor.corp/team/db:v1", "harbor.corp/other/app:v1"]
            .map(|name| name.parse().unwrap());
    for most in [ManifestWrites::InProject(2), ManifestWrites::InRepository(2)] {
        let small = |request| {
            let limit = &limit;
            async move { limit.small(&request, Some(most), MINUTE).await }
        };
        let first = small(put(&one, Some("{}"))).await.unwrap();
        let _second = small(put(&one, Some("{}"))).await.unwrap();
        let mut third = Box::pin(small(put(&one, Some("{}"))));
        assert!((&mut third).now_or_never().is_none(), "it waits");
        assert!(small(put(&other, Some("{}"))).now_or_never().is_some(), "another project has its own");
        let has_its_own = small(put(&beside, Some("{}"))).now_or_never().is_some();
        assert_eq!(has_its_own, most == ManifestWrites::InRepository(2), "a repository of the same project");
        assert!(small(put(&one, None)).now_or_never().is_some(), "it is no manifest");
        drop(first);
        assert!(third.now_or_never().is_some());
    }
}
