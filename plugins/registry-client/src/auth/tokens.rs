//! Tokens in stock: each asked for once, however many requests need it.

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
    Claims,
    challenge::Bearer,
    token::{Fresh, renew_at},
};
use crate::credentials::sensitive;

/// What a token was given for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) bearer: Bearer,
    /// The login; where it came from is its name.
    pub(super) login: Option<String>,
    /// The sorted scopes.
    pub(super) scopes: String,
}

/// A token as it is sent.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) header: HeaderValue,
    pub(super) serial: u64,
    /// Whether it was asked for just now, so that asking again would bring the same.
    pub(super) fresh: bool,
    /// What it says of itself, if it is one of Harbor's.
    pub(super) claims: Option<Arc<Claims>>,
}

/// The tokens of one registry.
#[derive(Default)]
pub(super) struct Tokens {
    cells: Mutex<HashMap<Key, Arc<tokio::sync::Mutex<Cell>>>>,
    serial: AtomicU64,
}

#[derive(Default)]
enum Cell {
    #[default]
    Empty,
    Good {
        token: Token,
        renew_at: Instant,
    },
    /// There is none. Those who waited meanwhile need not ask again; if it will stay like that, nobody needs to.
    Failed {
        error: Error,
        at: Instant,
    },
}

/// More tokens than these, and those that ran out are thrown away.
const TIDY_ABOVE: usize = 256;

impl Tokens {
    /// The token for `key`: the one in stock, or what `ask` brings; one asks at a time, and only if there is a need.
    pub(super) async fn get(&self, key: &Key, ask: impl Future<Output = Result<Fresh>>) -> Result<Token> {
        let came = Instant::now();
        let cell = self.cell(key);
        let mut cell = cell.lock().await;
        match &*cell {
            Cell::Good { token, renew_at } if *renew_at > Instant::now() => return Ok(token.clone()),
            Cell::Failed { error, at } if *at >= came || !error.is_retryable() => return Err(error.clone()),
            _ => {}
        }
        match ask.await {
            Ok(fresh) => {
                let header = sensitive(&format!("Bearer {}", fresh.token.expose()));
                let serial = self.serial.fetch_add(1, Ordering::Relaxed);
                let token = Token { header, serial, fresh: false, claims: fresh.claims };
                // Reckoned from the answer, not from the question: it is the shorter life that is safe, and a
                // service issues the token somewhere in between.
                *cell =
                    Cell::Good { token: token.clone(), renew_at: renew_at(came.max(Instant::now()), fresh.lifetime) };
                Ok(Token { fresh: true, ..token })
            }
            Err(error) => {
                *cell = Cell::Failed { error: error.clone(), at: Instant::now() };
                Err(error)
            }
        }
    }

    /// Throws a token away that was not taken, unless another one took its place meanwhile.
    pub(super) async fn forget(&self, key: &Key, serial: u64) {
        let cell = self.cell(key);
        let mut cell = cell.lock().await;
        if matches!(&*cell, Cell::Good { token, .. } if token.serial == serial) {
            *cell = Cell::Empty;
        }
    }

    fn cell(&self, key: &Key) -> Arc<tokio::sync::Mutex<Cell>> {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        if cells.len() > TIDY_ABOVE && !cells.contains_key(key) {
            cells.retain(|_, cell| Arc::strong_count(cell) > 1 || !cell.try_lock().is_ok_and(|cell| cell.is_over()));
        }
        Arc::clone(cells.entry(key.clone()).or_default())
    }
}

impl Cell {
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

    fn key(scopes: &str) -> Key {
        let bearer = Bearer { realm: "https://a/t".to_owned(), service: None };
        Key { bearer, login: None, scopes: scopes.to_owned() }
    }

    fn fresh(seconds: u64) -> Fresh {
        Fresh { token: Secret::new("CANARY"), lifetime: Duration::from_secs(seconds), claims: None }
    }

    #[tokio::test(start_paused = true)]
    async fn a_hundred_requests_share_one_token() {
        let (tokens, asked) = (Tokens::default(), AtomicUsize::new(0));
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
        assert_eq!(got.iter().filter(|token| token.fresh).count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_when_its_time_comes_and_not_before() {
        let (tokens, asked) = (Tokens::default(), AtomicUsize::new(0));
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
        let (tokens, asked) = (Tokens::default(), AtomicUsize::new(0));
        let get = |retry| {
            let (tokens, asked) = (&tokens, &asked);
            async move {
                let ask = async {
                    asked.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    Err(Error::new(ErrorKind::Denied, "no").retry(retry))
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
        let tokens = Tokens::default();
        let first = tokens.get(&key("x"), async { Ok(fresh(60)) }).await.unwrap();
        tokens.forget(&key("x"), first.serial).await;
        let second = tokens.get(&key("x"), async { Ok(fresh(60)) }).await.unwrap();
        assert_ne!(first.serial, second.serial);
        tokens.forget(&key("x"), first.serial).await; // a late one
        assert_eq!(tokens.get(&key("x"), async { Ok(fresh(60)) }).await.unwrap().serial, second.serial);
        assert!(!format!("{second:?}").contains("CANARY"));
    }
}
