//! The limiter under paused time, against stores that are made up.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
};

use tokio::{
    task::{LocalSet, spawn_local},
    time::{advance, sleep, timeout},
};

use super::*;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn store(name: &str) -> StoreId {
    StoreId::new(name)
}

/// A transfer from a source to some destinations, as the engine asks for it.
fn transfer(limiter: &Limiter, from: &str, to: &[&str], transfers: usize) -> Demand {
    let mut demand = Demand::default();
    limiter.require(&mut demand, &store(from), Pool::Reads);
    to.iter().for_each(|to| limiter.require(&mut demand, &store(to), Pool::Writes));
    limiter.require_bound(&mut demand, "transfers", transfers);
    demand
}

#[tokio::test(start_paused = true)]
async fn a_paused_store_gets_no_request_before_the_time_that_it_named() {
    let limiter = Limiter::default();
    let start = Instant::now();
    assert_eq!(limiter.pause(&store("h"), Some(3 * SECOND), MINUTE), 3 * SECOND);
    limiter.pause(&store("h"), Some(SECOND), MINUTE);
    let small = limiter.demand(&store("h"), Pool::Small);
    let upload = transfer(&limiter, "other", &["h"], 4);
    tokio::join!(limiter.acquire(&small), limiter.acquire(&upload));
    assert_eq!(start.elapsed(), 3 * SECOND, "uploads included, and a shorter pause does not end a longer one");
    limiter.acquire(&small).await;
    assert_eq!(start.elapsed(), 3 * SECOND, "then it is open");
}

#[tokio::test(start_paused = true)]
async fn pauses_double_while_a_store_refuses_without_saying_how_long() {
    let limiter = Limiter::default();
    let small = limiter.demand(&store("h"), Pool::Small);
    let pause = || limiter.pause(&store("h"), None, MINUTE);
    assert_eq!((pause(), pause()), (2 * SECOND, 2 * SECOND), "refused together");
    let mut permit = limiter.acquire(&small).await;
    assert_eq!(pause(), 4 * SECOND);
    permit.report(&store("h"), Pool::Small, RequestOutcome::Done);
    advance(5 * SECOND).await;
    assert_eq!(pause(), 2 * SECOND, "it had done what it was asked");
    assert_eq!(limiter.pause(&store("g"), Some(10 * MINUTE), MINUTE), MINUTE, "longer than any wait that is believed");
    assert_eq!(limiter.pause_left(&store("g")), Some(MINUTE));
    advance(MINUTE).await;
    assert_eq!(limiter.pause_left(&store("g")), None);
}

#[tokio::test(start_paused = true)]
async fn a_published_rate_lets_a_tenth_go_at_once_and_the_others_in_step() {
    let limiter = Limiter::default();
    let (host, all) = (store("h"), Rate { requests: 2000, span: MINUTE });
    limiter.set_rate(&host, None, all);
    let small = limiter.demand(&host, Pool::Small);
    let time_for = async |requests: usize| {
        let start = Instant::now();
        for _ in 0..requests {
            limiter.acquire(&small).await;
        }
        start.elapsed()
    };
    assert_eq!(time_for(200).await, Duration::ZERO);
    let minute = time_for(2000).await;
    assert!(minute >= 59 * SECOND && minute <= 61 * SECOND, "{minute:?}");
    advance(10 * MINUTE).await;
    assert_eq!(time_for(200).await, Duration::ZERO, "after a rest");
    assert!(time_for(100).await > 2 * SECOND, "and no more than at first");
}

