//! Tests of the limits of a host.

use tokio::time::Instant;

use super::*;

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
