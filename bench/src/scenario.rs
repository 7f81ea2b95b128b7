//! One scenario: a corpus, a network, destinations; everybody cold, and again with nothing changed.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result};
use sealift_serve::access::{Kind, Requests};
use sealift_testkit::{
    content::Content,
    proxy::{Network, Proxy},
    registry::Registry,
};
use serde::Serialize;

use crate::{
    contender::{Contender, Way},
    corpus::{Corpus, Shape},
    measure::{self, Used},
};

/// What is measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Scenario {
    pub(crate) shape: Shape,
    pub(crate) rounds: usize,
    pub(crate) delay: Duration,
    pub(crate) bytes_per_second: u64,
    pub(crate) destinations: usize,
}

/// What one contender did, round by round.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Results {
    pub(crate) name: String,
    pub(crate) cold: Vec<Run>,
    pub(crate) again: Vec<Run>,
}

/// One run.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Run {
    #[serde(flatten)]
    pub(crate) used: Used,
    /// Requests that the source answered.
    pub(crate) source: usize,
    /// Requests that the destinations answered.
    pub(crate) target: usize,
    /// Bytes that the source sent.
    pub(crate) source_bytes: u64,
    /// All of them by side, method and kind.
    pub(crate) kinds: BTreeMap<String, usize>,
}

impl Scenario {
    /// Lets everybody run, in turn.
    pub(crate) async fn run(&self, contenders: &[Contender]) -> Result<Vec<Results>> {
        let source = start()?;
        let corpus = self.shape.fill(&Content::at(&source.url())).await;
        let mut all: Vec<Results> =
            contenders.iter().map(|one| Results { name: one.name.clone(), ..Results::default() }).collect();
        for _ in 0..self.rounds {
            for (contender, results) in contenders.iter().zip(&mut all) {
                if self.destinations > 1 && !contender.fans_out() {
                    continue;
                }
                let targets = (0..self.destinations).map(|_| start()).collect::<Result<Vec<_>>>()?;
                results.cold.push(self.once(contender, &corpus, &source, &targets).await?);
                results.again.push(self.once(contender, &corpus, &source, &targets).await?);
            }
        }
        all.retain(|results| !results.cold.is_empty());
        Ok(all)
    }

    async fn once(&self, contender: &Contender, corpus: &Corpus, from: &Registry, to: &[Registry]) -> Result<Run> {
        let network = Network { delay: self.delay, bytes_per_second: self.bytes_per_second, cut_after: 0 };
        let far = !self.delay.is_zero() || self.bytes_per_second > 0;
        let mut proxies = Vec::new();
        if far {
            for registry in std::iter::once(from).chain(to) {
                proxies.push(Proxy::start(registry.addr(), network).await);
            }
        }
        let host = |at: usize, registry: &Registry| proxies.get(at).map_or_else(|| registry.host(), Proxy::host);
        let way_to: Vec<String> = to.iter().enumerate().map(|(at, registry)| host(at + 1, registry)).collect();
        let way_from = host(0, from);
        from.reset();
        to.iter().for_each(Registry::reset);
        let folder = tempfile::tempdir()?;
        let mut commands = contender.commands(corpus, &Way { from: &way_from, to: &way_to }, folder.path())?;
        let log = std::env::temp_dir().join(format!("sealift-bench-{}.log", contender.name));
        let name = contender.name.clone();
        let used = tokio::task::spawn_blocking(move || measure::run(&mut commands, &log)).await?.context(name)?;
        let source = from.requests();
        let mut run = Run { used, source: source.total(), ..Run::default() };
        run.source_bytes = source.iter().map(|request| request.bytes).sum();
        note(&mut run.kinds, "source", &source);
        for target in to {
            let requests = target.requests();
            run.target += requests.total();
            note(&mut run.kinds, "target", &requests);
        }
        Ok(run)
    }
}

fn note(kinds: &mut BTreeMap<String, usize>, side: &str, requests: &Requests) {
    for request in requests.iter() {
        let kind: Kind = request.kind();
        *kinds.entry(format!("{side} {} {kind:?}", request.method)).or_default() += 1;
    }
}

fn start() -> Result<Registry> {
    Registry::start().context("`docker-registry` is needed")
}