/// A registry that works on so many uploads at once and answers 429 to others; returns refusals and the time it took.
async fn uploads_to_a_store_that_takes(at_once: usize, uploads: usize, each: Duration) -> (usize, Duration) {
    let (limiter, host) = (Limiter::default(), store("h"));
    let (busy, refused) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let start = Instant::now();
    let tasks = LocalSet::new();
    for _ in 0..uploads {
        let (limiter, host, busy, refused) = (limiter.clone(), host.clone(), Rc::clone(&busy), Rc::clone(&refused));
        tasks.spawn_local(async move {
            let demand = limiter.demand(&host, Pool::Writes);
            loop {
                let mut permit = limiter.acquire(&demand).await;
                sleep(10 * MS).await;
                if busy.get() < at_once {
                    busy.set(busy.get() + 1);
                    sleep(each).await;
                    busy.set(busy.get() - 1);
                    return permit.report(&host, Pool::Writes, RequestOutcome::Done);
                }
                refused.set(refused.get() + 1);
                limiter.pause(&host, None, MINUTE);
                permit.report(&host, Pool::Writes, RequestOutcome::Throttled);
            }
        });
    }
    tasks.await;
    (refused.get(), start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_store_that_takes_few_uploads_is_found_out_with_one_burst() {
    for (uploads, each) in [(200, SECOND), (200, 12 * SECOND), (1000, SECOND)] {
        let (refused, time) = uploads_to_a_store_that_takes(2, uploads, each).await;
        let ideal = each * u32::try_from(uploads / 2).unwrap();
        assert!(refused <= 14 + uploads / 25, "{uploads} uploads of {each:?}: {refused} refused");
        assert!(time <= ideal.mul_f64(1.1) + 10 * SECOND, "{uploads} uploads of {each:?}: {time:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_distant_store_gets_64_reads_at_once_within_three_round_trips() {
    let (limiter, host) = (Limiter::default(), store("far"));
    let (now, most, start) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)), Instant::now());
    let reached = Rc::new(Cell::new(None));
    let tasks = LocalSet::new();
    for _ in 0..400 {
        let (limiter, host, now, most) = (limiter.clone(), host.clone(), Rc::clone(&now), Rc::clone(&most));
        let reached = Rc::clone(&reached);
        tasks.spawn_local(async move {
            let mut permit = limiter.acquire(&limiter.demand(&host, Pool::Reads)).await;
            now.set(now.get() + 1);
            most.set(most.get().max(now.get()));
            if now.get() == 64 && reached.get().is_none() {
                reached.set(Some(start.elapsed()));
            }
            sleep(20 * MS).await;
            now.set(now.get() - 1);
            permit.report(&host, Pool::Reads, RequestOutcome::Done);
        });
    }
    tasks.await;
    assert_eq!(most.get(), 64);
    assert!(reached.get().unwrap() <= 60 * MS, "{:?}", reached.get());
}

/// Images of two layers of 5 ms beside a disturbance; returns when nine of ten had arrived.
struct Scene {
    limiter: Limiter,
    transfers: usize,
    tasks: LocalSet,
    arrived: Rc<RefCell<Vec<Duration>>>,
    start: Instant,
}

impl Scene {
    fn new(transfers: usize) -> Self {
        let (limiter, tasks, start) = (Limiter::default(), LocalSet::new(), Instant::now());
        Self { limiter, transfers, tasks, arrived: Rc::default(), start }
    }

    /// An image with layers that take so long.
    fn image(&self, from: &'static str, to: &'static str, layers: Vec<Duration>, counts: bool) {
        let (limiter, transfers) = (self.limiter.clone(), self.transfers);
        let (arrived, start) = (Rc::clone(&self.arrived), self.start);
        self.tasks.spawn_local(async move {
            let demand = transfer(&limiter, from, &[to], transfers);
            let flow = Rc::new(limiter.flow(demand.clone()));
            limiter.acquire(&limiter.demand(&store(from), Pool::Small)).await;
            sleep(3 * MS).await;
            let layers = layers.into_iter().map(|layer| {
                let (flow, demand) = (Rc::clone(&flow), demand.clone());
                spawn_local(async move {
                    let mut permit = flow.acquire(&demand).await;
                    sleep(layer).await;
                    permit.report(&store(from), Pool::Reads, RequestOutcome::Done);
                    permit.report(&store(to), Pool::Writes, RequestOutcome::Done);
                })
            });
            for layer in layers.collect::<Vec<_>>() {
                layer.await.unwrap();
            }
            if counts {
                arrived.borrow_mut().push(start.elapsed());
            }
        });
    }

    async fn nine_of_ten(self, others: &[(&'static str, &'static str)], count: usize) -> Duration {
        for (from, to) in others.iter().cycle().take(count) {
            self.image(from, to, vec![5 * MS; 2], true);
        }
        let arrived = Rc::clone(&self.arrived);
        let enough = count * 9 / 10;
        let arrival = async {
            while arrived.borrow().len() < enough {
                sleep(MS).await;
            }
        };
        self.tasks.run_until(timeout(10 * MINUTE, arrival)).await.expect("the others arrive");
        let arrived = self.arrived.borrow();
        arrived[enough - 1]
    }
}

/// How many times as long the others take beside a disturbance.
async fn factor(
    transfers: usize,
    others: &[(&'static str, &'static str)],
    count: usize,
    disturb: impl Fn(&Scene),
) -> f64 {
    let alone = Scene::new(transfers).nine_of_ten(others, count).await;
    let scene = Scene::new(transfers);
    disturb(&scene);
    scene.nine_of_ten(others, count).await.as_secs_f64() / alone.as_secs_f64()
}

#[tokio::test(start_paused = true)]
async fn one_slow_thing_does_not_hold_up_the_others() {
    const LONG: Duration = Duration::from_secs(100);
    const SAME: &[(&str, &str)] = &[("a", "d")];
    const SOURCES: &[(&str, &str)] = &[("a", "d"), ("b", "d")];
    const DESTINATIONS: &[(&str, &str)] = &[("a", "d")];
    let many = |images: usize, layers: usize, from: &'static str, to: &'static str| {
        move |scene: &Scene| (0..images).for_each(|_| scene.image(from, to, vec![LONG; layers], false))
    };
    let rows: [(&str, f64); 9] = [
        ("one large blob beside another source, transfers = 4", factor(4, SOURCES, 200, many(1, 1, "a", "d")).await),
        ("one large blob, transfers = 4", factor(4, SAME, 200, many(1, 1, "a", "d")).await),
        ("8 slow layers, transfers = 4", factor(4, SAME, 200, many(1, 8, "a", "d")).await),
        ("30 slow layers", factor(32, SAME, 200, many(1, 30, "a", "d")).await),
        ("40 images at a silent source", factor(32, SOURCES, 200, many(40, 1, "silent", "d")).await),
        ("1,000 images at a silent source", factor(32, SOURCES, 200, many(1000, 1, "silent", "d")).await),
        ("40 images to a silent destination", factor(32, DESTINATIONS, 80, many(40, 1, "a", "silent")).await),
        ("200 images to a silent destination", factor(32, DESTINATIONS, 200, many(200, 2, "a", "silent")).await),
        (
            "60 images at a paused source",
            factor(32, SOURCES, 200, |scene: &Scene| {
                scene.limiter.pause(&store("paused"), Some(LONG), LONG);
                (0..60).for_each(|_| scene.image("paused", "d", vec![MS], false));
            })
            .await,
        ),
    ];
    let slow: Vec<_> = rows.iter().filter(|(_, times)| *times > 2.0).collect();
    assert!(slow.is_empty(), "times as long as without it, of {rows:?}: {slow:?}");
}

/// A demand for two stores that others keep busy is granted, and costs the others little.
#[tokio::test(start_paused = true)]
async fn a_demand_for_several_busy_stores_is_not_starved() {
    let limiter = Limiter::default();
    let tasks = LocalSet::new();
    let served = Rc::new(Cell::new(0));
    for number in 0..80 {
        let (limiter, served) = (limiter.clone(), Rc::clone(&served));
        let name = ["a", "b"][number % 2];
        tasks.spawn_local(async move {
            let demand = limiter.demand(&store(name), Pool::Writes);
            loop {
                let _permit = limiter.acquire(&demand).await;
                sleep(Duration::from_millis(5 + number as u64)).await;
                served.set(served.get() + 1);
            }
        });
    }
    let both = async {
        sleep(SECOND).await;
        let mut demand = limiter.demand(&store("a"), Pool::Writes);
        limiter.require(&mut demand, &store("b"), Pool::Writes);
        let start = Instant::now();
        for _ in 0..20 {
            let _permit = limiter.acquire(&demand).await;
        }
        start.elapsed()
    };
    let waited = tasks.run_until(timeout(MINUTE, both)).await.expect("it is granted");
    assert!(waited < 5 * SECOND, "{waited:?}");
    assert!(served.get() > 500, "{}", served.get());
}

/// A store that answers quickly loses nothing to demands that also need one that is silent.
#[tokio::test(start_paused = true)]
async fn nothing_is_kept_for_a_silent_store() {
    let limiter = Limiter::default();
    let mut held = Vec::new();
    let silent = limiter.demand(&store("silent"), Pool::Writes);
    for _ in 0..16 {
        held.push(limiter.acquire(&silent).await);
    }
    let tasks = LocalSet::new();
    for _ in 0..50 {
        let limiter = limiter.clone();
        tasks.spawn_local(async move {
            let mut both = limiter.demand(&store("silent"), Pool::Writes);
            limiter.require(&mut both, &store("quick"), Pool::Writes);
            limiter.acquire(&both).await;
        });
    }
    let served = Rc::new(Cell::new(0_u32));
    for _ in 0..32 {
        let (limiter, served) = (limiter.clone(), Rc::clone(&served));
        tasks.spawn_local(async move {
            let demand = limiter.demand(&store("quick"), Pool::Writes);
            loop {
                let _permit = limiter.acquire(&demand).await;
                sleep(10 * MS).await;
                served.set(served.get() + 1);
            }
        });
    }
    tasks.run_until(sleep(10 * SECOND)).await;
    assert!(served.get() >= 15_000, "{} of 16,000", served.get());
}

/// A thousand random sets of stores, some of which pause, cancel or fail: everything is granted, nothing during a pause,
/// and in the end everything was returned.
#[tokio::test(start_paused = true)]
async fn a_thousand_random_demands_neither_starve_nor_ignore_a_pause() {
    let mut random = fastrand::Rng::with_seed(7);
    let limiter = Limiter::default();
    let tasks = LocalSet::new();
    let done = Rc::new(Cell::new(0));
    let paused: Rc<RefCell<HashMap<StoreId, Instant>>> = Rc::default();
    for _ in 0..1000 {
        let mut demand = Demand::default();
        let mut stores = Vec::new();
        for _ in 0..random.usize(1..5) {
            let pool = [Pool::Small, Pool::Reads, Pool::Writes][random.usize(0..3)];
            let host = store(&format!("h{}", random.usize(0..12)));
            limiter.require(&mut demand, &host, pool);
            stores.push((host, pool));
        }
        limiter.require_bound(&mut demand, "transfers", 24);
        let (limiter, done, paused) = (limiter.clone(), Rc::clone(&done), Rc::clone(&paused));
        let (delay, hold) = (random.u64(0..2000), Duration::from_millis(random.u64(1..500)));
        let (gives_up, throttles) = (random.u8(0..10) == 0, random.u8(0..10) == 0);
        tasks.spawn_local(async move {
            sleep(Duration::from_millis(delay)).await;
            let flow = limiter.flow(demand.clone());
            if gives_up {
                drop(timeout(hold, flow.acquire(&demand)).await);
                return done.set(done.get() + 1);
            }
            let mut permit = timeout(10 * MINUTE, flow.acquire(&demand)).await.expect("it is not starved");
            for (host, _) in &stores {
                // A pause of this very moment came after the grant.
                let is_new = paused.borrow().get(host) == Some(&Instant::now());
                assert!(is_new || limiter.pause_left(host).is_none(), "granted during a pause");
            }
            sleep(hold).await;
            let (host, pool) = &stores[0];
            if throttles {
                limiter.pause(host, Some(hold), MINUTE);
                paused.borrow_mut().insert(host.clone(), Instant::now());
                permit.report(host, *pool, RequestOutcome::Throttled);
            } else {
                permit.report(host, *pool, RequestOutcome::Done);
            }
            done.set(done.get() + 1);
        });
    }
    tasks.await;
    assert_eq!(done.get(), 1000);
    let state = lock(&limiter.0);
    assert!(state.resources.iter().all(|resource| resource.in_use == 0), "everything was returned");
}
