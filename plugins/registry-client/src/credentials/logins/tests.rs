use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::SystemTime,
};

use sealift_core::secret::Secret;

use super::*;

/// Knows one host, gives secrets that last `life`, and takes `delay` for each.
struct Cloud {
    host: &'static str,
    delay: Duration,
    life: Duration,
    asked: AtomicUsize,
}

#[async_trait]
impl LoginProvider for Cloud {
    async fn get(&self, repository: &Repository) -> Result<Option<Login>> {
        if repository.registry() != self.host {
            return Ok(None);
        }
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(self.delay).await;
        let login = Login::basic("cloud", Secret::new(format!("s{number}")), self.host);
        Ok(Some(login.with_expiry(SystemTime::now() + self.life)))
    }

    async fn invalidate(&self, _: &Login) {}
}

fn cloud(host: &'static str, delay: u64, life: u64) -> Arc<Cloud> {
    let (delay, life) = (Duration::from_secs(delay), Duration::from_secs(life));
    Arc::new(Cloud { host, delay, life, asked: AtomicUsize::new(0) })
}

fn repository(name: &str) -> Repository {
    name.parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_slow_provider_holds_up_only_what_it_serves() {
    let logins = Logins::new(vec![cloud("slow.io", 30, 3600), cloud("fast.io", 0, 3600)]);
    let began = Instant::now();
    let slow = repository("slow.io/a");
    let fast = async {
        tokio::task::yield_now().await;
        logins.find(&repository("fast.io/a")).await.unwrap().expect("it has one");
        began.elapsed()
    };
    let (slow, fast) = tokio::join!(logins.find(&slow), fast);
    assert!(slow.unwrap().is_some());
    assert_eq!(fast, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_answer_serves_all_requests_of_its_repository_and_its_login_all_repositories() {
    let cloud = cloud("slow.io", 1, 3600);
    let logins = Logins::new(vec![Arc::clone(&cloud) as Arc<dyn LoginProvider>]);
    let names = ["slow.io/a", "slow.io/a", "slow.io/b"].map(repository);
    let found = futures::future::join_all(names.iter().map(|name| logins.find(name))).await;
    let found: Vec<_> = found.into_iter().map(|login| login.unwrap().unwrap()).collect();
    assert!(found.iter().all(|login| Arc::ptr_eq(&login.tracked, &found[0].tracked)), "or it would be tried twice");
    assert_eq!(cloud.asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_login_is_renewed_before_it_expires() {
    let cloud = cloud("a.io", 0, 0);
    let logins = Logins::new(vec![Arc::clone(&cloud) as Arc<dyn LoginProvider>]);
    let find = async || logins.find(&repository("a.io/a")).await.unwrap().unwrap().login.secret().expose().to_owned();
    let first = find().await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_ne!(find().await, first);
}
