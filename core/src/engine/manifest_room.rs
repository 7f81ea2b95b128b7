//! Bounds the memory that manifests take.
//!
//! The manifests of an image are in memory until it is written. Forty images whose manifests have 16 MiB would take
//! 640 MiB, so only a few images with large ones are worked on at once, and fewer of each route, so that a slow store
//! does not hold up those of others. All other images pass.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use futures::FutureExt;
use tokio::sync::OnceCell;

use crate::{
    content::Manifest,
    limit::{Demand, Limiter, Permit},
    stage::StoreId,
};

/// An image whose manifests have more bytes needs a place. Those of usual images have a tenth of it.
const LARGE: u64 = 256 << 10;

/// Places for images of one route.
const PLACES: usize = 2;

/// Places for images of all routes.
const ALL_PLACES: usize = 4;

/// The room for the manifests of one image. A place that it takes is held until the image is done: while an image waits
/// for one it holds no right to a blob that others wait for.
pub(super) struct ManifestRoom {
    limiter: Limiter,
    demand: Demand,
    bytes: AtomicU64,
    place: Arc<OnceCell<Permit>>,
}

impl ManifestRoom {
    /// Returns the room of an image that is read from the first of these stores and written to the others.
    pub(super) fn new(limiter: &Limiter, route: &[StoreId]) -> Self {
        let route: Vec<String> = route.iter().map(StoreId::to_string).collect();
        let mut demand = Demand::default();
        limiter.require_bound(&mut demand, &format!("large manifests {}", route.join(" ")), PLACES);
        limiter.require_bound(&mut demand, "large manifests", ALL_PLACES);
        Self { limiter: limiter.clone(), demand, bytes: AtomicU64::new(0), place: Arc::default() }
    }

    /// Returns the room of something that refers to the image. It shares the place, and its bytes count anew.
    pub(super) fn of_referrer(&self) -> Self {
        let Self { limiter, demand, place, .. } = self;
        Self { limiter: limiter.clone(), demand: demand.clone(), bytes: AtomicU64::new(0), place: Arc::clone(place) }
    }

    /// Counts bytes that are about to be read, and waits for a place if the image needs one.
    pub(super) async fn take(&self, bytes: u64) {
        // No manifest is longer, whatever an index says of it.
        let bytes = bytes.min(Manifest::MAX_BYTES);
        if self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > LARGE {
            self.place.get_or_init(|| self.limiter.acquire(&self.demand)).await;
        }
    }

    /// Counts bytes that were read already. Returns false, and does not count them, if the image must wait for a place:
    /// they are to be let go of until [`ManifestRoom::take`] returns.
    pub(super) fn fits(&self, bytes: u64) -> bool {
        let is_small = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= LARGE;
        let fits = is_small || self.place.get_or_init(|| self.limiter.acquire(&self.demand)).now_or_never().is_some();
        if !fits {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn few_images_with_large_manifests_are_in_memory_at_once_and_small_ones_pass() {
        let limiter = Limiter::default();
        let to = |store: &str| ManifestRoom::new(&limiter, &["from.example", store].map(StoreId::new));
        let room = || to("to.example");
        let mut large: Vec<ManifestRoom> = (0..PLACES).map(|_| room()).collect();
        for (at, room) in large.iter().enumerate() {
            match at {
                0 => room.take(LARGE + 1).await,
                _ => assert!(room.fits(LARGE + 1)),
            }
        }
        let (waiting, small) = (room(), room());
        assert!(small.fits(LARGE), "no place is needed");
        let others: Vec<ManifestRoom> = (PLACES..ALL_PLACES).map(|at| to(&format!("{at}.example"))).collect();
        assert!(others.iter().all(|other| other.fits(LARGE + 1)), "each route has its own");
        assert!(!to("one-more.example").fits(LARGE + 1), "and all together no more than so many");
        drop(others);
        assert!(!waiting.fits(4 << 20));
        assert!(waiting.take(4 << 20).now_or_never().is_none(), "no place is free");
        assert!(large[0].fits(16 << 20), "one place is for all manifests of an image");
        assert!(large[0].of_referrer().fits(16 << 20), "and for what refers to it");
        small.of_referrer().take(u64::MAX).now_or_never().ok_or(()).unwrap_err();
        assert!(small.of_referrer().fits(LARGE), "each referrer is counted by itself");
        large.pop();
        assert!(waiting.take(4 << 20).now_or_never().is_some());
    }
}
