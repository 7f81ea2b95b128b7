//! Tokens of one registry: each is fetched once, however many requests need it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use http::HeaderValue;
use sealift_core::error::{Error, Result};
use tokio::time::Instant;

use super::{
    HarborClaims,
    challenge::BearerChallenge,
    token::{Fresh, renew_at},
};
use crate::credentials::sensitive;

/// The purpose of a token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct TokenKey {
    pub(super) bearer: BearerChallenge,
    /// The origin of the login.
    pub(super) login: Option<String>,
    /// The sorted scopes.
    pub(super) scopes: String,
}

/// A token as it is sent.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) header: HeaderValue,
    pub(super) serial: u64,
    /// It was fetched just now, so that fetching again would return the same.
    pub(super) is_fresh: bool,
    /// The claims of a token of Harbor.
    pub(super) claims: Option<Arc<HarborClaims>>,
}

/// The tokens of one registry.
#[derive(Default)]
pub(super) struct TokenCache {
    cells: Mutex<HashMap<TokenKey, Arc<tokio::sync::Mutex<TokenCell>>>>,
    serial: AtomicU64,
}

#[derive(Default)]
enum TokenCell {
    #[default]
    Empty,
    Good {
        token: Token,
        renew_at: Instant,
    },
    /// Fetching failed. Requests that waited for it share the error, and later ones too if it is final.
    Failed {
        error: Error,
        at: Instant,
    },
}

/// The number of tokens above which expired ones are removed.
const TIDY_ABOVE: usize = 256;

impl TokenCache {
    /// Returns the token for `key`: the cached one, or the result of `fetch`, which runs once for all that wait.
    pub(super) async fn get(&self, key: &TokenKey, fetch: impl Future<Output = Result<Fresh>>) -> Result<Token> {
        let came = Instant::now();
        let cell = self.cell(key);
        let mut cell = cell.lock().await;
        match &*cell {
            TokenCell::Good { token, renew_at } if *renew_at > Instant::now() => return Ok(token.clone()),
            TokenCell::Failed { error, at } if *at >= came || !error.is_retryable() => return Err(error.clone()),
            _ => {}
        }
        match fetch.await {
            Ok(fresh) => {
                let header = sensitive(&format!("Bearer {}", fresh.token.expose()));
                let serial = self.serial.fetch_add(1, Ordering::Relaxed);
                let token = Token { header, serial, is_fresh: false, claims: fresh.claims };
                *cell = TokenCell::Good {
                    token: token.clone(),
                    renew_at: renew_at(came.max(Instant::now()), fresh.lifetime),
                };
                Ok(Token { is_fresh: true, ..token })
            }
            Err(error) => {
                *cell = TokenCell::Failed { error: error.clone(), at: Instant::now() };
                Err(error)
            }
        }
    }

    /// Removes a token that was rejected, unless it was replaced meanwhile.
    pub(super) async fn forget(&self, key: &TokenKey, serial: u64) {
        let cell = self.cell(key);
        let mut cell = cell.lock().await;
        if matches!(&*cell, TokenCell::Good { token, .. } if token.serial == serial) {
            *cell = TokenCell::Empty;
        }
    }

    fn cell(&self, key: &TokenKey) -> Arc<tokio::sync::Mutex<TokenCell>> {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        if cells.len() > TIDY_ABOVE && !cells.contains_key(key) {
            cells.retain(|_, cell| Arc::strong_count(cell) > 1 || !cell.try_lock().is_ok_and(|cell| cell.is_over()));
        }
        Arc::clone(cells.entry(key.clone()).or_default())
    }
}

impl TokenCell {
    fn is_over(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Good { renew_at, .. } => *renew_at <= Instant::now(),
            Self::Failed { error, .. } => error.is_retryable(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::atomic::AtomicUsize, time::Duration};

    use sealift_core::{
        error::{ErrorKind, Retry},
        secret::Secret,
    };

    use super::*;

    fn key(scopes: &str) -> TokenKey {
        let bearer = BearerChallenge { realm: "https://a/t".to_owned(), service: None };
        TokenKey { bearer, login: None, scopes: scopes.to_owned() }
    }

    fn fresh(seconds: u64) -> Fresh {
        Fresh { token: Secret::new("CANARY"), lifetime: Duration::from_secs(seconds), claims: None }
    }

    #[tokio::test(start_paused = true)]
    async fn a_hundred_requests_share_one_token() {
        let (tokens, asked) = (TokenCache::default(), AtomicUsize::new(0));
        let get = || async {
            let ask = async {
                asked.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok(fresh(60))
            };
            tokens.get(&key("x"), ask).await.unwrap()
        };
        let got = futures::future::join_all((0..100).map(|_| get())).await;
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        assert_eq!(got.iter().filter(|token| token.is_fresh).count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_when_its_time_comes_and_not_before() {
        let (tokens, asked) = (TokenCache::default(), AtomicUsize::new(0));
        let get = async || {
            let ask = async {
                asked.fetch_add(1, Ordering::Relaxed);
                Ok(fresh(60))
            };
            tokens.get(&key("x"), ask).await.unwrap();
            asked.load(Ordering::Relaxed)
        };
        assert_eq!(get().await, 1);
        tokio::time::advance(Duration::from_secs(47)).await;
        assert_eq!(get().await, 1);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(get().await, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waited_shares_a_failure_and_who_comes_later_asks_again() {
        let (tokens, asked) = (TokenCache::default(), AtomicUsize::new(0));
        let get = |retry| {
            let (tokens, asked) = (&tokens, &asked);
            async move {
                let ask = async {
                    asked.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    Err(Error::new(ErrorKind::Denied, "no").with_retry(retry))
                };
                tokens.get(&key("x"), ask).await.unwrap_err();
            }
        };
        futures::future::join_all((0..10).map(|_| get(Retry::Soon))).await;
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        tokio::time::advance(Duration::from_secs(1)).await;
        get(Retry::Never).await;
        get(Retry::Never).await;
        assert_eq!(asked.load(Ordering::Relaxed), 2, "what will stay like that is not asked again");
    }

    #[tokio::test]
    async fn only_the_token_that_was_not_taken_is_forgotten() {
        let tokens = TokenCache::default();
        let first = tokens.get(&key("x"), async { Ok(fresh(60)) }).await.unwrap();
        tokens.forget(&key("x"), first.serial).await;
        let second = tokens.get(&key("x"), async { Ok(fresh(60)) }).await.unwrap();
        assert_ne!(first.serial, second.serial);
        tokens.forget(&key("x"), first.serial).await; // a late one
        assert_eq!(tokens.get(&key("x"), async { Ok(fresh(60)) }).await.unwrap().serial, second.serial);
        assert!(!format!("{second:?}").contains("CANARY"));
    }
}
