use std::time::Duration;

use futures::future::{join_all, pending};
use tokio::time::{Instant, sleep, timeout};

use super::*;
use crate::limit::Flow;

const SECOND: Duration = Duration::from_secs(1);

/// A flow of transfers from `a` to `b`, of which there is one at once.
fn flow(limiter: &Limiter) -> Flow {
    let mut demand = Demand::default();
    limiter.require(&mut demand, &StoreId::new("a"), Pool::Reads);
    limiter.require(&mut demand, &StoreId::new("b"), Pool::Writes);
    limiter.require_bound(&mut demand, "transfers", 1);
    limiter.flow(demand)
}

async fn begin(flow: &Flow) -> TransferPermits {
    TransferPermits::new(flow.acquire(flow.demand()).await)
}

/// Acquires the permits of a transfer and holds them for a while; returns when it had them.
async fn hold(flow: &Flow, time: Duration) -> Instant {
    let _permit = flow.acquire(flow.demand()).await;
    let at = Instant::now();
    sleep(time).await;
    at
}

#[tokio::test(start_paused = true)]
async fn a_transfer_that_waits_holds_nothing_and_goes_on_before_those_that_came_later() {
    let limiter = Limiter::default();
    let flows = [flow(&limiter), flow(&limiter), flow(&limiter)];
    let start = Instant::now();
    let permits = begin(&flows[0]).await;
    let waits = async {
        permits.destination(permits.source(async { without_permits(sleep(SECOND)).await })).await;
        let at = Instant::now();
        sleep(SECOND).await;
        drop(permits);
        at
    };
    let (again, second, third) =
        tokio::join!(waits, hold(&flows[1], 3 * SECOND), async { hold(&flows[2], SECOND).await });
    let after = |at: Instant| (at - start).as_secs();
    assert_eq!([after(second), after(again), after(third)], [0, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn what_is_ready_at_once_costs_no_permit() {
    let limiter = Limiter::default();
    let flows = [flow(&limiter), flow(&limiter)];
    let permits = begin(&flows[0]).await;
    let (other, ()) = tokio::join!(timeout(SECOND, flows[1].acquire(flows[1].demand())), async {
        permits.source(async { without_permits(async {}).await }).await;
    });
    assert!(other.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_waits_leaves_the_permits_to_one_that_takes_bytes() {
    let limiter = Limiter::default();
    let flows = [flow(&limiter), flow(&limiter)];
    let start = Instant::now();
    let permits = begin(&flows[0]).await;
    let transfer = async {
        let takes = permits.destination(sleep(3 * SECOND));
        let waits = permits.destination(async { without_permits(sleep(5 * SECOND)).await });
        tokio::join!(takes, waits);
        drop(permits);
    };
    let ((), other) = tokio::join!(transfer, hold(&flows[1], SECOND));
    assert_eq!(other - start, 3 * SECOND, "until then bytes moved");
}

#[tokio::test(start_paused = true)]
async fn a_transfer_that_ended_takes_no_permits_any_more() {
    let limiter = Limiter::default();
    let flow = flow(&limiter);
    let permits = begin(&flow).await;
    let side = permits.source(async { TransferSide::current().expect("it is part of one") }).await;
    let body = tokio::spawn(async move { side.released(sleep(SECOND)).await });
    tokio::task::yield_now().await;
    drop(permits);
    body.await.unwrap();
    timeout(SECOND, flow.acquire(flow.demand())).await.expect("it is free");
}

#[tokio::test(start_paused = true)]
async fn a_limited_number_of_transfers_waits_in_the_middle_of_a_blob() {
    let limiter = Limiter::default();
    let side = |limiter: &Limiter| {
        let (limiter, store) = (limiter.clone(), StoreId::new("a"));
        async move {
            let demand = limiter.demand(&store, Pool::Manifests);
            let permits = TransferPermits::new(limiter.acquire(&demand).await);
            permits.source(async { TransferSide::current().expect("it is part of one") }).await
        }
    };
    let sides = join_all((0..=MOST_SUSPENDED).map(|_| side(&limiter))).await;
    let mut waiting: Vec<_> = sides[1..].iter().map(|side| Box::pin(side.suspended(pending::<()>()))).collect();
    for one in &mut waiting {
        assert!(futures::poll!(one).is_pending());
    }
    assert!(sides[0].suspended(sleep(SECOND)).await.is_none());
    drop(waiting);
    assert!(sides[0].suspended(sleep(SECOND)).await.is_some());
}
