//! One process of the product: a runtime with one thread and a clock that stands still until nothing is left to do.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::{Pin, pin},
    sync::{Arc, Mutex, atomic::Ordering},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::future::join;
use sealift_core::{
    async_trait,
    cache::{Cache, CacheStore, Namespace},
    engine::{self, CancelHandle, RunSettings},
    event::Event,
    observer::ObserverFn,
    plugin::{Extensions, Purpose},
    report::Report,
    spec::{self, LoadOptions},
};
use sealift_registry_client::Transport;
use tokio::{
    runtime::Builder,
    time::{sleep, timeout},
};

use crate::{
    draw::Draw,
    net::Net,
    planted::Planted,
    world::{Interruption, World},
};

/// No run takes longer, in simulated time.
pub(crate) const LONGEST: Duration = Duration::from_secs(48 * 3600);

/// The time after which nothing of a run is left: uploads are ended, and the timer of a pause has run out.
const ENDINGS: Duration = Duration::from_secs(2 * 3600);

/// The reports of the runs of a process; none of one that was killed or dropped.
pub(crate) type Reports = Vec<Option<Report>>;

/// The notes between runs, in memory.
#[derive(Default)]
pub(crate) struct Notes(Mutex<BTreeMap<(&'static str, String), Bytes>>);

#[async_trait]
impl CacheStore for Notes {
    async fn get(&self, namespace: Namespace, key: &str) -> Option<Bytes> {
        self.0.lock().expect("no thread panics with it").get(&(namespace.name(), key.to_owned())).cloned()
    }

    async fn put(&self, namespace: Namespace, key: &str, note: Bytes) {
        self.0.lock().expect("no thread panics with it").insert((namespace.name(), key.to_owned()), note);
    }
}

/// The parts of a process that outlive it.
#[derive(Clone)]
pub(crate) struct Setting {
    /// The world.
    pub(crate) world: Arc<World>,
    /// The text of the pipeline.
    pub(crate) pipeline: String,
    /// Notes between runs.
    pub(crate) notes: Arc<Notes>,
    /// A fault of the product, put in by hand.
    pub(crate) planted: Option<Planted>,
    /// The seed of what the product draws.
    pub(crate) draw: Draw,
}

impl Setting {
    /// Runs the pipeline in a process of its own, or twice at once if `second` says how many milliseconds later the second
    /// run begins. Broken invariants about the end of the process are noted in the world.
    pub(crate) fn run(&self, is_calm: bool, interruption: Interruption, second: Option<u64>) -> Reports {
        let process = self.world.state().process + 1;
        fastrand::seed(self.draw.nth(process).bits());
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime without a network can be built");
        runtime.block_on(async {
            let reports = self.run_inside(is_calm, interruption, second).await;
            let is_killed = self.world.state().is_dead;
            if !is_killed {
                // Uploads that were given up are ended.
                tokio::time::sleep(ENDINGS).await;
                self.nothing_is_left();
            }
            let end = |report: &Option<Report>| match report {
                Some(report) => format!("exit {}", report.exit_code()),
                None => "gone".to_owned(),
            };
            self.world.end(&reports.iter().map(end).collect::<Vec<_>>().join(", "));
            reports
        })
    }

    /// Invariant 9: no task, no request and no bytes are left.
    fn nothing_is_left(&self) {
        let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let held = self.world.held.load(Ordering::Relaxed);
        let mut state = self.world.state();
        let transfers = state.transfers;
        if tasks > 0 || transfers > 0 || held > 0 {
            let what = format!("{tasks} tasks, {transfers} transfers and {held} bytes are left after the run");
            state.breaks(9, what);
        }
    }

    async fn run_inside(&self, is_calm: bool, interruption: Interruption, second: Option<u64>) -> Reports {
        let cancel = CancelHandle::new();
        let runs = 1 + usize::from(second.is_some());
        self.world.begin(is_calm, runs, interruption, &cancel);
        let left = if let Interruption::Drop { poll } = interruption { poll } else { u64::MAX };
        let all = join(self.one_run(0, &cancel, left), async {
            sleep(Duration::from_millis(second?)).await;
            Some(self.one_run(1, &CancelHandle::new(), u64::MAX).await)
        });
        let all = async {
            let killed = pin!(self.world.killed.notified());
            tokio::select! {
                biased;
                () = killed => (None, None),
                reports = all => reports,
            }
        };
        match timeout(LONGEST, all).await {
            Ok((first, second)) => [Some(first), second].into_iter().flatten().collect(),
            Err(_) => {
                self.world.state().breaks(8, format!("the run did not end within {} h", LONGEST.as_secs() / 3600));
                Vec::new()
            }
        }
    }

    /// Runs the pipeline; the future is dropped when it was polled so often.
    async fn one_run(&self, run: usize, cancel: &CancelHandle, left: u64) -> Option<Report> {
        let net = Net { world: Arc::clone(&self.world), run, planted: self.planted };
        let options = LoadOptions {
            base: "/nowhere".into(),
            environment: Arc::new(|_| None),
            purpose: Purpose::Run,
            cache: Cache::new(Arc::clone(&self.notes) as Arc<dyn CacheStore>),
            extensions: Extensions::default().with(Arc::new(net) as Arc<dyn Transport>),
        };
        let pipeline = match spec::load(&self.pipeline, "sim.toml", &options) {
            Ok(loaded) => loaded.pipeline,
            Err(found) => panic!("the pipeline of the simulation is wrong: {found:?}\n{}", self.pipeline),
        };
        let world = Arc::clone(&self.world);
        let watch = ObserverFn(move |event: &Event| watch(&world, event));
        let settings = RunSettings::default().with_cancel(cancel).with_observer("simulation", Arc::new(watch));
        PollLimit { inner: Box::pin(engine::run(&pipeline, settings)), left }.await
    }
}

/// Notes events in the trace, and looks for secrets in them.
fn watch(world: &World, event: &Event) {
    let text = format!("{event:?}");
    let mut state = world.state();
    if text.contains("secret-") {
        state.breaks(6, format!("an event tells a secret: {text}"));
    }
    match event {
        Event::TargetFinished { source, target, outcome, again, .. } => {
            let target = target.as_ref().map(ToString::to_string).unwrap_or_default();
            state.note(&format!("event {source} to {target}: {outcome:?} again {again}"));
        }
        Event::PassStarted { round, failed } => state.note(&format!("event round {round} over {failed}")),
        Event::Warning { message } => state.note(&format!("event warning {message}")),
        Event::Retrying { what, error, attempt, .. } => {
            state.note(&format!("event {what} again, attempt {attempt}: {error}"));
        }
        Event::ListingFailed { error, .. } => state.note(&format!("event listing failed: {error}")),
        _ => {}
    }
}

/// A future that is dropped when it was polled so often.
struct PollLimit<F> {
    inner: Pin<Box<F>>,
    left: u64,
}

impl<F: Future> Future for PollLimit<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        self.inner.as_mut().poll(cx).map(Some)
    }
}
