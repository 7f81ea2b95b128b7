use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;

use super::*;

/// A host that answers so many at once in 100 ms; more of them only take longer.
struct Server {
    level: Arc<Level>,
    at_once: usize,
    now: AtomicUsize,
    most_seen: AtomicUsize,
}

impl Server {
    fn new(level: Level, at_once: usize) -> Arc<Self> {
        Arc::new(Self { level: Arc::new(level), at_once, now: AtomicUsize::new(0), most_seen: AtomicUsize::new(0) })
    }

    async fn ask(&self) {
        let _place = self.level.enter().await;
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_seen.fetch_max(now, Ordering::Relaxed);
        let load = u32::try_from(now.div_ceil(self.at_once)).unwrap();
        tokio::time::sleep(Duration::from_millis(100) * load).await;
        self.now.fetch_sub(1, Ordering::Relaxed);
        self.level.done(1);
    }

    /// Two hundred clients ask on and on.
    async fn busy_for(self: &Arc<Self>, time: Duration) {
        let until = Instant::now() + time;
        let mut clients = JoinSet::new();
        for _ in 0..200 {
            let server = Arc::clone(self);
            clients.spawn(async move {
                while Instant::now() < until {
                    server.ask().await;
                }
            });
        }
        clients.join_all().await;
    }

    fn limit(&self) -> usize {
        self.level.state().limit
    }
}

#[tokio::test(start_paused = true)]
async fn it_grows_while_more_at_once_brings_more_done() {
    let server = Server::new(Level::new(8, 100), 1000);
    let started = Instant::now();
    server.busy_for(Duration::from_secs(5)).await;
    assert_eq!(server.limit(), 100);
    assert!(started.elapsed() < Duration::from_secs(6), "within seconds");
    assert_eq!(server.most_seen.load(Ordering::Relaxed), 100, "and never above its cap");
}

#[tokio::test(start_paused = true)]
async fn it_stays_where_more_at_once_brings_nothing() {
    let server = Server::new(Level::new(8, 1000), 30);
    server.busy_for(Duration::from_secs(25)).await;
    assert!((18..=60).contains(&server.limit()), "{}", server.limit());
}

#[tokio::test(start_paused = true)]
async fn it_never_falls_below_its_start_on_its_own() {
    let server = Server::new(Level::new(16, 64), 1);
    server.busy_for(Duration::from_secs(120)).await;
    assert!(server.limit() >= 16, "{}", server.limit());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_halves_it_once_however_many_are_refused_together() {
    let level = Arc::new(Level::new(16, 64));
    let places: Vec<_> = futures::future::join_all((0..16).map(|_| level.enter())).await;
    for _ in 0..16 {
        level.refused(Duration::from_secs(2));
    }
    assert_eq!(level.state().limit, 8);
    drop(places);
    assert_eq!(level.places.available_permits(), 8, "those under way give their places back only as far as they fit");
    tokio::time::advance(Duration::from_secs(3)).await;
    level.refused(Duration::from_secs(2));
    assert_eq!(level.state().limit, 4, "another time");
    for _ in 0..10 {
        tokio::time::advance(Duration::from_secs(3)).await;
        level.refused(Duration::from_secs(2));
    }
    assert_eq!(level.state().limit, 1, "one is always left");
    drop(level.enter().await);
}

#[tokio::test(start_paused = true)]
async fn it_recovers_after_a_refusal() {
    let server = Server::new(Level::new(16, 64), 1000);
    server.level.refused(Duration::from_secs(2));
    assert_eq!(server.limit(), 8);
    server.busy_for(Duration::from_secs(5)).await;
    assert_eq!(server.limit(), 8, "not at once");
    server.busy_for(Duration::from_secs(60)).await;
    assert!(server.limit() >= 32, "{}", server.limit());
}

#[tokio::test(start_paused = true)]
async fn who_never_waits_is_not_judged() {
    let level = Arc::new(Level::new(4, 64));
    for _ in 0..100 {
        let _place = level.enter().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        level.done(1);
    }
    assert_eq!(level.state().limit, 4);
}
