//! Requests that wait, and the order in which they are served.
//!
//! Requests with the same demand form a group. Groups are served in turn, the least recently served first; within a group
//! flows take turns, and requests of one flow keep their order.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    num::NonZeroUsize,
    sync::Arc,
    time::Duration,
};

use tokio::{runtime::Handle, sync::oneshot, time::Instant};

use super::{
    Demand, Permit, Pool, RequestOutcome,
    adaptive::Adaptive,
    resource::{Limit, Party, Resource},
};
use crate::stage::StoreId;

/// A group keeps units for itself while it lacks another resource that is at most this many times slower.
const CLAIM: u32 = 4;
/// How often groups with such claims are examined if nothing else happens: a quick store may become silent.
const RECHECK: Duration = Duration::from_millis(100);

type Granted = (oneshot::Sender<Permit>, Option<u64>, Demand);

#[derive(Default)]
pub(super) struct LimiterState {
    pub(super) resources: Vec<Resource>,
    /// The gate of the store of each resource.
    gates: Vec<Option<usize>>,
    /// Units that groups keep while the others are examined.
    claims: Vec<usize>,
    stores: HashMap<StoreId, usize>,
    bounds: HashMap<String, usize>,
    /// Requests of one class at once at one store.
    pub(super) requests: Option<NonZeroUsize>,
    groups: BTreeMap<u64, WaitingGroup>,
    turns: HashMap<Demand, u64>,
    last: u64,
    armed: Option<Instant>,
    /// When a group must be examined although nothing is returned.
    due: Option<Instant>,
    pub(super) runtime: Option<Handle>,
    /// Has a reference for each transfer that waits without permits in the middle of a blob.
    pub(super) suspended: Arc<()>,
}

struct WaitingGroup {
    demand: Demand,
    /// Flows in the order in which they are served.
    flows: VecDeque<(Option<u64>, VecDeque<oneshot::Sender<Permit>>)>,
}

impl LimiterState {
    /// Returns the gate of a store: the resource that is paused. Its pools follow it.
    pub(super) fn gate(&mut self, store: &StoreId) -> usize {
        if let Some(gate) = self.stores.get(store) {
            return *gate;
        }
        let (gate, now) = (self.resources.len(), Instant::now());
        self.add(Resource::new(Some(gate), Limit::Unlimited, now));
        let most = self.requests.map_or(u16::MAX, |most| most.get().try_into().unwrap_or(u16::MAX));
        let adaptive = |start: u16, max: u16| Limit::Adaptive(Adaptive::new(start.min(most), max.min(most)));
        for limit in [adaptive(32, 128), adaptive(16, 64), adaptive(16, 64), Limit::Unlimited] {
            self.add(Resource::new(Some(gate), limit, now));
        }
        self.stores.insert(store.clone(), gate);
        gate
    }

    /// Returns a pool of the store with this gate.
    pub(super) fn pool(gate: usize, pool: Pool) -> usize {
        gate + 1 + pool as usize
    }

    /// Returns a bound over all stores.
    pub(super) fn bound(&mut self, name: &str, most: usize) -> usize {
        if let Some(at) = self.bounds.get(name) {
            return *at;
        }
        let at = self.resources.len();
        self.add(Resource::new(None, Limit::Fixed(most.max(1)), Instant::now()));
        self.bounds.insert(name.to_owned(), at);
        at
    }

    fn add(&mut self, resource: Resource) {
        self.gates.push(resource.gate);
        self.resources.push(resource);
    }

    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(super) fn announce(&mut self, demand: &Demand) -> u64 {
        let flow = self.next();
        self.count_announced(flow, demand, true);
        flow
    }

    pub(super) fn unannounce(&mut self, flow: u64, demand: &Demand) {
        self.count_announced(flow, demand, false);
    }

    fn count_announced(&mut self, flow: u64, demand: &Demand, add: bool) {
        for at in demand.0.iter() {
            self.resources[*at].announce(parties(&self.gates, Some(flow), demand, *at), add);
        }
    }

