//! One resource: units in use, a limit, a rate, a pause, and the shares of those that use it.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use super::{
    adaptive::Adaptive,
    rate::{CellRate, Rate},
};

/// How often a pause of unknown length doubles.
const DOUBLINGS: u32 = 6;

#[derive(Debug)]
pub(super) enum Limit {
    Unlimited,
    Fixed(usize),
    Adaptive(Adaptive),
}

/// A share is counted for a flow, and for the other stores of its demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Party {
    Flow(u64),
    Store(usize),
}

impl Party {
    fn kind(self) -> usize {
        usize::from(matches!(self, Self::Store(_)))
    }
}

#[derive(Debug)]
pub(super) struct Resource {
    /// The gate of its store; none for a bound over all stores.
    pub(super) gate: Option<usize>,
    pub(super) limit: Limit,
    rate: Option<CellRate>,
    paused_until: Option<Instant>,
    /// Refusals in a row, without those during a pause.
    refusals: u32,
    pub(super) in_use: usize,
    held: HashMap<Party, usize>,
    /// Announced flows: all, and by kind of party.
    announced: usize,
    announced_by: [HashMap<Party, usize>; 2],
    /// The mean time between two units that were returned, and when the last one was, or was taken from none.
    interval: Duration,
    since: Instant,
}

impl Resource {
    pub(super) fn new(gate: Option<usize>, limit: Limit, now: Instant) -> Self {
        Self {
            gate,
            limit,
            rate: None,
            paused_until: None,
            refusals: 0,
            in_use: 0,
            held: HashMap::new(),
            announced: 0,
            announced_by: Default::default(),
            interval: Duration::ZERO,
            since: now,
        }
    }

    pub(super) fn limit_rate(&mut self, rate: Rate, now: Instant) {
        self.rate = Some(CellRate::new(rate, now));
    }

    /// Returns the units that exist.
    pub(super) fn most(&self) -> usize {
        match &self.limit {
            Limit::Unlimited => usize::MAX,
            Limit::Fixed(most) => *most,
            Limit::Adaptive(adaptive) => adaptive.limit(),
        }
    }

    pub(super) fn is_unlimited(&self) -> bool {
        matches!(self.limit, Limit::Unlimited)
    }

    pub(super) fn paused_until(&self, now: Instant) -> Option<Instant> {
        self.paused_until.filter(|until| *until > now)
    }

    /// Returns until when a pause or a rate closes it.
    pub(super) fn closed_until(&self, now: Instant) -> Option<Instant> {
        let rate = self.rate.as_ref().map(CellRate::ready_at);
        self.paused_until.max(rate).filter(|until| *until > now)
    }

    pub(super) fn pause(&mut self, asked: Option<Duration>, longest: Duration, now: Instant) -> Duration {
        // Requests that were in flight together are refused together, which counts as one refusal.
        if self.paused_until(now).is_none() {
            self.refusals += 1;
        }
        let own = Duration::from_secs(1 << self.refusals.clamp(1, DOUBLINGS));
        // A pause of no time is none that was asked for.
        let pause = asked.filter(|asked| !asked.is_zero()).unwrap_or(own).min(longest);
        self.paused_until = self.paused_until.max(Some(now + pause));
        pause
    }

    pub(super) fn succeeded(&mut self) {
        self.refusals = 0;
    }

    /// Returns how long the next unit is expected to take.
    pub(super) fn slowness(&self, now: Instant) -> Duration {
        match self.in_use {
            0 => self.interval,
            _ => self.interval.max(now - self.since),
        }
    }

    /// Returns true if the party holds its share while others are announced: an equal part of the units, or as many as
    /// are left free, whichever is more.
    pub(super) fn is_over_share(&self, party: Party, free: usize) -> bool {
        let held = self.held.get(&party).copied().unwrap_or(0);
        if held < free {
            return false;
        }
        let by = &self.announced_by[party.kind()];
        // A store of all announced transfers has no share.
        let is_all = |flows: &usize| *flows == self.announced;
        if self.announced == 0 || by.get(&party).is_none_or(is_all) {
            return false;
        }
        let parties = match party {
            Party::Flow(_) => by.len(),
            Party::Store(_) => by.values().filter(|flows| !is_all(flows)).count(),
        };
        held >= self.most() / parties.max(1)
    }

    /// Counts a flow that was announced, or one that ended.
    pub(super) fn announce(&mut self, parties: impl Iterator<Item = Party>, add: bool) {
        self.announced = if add { self.announced + 1 } else { self.announced - 1 };
        for party in parties {
            count(&mut self.announced_by[party.kind()], party, add);
        }
    }

    pub(super) fn take(&mut self, parties: impl Iterator<Item = Party>, now: Instant) {
        if self.in_use == 0 {
            self.since = now;
        }
        self.in_use += 1;
        if let Some(rate) = &mut self.rate {
            rate.take(now);
        }
        parties.for_each(|party| count(&mut self.held, party, true));
    }

    pub(super) fn give_back(&mut self, parties: impl Iterator<Item = Party>, now: Instant) {
        self.in_use -= 1;
        self.interval = (self.interval * 4 + (now - self.since)) / 5;
        self.since = now;
        parties.for_each(|party| count(&mut self.held, party, false));
    }
}

/// Adds to a counter in a map or subtracts from it; zeros are removed.
fn count(map: &mut HashMap<Party, usize>, party: Party, add: bool) {
    let counter = map.entry(party).or_insert(0);
    *counter = if add { *counter + 1 } else { counter.saturating_sub(1) };
    if *counter == 0 {
        map.remove(&party);
    }
}
