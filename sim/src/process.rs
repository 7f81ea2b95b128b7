//! One process of the product: a runtime with one thread and a clock that stands still until nothing is left to do.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
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
use tokio::{runtime::Builder, time::timeout};

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

/// The end of a process.
pub(crate) enum ProcessEnd {
    /// The run came to its end.
    Finished(Box<Report>),
    /// It was killed, or the run was dropped.
    Gone,
}

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
    /// Runs the pipeline once. Broken invariants about the end of the process are noted in the world.
    pub(crate) fn run(&self, is_calm: bool, interruption: Interruption) -> ProcessEnd {
        let process = self.world.state().process + 1;
        fastrand::seed(self.draw.nth(process).bits());
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime without a network can be built");
        runtime.block_on(async {
            let end = self.run_inside(is_calm, interruption).await;
            let is_killed = self.world.state().is_dead;
            if !is_killed {
                // Uploads that were given up are ended.
                tokio::time::sleep(ENDINGS).await;
                let left = tokio::runtime::Handle::current().metrics().num_alive_tasks();
                if left > 0 {
                    self.world.state().breaks(9, format!("{left} tasks are left after the run"));
                }
            }
            self.world.end(&match &end {
                ProcessEnd::Finished(report) => format!("exit {}", report.exit_code()),
                ProcessEnd::Gone => "gone".to_owned(),
            });
            end
        })
    }

    async fn run_inside(&self, is_calm: bool, interruption: Interruption) -> ProcessEnd {
        let cancel = CancelHandle::new();
        self.world.begin(is_calm, interruption, &cancel);
        let transport: Arc<dyn Transport> = Arc::new(Net { world: Arc::clone(&self.world), planted: self.planted });
        let options = LoadOptions {
            base: "/nowhere".into(),
            environment: Arc::new(|_| None),
            purpose: Purpose::Run,
            cache: Cache::new(Arc::clone(&self.notes) as Arc<dyn CacheStore>),
            extensions: Extensions::default().with(transport),
        };
        let loaded = spec::load(&self.pipeline, "sim.toml", &options);
        let pipeline = match loaded {
            Ok(loaded) => loaded.pipeline,
            Err(found) => panic!("the pipeline of the simulation is wrong: {found:?}\n{}", self.pipeline),
        };
        let world = Arc::clone(&self.world);
        let watch = ObserverFn(move |event: &Event| watch(&world, event));
        let settings = RunSettings::default().with_cancel(&cancel).with_observer("simulation", Arc::new(watch));
        let left = if let Interruption::Drop { poll } = interruption { poll } else { u64::MAX };
        let run = PollLimit { inner: Box::pin(engine::run(&pipeline, settings)), left };
        let run = async {
            let killed = pin!(self.world.killed.notified());
            tokio::select! {
                biased;
                () = killed => None,
                report = run => report,
            }
        };
        match timeout(LONGEST, run).await {
            Ok(Some(report)) => ProcessEnd::Finished(Box::new(report)),
            Ok(None) => ProcessEnd::Gone,
            Err(_) => {
                self.world.state().breaks(8, format!("the run did not end within {} h", LONGEST.as_secs() / 3600));
                ProcessEnd::Gone
            }
        }
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
