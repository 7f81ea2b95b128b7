use sealift_core::{
    async_trait,
    error::{ErrorKind, Result},
    secret::Secret,
};

use super::*;

/// Returns a new secret after each invalidation.
#[derive(Default)]
struct Rotating {
    secret: Mutex<u32>,
    asked: Mutex<u32>,
    is_stuck: bool,
}

#[async_trait]
impl LoginProvider for Rotating {
    async fn get(&self, _: &Repository) -> Result<Option<Login>> {
        *self.asked.lock().unwrap() += 1;
        Ok(Some(login(*self.secret.lock().unwrap())))
    }

    async fn invalidate(&self, _: &Login) {
        *self.secret.lock().unwrap() += u32::from(!self.is_stuck);
    }
}

fn login(number: u32) -> Login {
    Login::basic("bot", Secret::new(format!("s{number}")), "here")
}

fn tracked(provider: &Arc<Rotating>) -> Arc<TrackedLogin> {
    Arc::new(TrackedLogin::new(login(0), Arc::clone(provider) as Arc<dyn LoginProvider>))
}

fn no() -> Error {
    Error::new(ErrorKind::Denied, "no")
}

const PAUSE: Duration = Duration::from_secs(4);

#[tokio::test]
async fn a_login_is_tried_by_one_and_refused_for_all() {
    let tracked = tracked(&Arc::default());
    let trial = tracked.enter().await.unwrap().expect("the first one tries");
    let others: Vec<_> = (0..3)
        .map(|_| {
            let tracked = Arc::clone(&tracked);
            tokio::spawn(async move { tracked.enter().await.is_err() })
        })
        .collect();
    tokio::task::yield_now().await;
    assert!(others.iter().all(|other| !other.is_finished()), "they wait for the trial");
    assert!(!tracked.reject(&tracked.current().login, no(), PAUSE).is_retryable());
    drop(trial);
    for other in others {
        assert!(other.await.unwrap());
    }
}

#[tokio::test]
async fn a_trial_without_result_lets_the_next_one_try() {
    let tracked = tracked(&Arc::default());
    drop(tracked.enter().await.unwrap().expect("the first one tries"));
    let trial = tracked.enter().await.unwrap().expect("the second one tries");
    tracked.accept(&tracked.current().login);
    drop(trial);
    assert!(tracked.enter().await.unwrap().is_none(), "it is known to be good");
}

#[tokio::test(start_paused = true)]
async fn a_login_that_worked_is_tried_again_after_a_pause_and_a_few_times_in_all() {
    let tracked = tracked(&Arc::default());
    let login = tracked.current().login;
    tracked.accept(&login);
    let mut rejections = 0;
    loop {
        rejections += 1;
        let error = tracked.reject(&login, no(), PAUSE);
        if !error.is_retryable() {
            break;
        }
        assert!(tracked.enter().await.is_err_and(|error| error.is_retryable()), "it is not tried in the pause");
        tokio::time::advance(PAUSE).await;
        assert!(tracked.enter().await.unwrap().expect("one tries").was_suspended());
    }
    assert_eq!(rejections, 6);
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert!(tracked.enter().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_rejected_secret_is_read_again_by_one_for_all() {
    let provider = Arc::new(Rotating::default());
    let tracked = tracked(&provider);
    let old = tracked.current().login;
    tracked.accept(&old);
    let repository = "r.io/a".parse().unwrap();
    assert!(!tracked.renew(&repository, &old).await, "it is a moment old");
    tokio::time::advance(Duration::from_secs(4)).await;
    let renewals = (0..20).map(|_| tracked.renew(&repository, &old));
    assert!(futures::future::join_all(renewals).await.into_iter().all(|renewed| renewed));
    assert_eq!(*provider.asked.lock().unwrap(), 1);
    assert_eq!(tracked.current().login.secret().expose(), "s1");
    assert!(tracked.enter().await.unwrap().is_some(), "the new one is tried by one first");
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_has_nothing_new_is_asked_ever_more_seldom() {
    let provider = Arc::new(Rotating { is_stuck: true, ..Rotating::default() });
    let tracked = tracked(&provider);
    let old = tracked.current().login;
    for _ in 0..60 {
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!tracked.renew(&"r.io/a".parse().unwrap(), &old).await);
    }
    assert_eq!(*provider.asked.lock().unwrap(), 5, "after 1, 3, 7, 15 and 31 s");
}