    /// Lets a request wait for its demand. One that `goes_on` is the next one of its group.
    pub(super) fn enqueue(
        &mut self,
        flow: Option<u64>,
        demand: &Demand,
        sender: oneshot::Sender<Permit>,
        goes_on: bool,
    ) {
        let turn = match self.turns.get(demand) {
            Some(turn) => *turn,
            None => {
                let turn = self.next();
                self.turns.insert(demand.clone(), turn);
                self.groups.insert(turn, WaitingGroup { demand: demand.clone(), flows: VecDeque::new() });
                turn
            }
        };
        let flows = &mut self.groups.get_mut(&turn).expect("it was found or made").flows;
        let mut waiting = match flows.iter().position(|(known, _)| *known == flow) {
            Some(at) if !goes_on => return flows[at].1.push_back(sender),
            at => at.and_then(|at| flows.remove(at)).map_or_else(VecDeque::new, |(_, waiting)| waiting),
        };
        waiting.push_front(sender);
        match goes_on {
            true => flows.push_front((flow, waiting)),
            false => flows.push_back((flow, waiting)),
        }
    }

    /// Grants everything that can be granted.
    pub(super) fn grant(&mut self, now: Instant) -> Vec<Granted> {
        let (mut granted, mut claims) = (Vec::new(), std::mem::take(&mut self.claims));
        claims.clear();
        claims.resize(self.resources.len(), 0);
        self.due = None;
        let mut groups = std::mem::take(&mut self.groups);
        let mut after = 0;
        while let Some((&turn, group)) = groups.range_mut(after..).next() {
            after = turn + 1;
            group.prune();
            let served = if group.flows.is_empty() { None } else { self.serve(group, &mut claims, now) };
            if group.flows.is_empty() {
                self.turns.remove(&group.demand);
                groups.remove(&turn);
            } else if served.is_some() {
                // A group that was served comes again after all others.
                let next = self.next();
                self.turns.insert(group.demand.clone(), next);
                let group = groups.remove(&turn).expect("it was just served");
                groups.insert(next, group);
            }
            granted.extend(served);
        }
        (self.groups, self.claims) = (groups, claims);
        granted
    }

    /// Grants one request of a group, if its whole demand is available. If not, the group claims what it could use.
    fn serve(&mut self, group: &mut WaitingGroup, claims: &mut [usize], now: Instant) -> Option<Granted> {
        if let Some(slowest) = self.slowest_lacking(&group.demand, claims, now) {
            self.claim(&group.demand, slowest, claims, now);
            return None;
        }
        let is_below_share = |flow: Option<u64>| {
            let over = |at: &usize, flow| self.resources[*at].is_over_share(Party::Flow(flow), self.free(*at, claims));
            flow.is_none_or(|flow| !group.demand.0.iter().any(|at| over(at, flow)))
        };
        let at = group.flows.iter().position(|(flow, _)| is_below_share(*flow))?;
        let (flow, mut waiting) = group.flows.remove(at)?;
        let sender = waiting.pop_front()?;
        if !waiting.is_empty() {
            group.flows.push_back((flow, waiting));
        }
        for at in group.demand.0.iter() {
            self.resources[*at].take(parties(&self.gates, flow, &group.demand, *at), now);
        }
        Some((sender, flow, group.demand.clone()))
    }

    /// Returns the units of a resource that are neither used nor claimed.
    fn free(&self, at: usize, claims: &[usize]) -> usize {
        let claimed = claims[at];
        self.resources[at].most().saturating_sub(self.resources[at].in_use + claimed)
    }

    /// Returns true if a unit is free of which no store of the demand holds its share.
    fn has_free(&self, at: usize, demand: &Demand, claims: &[usize]) -> bool {
        let free = self.free(at, claims);
        let over = |party| self.resources[at].is_over_share(party, free);
        free > 0 && !parties(&self.gates, None, demand, at).any(over)
    }

