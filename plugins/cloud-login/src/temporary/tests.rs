use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::SystemTime,
};

use sealift_core::{error::ErrorKind, secret::Secret};

use super::*;

/// Issues logins for an hour of simulated time, and refuses as told.
struct Cloud {
    asked: AtomicU32,
    refuses: Option<ErrorKind>,
    since: (SystemTime, Instant),
}

#[async_trait]
impl Issuer for &Cloud {
    fn has_credentials(&self) -> bool {
        true
    }

    async fn issue(&self, registry: &str) -> Result<Option<Login>> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        if let Some(kind) = self.refuses {
            return Err(Error::new(kind, "no"));
        }
        let now = self.since.0 + self.since.1.elapsed();
        let login = Login::basic("temp", Secret::new(format!("{registry} {number}")), "cloud");
        Ok(Some(login.with_expiry(now + Duration::from_secs(3600))))
    }
}

fn cloud(refuses: Option<ErrorKind>) -> Cloud {
    Cloud { asked: AtomicU32::new(0), refuses, since: (SystemTime::now(), Instant::now()) }
}

async fn get(provider: &TemporaryLogin<&Cloud>, repository: &str) -> Result<Login> {
    Ok(provider.get(&repository.parse().unwrap()).await?.unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_login_of_an_hour_is_renewed_before_its_end_all_day_long() {
    let cloud = cloud(None);
    let provider = TemporaryLogin::new(&cloud);
    for _ in 0..24 * 60 {
        let login = get(&provider, "a.example/app").await.unwrap();
        assert!(!login.expires_within(Duration::from_secs(20)));
        tokio::time::advance(Duration::from_secs(60)).await;
    }
    let asked = cloud.asked.load(Ordering::Relaxed);
    assert!((24..=25).contains(&asked), "{asked}");
}

#[tokio::test]
async fn repositories_of_a_registry_share_a_login_and_registries_do_not() {
    let cloud = cloud(None);
    let provider = TemporaryLogin::new(&cloud);
    let first = get(&provider, "a.example/app").await.unwrap();
    assert_eq!(get(&provider, "a.example/other").await.unwrap(), first);
    let other = get(&provider, "b.example/app").await.unwrap();
    assert_ne!(other, first);
    provider.invalidate(&first).await;
    assert_ne!(get(&provider, "a.example/app").await.unwrap(), first);
    assert_eq!(get(&provider, "b.example/app").await.unwrap(), other);
}

#[tokio::test(start_paused = true)]
async fn a_final_refusal_is_asked_for_once_and_another_failure_once_a_minute() {
    for (kind, expected) in [(ErrorKind::Denied, 1), (ErrorKind::Unavailable, 10)] {
        let cloud = cloud(Some(kind));
        let provider = TemporaryLogin::new(&cloud);
        for second in 0..600 {
            get(&provider, &format!("a.example/app{}", second % 7)).await.unwrap_err();
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(cloud.asked.load(Ordering::Relaxed), expected, "{kind:?}");
    }
}
