//! Everything outside of the product: registries, the network, time, and what was observed of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use sealift_core::engine::CancelHandle;
use tokio::{sync::Notify, time::Instant};

use crate::{store::Store, topology::Topology, weather::Weather};

/// The interruption of a process, at a request that a host handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interruption {
    /// None.
    None,
    /// The process ends at once.
    Kill { effect: u64, handled: bool },
    /// The user asks to stop, once or twice.
    Stop { effect: u64, twice: bool },
    /// The future of the run is dropped when it was polled so often.
    Drop { poll: u64 },
}

/// The world of one scenario.
pub(crate) struct World {
    /// The hosts and images at the beginning.
    pub(crate) topology: Topology,
    /// The faults.
    pub(crate) weather: Weather,
    state: Mutex<WorldState>,
    /// Bytes of blobs that were handed to the product and are still in its memory.
    pub(crate) held: AtomicU64,
    /// Wakes the driver when the process was killed.
    pub(crate) killed: Notify,
}

/// The part of the world that changes.
#[derive(Default)]
pub(crate) struct WorldState {
    /// The registries by name.
    pub(crate) stores: BTreeMap<String, Store>,
    /// Simulated time when the process began, in milliseconds.
    pub(crate) epoch_ms: u64,
    /// The clock of the runtime when the process began.
    pub(crate) began: Option<Instant>,
    /// The number of the process.
    pub(crate) process: u64,
    /// The runs of this process.
    pub(crate) runs: usize,
    /// Nothing goes wrong any more.
    pub(crate) is_calm: bool,
    /// The process was killed: no request has an effect any more.
    pub(crate) is_dead: bool,
    /// Requests that hosts handled in this process.
    pub(crate) effects: u64,
    /// Requests that hosts handled so far.
    pub(crate) handled: u64,
    /// The number of changes that happened.
    pub(crate) changes: usize,
    /// The version that the tag of each image stands for; none while it is deleted.
    pub(crate) versions: BTreeMap<usize, Option<usize>>,
    /// The same when the process began.
    pub(crate) versions_before: BTreeMap<usize, Option<usize>>,
    /// All of them that there were in this process.
    pub(crate) seen: BTreeMap<usize, BTreeSet<Option<usize>>>,
    /// The interruption of the process.
    pub(crate) interruption: Option<(Interruption, CancelHandle)>,
    /// Requests by name, to number their attempts.
    pub(crate) attempts: BTreeMap<u64, u64>,
    /// Requests of each run of this process, by host and method.
    pub(crate) received: BTreeMap<(usize, String, String), u64>,
    /// Blobs and manifests that hosts took in this process.
    pub(crate) written: u64,
    /// Blobs that were uploaded to hosts in this process, and their bytes.
    pub(crate) uploaded: (u64, u64),
    /// Faults of this process by host.
    pub(crate) faults: BTreeMap<String, Vec<String>>,
    /// All faults so far, by their number.
    pub(crate) happened: BTreeSet<u64>,
    /// Until when a host wants no request of a run, and since when that is known.
    pub(crate) pauses: BTreeMap<(usize, String), (u64, u64)>,
    /// Bodies of blobs that are read or written at the moment.
    pub(crate) transfers: u64,
    /// Broken invariants.
    pub(crate) broken: Vec<Broken>,
    /// The lines of the story.
    pub(crate) story: Vec<String>,
    /// The hash of the story.
    pub(crate) trace: u64,
}

/// A broken invariant.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Its number in the list of invariants.
    pub invariant: u32,
    /// The process.
    pub process: u64,
    /// The text of the finding: expected and found.
    pub what: String,
}

impl World {
    /// Returns a world before its first process.
    pub(crate) fn new(topology: Topology, weather: Weather) -> Arc<Self> {
        let stores = topology.hosts.values().map(|plan| (plan.name.clone(), Store::of(&topology, plan))).collect();
        let versions = topology.images.iter().map(|image| (image.number, Some(0))).collect();
        let state = WorldState { stores, versions, ..WorldState::default() };
        let state = Mutex::new(state);
        Arc::new(Self { topology, weather, state, held: AtomicU64::new(0), killed: Notify::new() })
    }

    /// Returns the changing part.
    pub(crate) fn state(&self) -> MutexGuard<'_, WorldState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a process, inside its runtime.
    pub(crate) fn begin(&self, is_calm: bool, runs: usize, interruption: Interruption, cancel: &CancelHandle) {
        let mut state = self.state();
        state.process += 1;
        (state.is_calm, state.runs, state.is_dead, state.effects) = (is_calm, runs, false, 0);
        state.began = Some(Instant::now());
        state.interruption = Some((interruption, cancel.clone()));
        (state.received, state.faults, state.written, state.uploaded) = Default::default();
        (state.pauses, state.transfers) = Default::default();
        if is_calm {
            self.change(&mut state, true);
            self.restore(&mut state);
            state.stores.values_mut().for_each(|store| store.projects.lift_quotas());
            state.faults.clear();
        }
        for plan in self.topology.hosts.values() {
            if !is_calm && plan.harbor.as_ref().is_some_and(|harbor| harbor.room.is_some()) {
                state.faults.entry(plan.name.clone()).or_default().push("quota".to_owned());
            }
        }
        for image in &self.topology.images {
            if state.versions[&image.number].is_none() {
                state.faults.entry(image.host.clone()).or_default().push("deleted before".to_owned());
            }
        }
        state.versions_before = state.versions.clone();
        state.seen = state.versions.iter().map(|(image, version)| (*image, BTreeSet::from([*version]))).collect();
        let line = format!("process {}: {interruption:?}, {}", state.process, if is_calm { "calm" } else { "weather" });
        state.note(&line);
    }

    /// Ends a process, inside its runtime.
    pub(crate) fn end(&self, how: &str) {
        let mut state = self.state();
        let now = state.now_ms();
        let process = state.process;
        state.note(&format!("process {process} ends: {how}"));
        // A process that follows begins a while later.
        state.epoch_ms = now + 1000;
        state.began = None;
    }
}

impl WorldState {
    /// Returns the simulated time in milliseconds.
    pub(crate) fn now_ms(&self) -> u64 {
        let passed = self.began.map_or(Duration::ZERO, |began| began.elapsed());
        self.epoch_ms + u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
    }

    /// Adds a line to the story and the trace.
    pub(crate) fn note(&mut self, text: &str) {
        let mut line = String::with_capacity(text.len() + 12);
        let _ = write!(line, "{:>9} {text}", self.now_ms()); // a text takes everything
        for byte in line.bytes() {
            self.trace = (self.trace ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.story.push(line);
    }

    /// Notes a broken invariant.
    pub(crate) fn breaks(&mut self, invariant: u32, what: impl Into<String>) {
        let (what, process) = (what.into(), self.process);
        self.note(&format!("!! invariant {invariant}: {what}"));
        self.broken.push(Broken { invariant, process, what });
    }
}

/// Returns the registry that a host belongs to: itself, or the one that it serves.
pub(crate) fn registry_of(host: &str) -> &str {
    host.strip_prefix("auth.").or_else(|| host.strip_prefix("cdn.")).unwrap_or(host)
}