    /// Returns how long the slowest of the resources that a demand lacks is expected to take; none if it lacks none.
    fn slowest_lacking(&mut self, demand: &Demand, claims: &[usize], now: Instant) -> Option<Duration> {
        let mut slowest = None;
        for at in demand.0.iter() {
            let resource = &self.resources[*at];
            let slowness = if let Some(until) = resource.closed_until(now) {
                self.due = Some(self.due.map_or(until, |due| due.min(until)));
                Duration::MAX
            } else if resource.is_unlimited() {
                continue;
            } else {
                if self.has_free(*at, demand, claims) {
                    continue;
                }
                resource.slowness(now)
            };
            slowest = slowest.max(Some(slowness));
        }
        slowest
    }

    /// Keeps units for a group that lacks others: of resources that are not much quicker than the slowest of those. So a
    /// scarce resource is kept for a short time while a quick one is missing, and none is kept for a store that is slow,
    /// silent or paused.
    fn claim(&mut self, demand: &Demand, slowest: Duration, claims: &mut [usize], now: Instant) {
        for at in demand.0.iter() {
            let resource = &self.resources[*at];
            let claimed = claims[*at];
            let is_open = !resource.is_unlimited() && self.has_free(*at, demand, claims);
            // The first claim is that of the group that waits longest.
            let may = claimed == 0 || claimed < resource.most() / 4;
            if is_open && may && resource.slowness(now).saturating_mul(CLAIM) >= slowest {
                claims[*at] += 1;
                self.due = Some(self.due.map_or(now + RECHECK, |due| due.min(now + RECHECK)));
            }
        }
    }

    pub(super) fn release(&mut self, flow: Option<u64>, whole: &Demand, part: &Demand) {
        let now = Instant::now();
        for at in part.0.iter() {
            self.resources[*at].give_back(parties(&self.gates, flow, whole, *at), now);
        }
    }

    pub(super) fn learn(&mut self, gate: usize, resource: usize, outcome: RequestOutcome) {
        let now = Instant::now();
        if outcome == RequestOutcome::Done {
            self.resources[gate].succeeded();
        }
        let resource = &mut self.resources[resource];
        let is_used = resource.in_use * 2 >= resource.most();
        match (&mut resource.limit, outcome) {
            (Limit::Adaptive(limit), RequestOutcome::Done) if is_used => limit.succeeded(now),
            (Limit::Adaptive(limit), RequestOutcome::Throttled) => limit.refused(resource.in_use, now),
            _ => {}
        }
    }

    /// Returns when to look again, and where to wait for that, if no timer is set that is early enough.
    pub(super) fn timer_to_arm(&mut self, now: Instant) -> Option<(Instant, Handle)> {
        let due = self.due?;
        if self.armed.is_some_and(|armed| armed > now && armed <= due) {
            return None;
        }
        let runtime = Handle::try_current().ok().or_else(|| self.runtime.clone())?;
        self.armed = Some(due);
        Some((due, runtime))
    }
}

/// Returns the parties for which a resource counts what a flow with this demand holds: the flow, and other stores.
fn parties<'a>(
    gates: &'a [Option<usize>],
    flow: Option<u64>,
    demand: &'a Demand,
    resource: usize,
) -> impl Iterator<Item = Party> + 'a {
    let own = gates[resource];
    let others = demand.0.iter().filter(move |at| gates[**at] == Some(**at) && own != Some(**at));
    flow.map(Party::Flow).into_iter().chain(others.map(|gate| Party::Store(*gate)))
}

impl WaitingGroup {
    /// Removes requests that are no longer waited for.
    fn prune(&mut self) {
        self.flows.retain_mut(|(_, waiting)| {
            while waiting.front().is_some_and(oneshot::Sender::is_closed) {
                waiting.pop_front();
            }
            !waiting.is_empty()
        });
    }
}
