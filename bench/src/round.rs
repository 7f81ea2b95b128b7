//! Runs all contenders in turn for several rounds: into an empty destination, and again with nothing changed.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::Result;
use sealift_serve::access::{RequestKind, Requests};
use sealift_testkit::{
    proxy::{Network, Proxy},
    registry::{Registry, Setup, TokenAuth},
    tls::Identity,
    token_service::{self, TokenService},
};
use tempfile::TempDir;

use crate::{
    console,
    contender::{Contender, Place, Way},
    measure,
    room::Room,
    scenario::{Phase, Rounds, Run, Scenario, Task},
    source::{Source, Sources},
};

/// Runs all contenders that support the task. A contender is left out of all rounds after its first failure.
///
/// # Errors
/// If there is no source, or no room for destinations.
pub(crate) async fn run(scenario: &Scenario, contenders: &[Contender], sources: &mut Sources) -> Result<Vec<Rounds>> {
    let source = sources.of(scenario.task.shape()).await?;
    let able: Vec<&Contender> = contenders.iter().filter(|one| one.does(scenario.task)).collect();
    let mut all: Vec<Rounds> =
        able.iter().map(|one| Rounds { name: one.name.clone(), ours: one.is_ours(), ..Rounds::default() }).collect();
    for round in 0..scenario.rounds {
        for (contender, rounds) in able.iter().zip(&mut all).filter(|(_, rounds)| rounds.failed.is_none()) {
            console::note(&format!("{scenario}: round {} of {}: {}", round + 1, scenario.rounds, contender.name));
            let ground = Ground::new(scenario, source).await?;
            if let Err(error) = ground.play(scenario, contender, source, rounds).await {
                console::note(&format!("{} is out: {error:#}", contender.name));
                rounds.failed = Some(format!("{error:#}"));
            }
        }
    }
    Ok(all)
}

/// The resources of one contender in one round: empty destinations, the proxies before them, a folder.
struct Ground {
    targets: Vec<Registry>,
    proxies: Vec<Proxy>, // they end with the round; the first one is the source's
    guard: Option<Guard>,
    directory: TempDir,
    home: TempDir,
}

/// TLS and token authentication in front of the registries, if they are not accessible by plain HTTP.
struct Guard {
    /// The source's content behind the guard.
    source: Registry,
    /// The token service and its proxy, if tokens are wanted.
    _tokens: Option<(TokenService, Option<Proxy>)>,
    authority: Option<PathBuf>,
}

impl Ground {
    async fn new(scenario: &Scenario, source: &Source) -> Result<Self> {
        let task = scenario.task;
        let stored = task.destinations() + usize::from(matches!(task, Task::Stage | Task::Load));
        let room = Room::with(task.shape().bytes() * stored as u64)?;
        let home = tempfile::tempdir()?;
        let network = Network { delay: scenario.delay, bytes_per_second: scenario.bytes_per_second, cut_after: 0 };
        let is_far = !scenario.delay.is_zero() || scenario.bytes_per_second > 0;
        let far = async |addr| if is_far { Some(Proxy::start(addr, network).await) } else { None };
        let identity = scenario.access.tls.then(Identity::generate);
        let tokens = if scenario.access.tokens {
            let service = match &identity {
                Some(identity) => TokenService::start_tls(&[], identity).await,
                None => TokenService::start(&[]).await,
            };
            service.rights(|_, _, _| true);
            let proxy = far(service.addr()).await;
            Some((service, proxy))
        } else {
            None
        };
        let auth = tokens.as_ref().map(|(service, proxy)| TokenAuth {
            realm: proxy.as_ref().map_or_else(|| service.realm(), |proxy| service.realm_at(&proxy.host())),
            service: token_service::SERVICE.to_owned(),
            issuer: token_service::ISSUER.to_owned(),
            root_certs: service.certificate_pem().to_owned(),
        });
        let guarded = |mut setup: Setup| {
            if let Some(identity) = &identity {
                setup = setup.tls(identity.certificate.clone(), identity.key.clone());
            }
            match &auth {
                Some(auth) => setup.token(auth.clone()),
                None => setup,
            }
        };
        let targets = (0..task.destinations()).map(|_| room.registry_with(guarded)).collect::<Result<Vec<_>>>()?;
        let guard = if scenario.access.is_plain() {
            None
        } else {
            let authority = match &identity {
                Some(identity) => {
                    let file = home.path().join("authority.pem");
                    std::fs::write(&file, &identity.authority)?;
                    Some(file)
                }
                None => None,
            };
            let front = room.registry_with(|setup| guarded(setup).storage(source.registry.storage()))?;
            Some(Guard { source: front, _tokens: tokens, authority })
        };
        let mut proxies = Vec::new();
        let source = guard.as_ref().map_or(&source.registry, |guard| &guard.source);
        for registry in std::iter::once(source).chain(&targets) {
            proxies.extend(far(registry.addr()).await);
        }
        Ok(Self { targets, proxies, guard, directory: room.directory()?, home })
    }

    /// The registry that contenders read from.
    fn source<'a>(&'a self, source: &'a Source) -> &'a Registry {
        self.guard.as_ref().map_or(&source.registry, |guard| &guard.source)
    }

    /// Host and port of the source (0) or of a destination (from 1), as this round sees them.
    fn host(&self, at: usize, registry: &Registry) -> String {
        self.proxies.get(at).map_or_else(|| registry.host(), Proxy::host)
    }

    fn way(&self, task: Task, source: &Source) -> Way {
        let to = self.targets.iter().enumerate().map(|(at, target)| Place::Host(self.host(at + 1, target))).collect();
        let directory = || Place::Directory(self.directory.path().join("images"));
        let authority = self.guard.as_ref().and_then(|guard| guard.authority.clone());
        let from = Place::Host(self.host(0, self.source(source)));
        match task {
            Task::Stage => Way { from, to: vec![directory()], authority },
            Task::Load => Way { from: directory(), to, authority },
            _ => Way { from, to, authority },
        }
    }

    async fn play(&self, scenario: &Scenario, one: &Contender, source: &Source, rounds: &mut Rounds) -> Result<()> {
        if scenario.task == Task::Load {
            // Each contender loads the output of its own staging, which runs without proxies and is not measured.
            let to = self.way(Task::Stage, source).to;
            let near = Way { from: Place::Host(source.registry.host()), to, authority: None };
            self.command(Task::Stage, one, source, &near).await?;
        }
        let way = self.way(scenario.task, source);
        for phase in [Phase::Cold, Phase::Again] {
            self.source(source).reset();
            self.targets.iter().for_each(Registry::reset);
            let before = self.registries_cpu_s(self.source(source));
            let used = self.command(scenario.task, one, source, &way).await?;
            let registries_cpu_s = self.registries_cpu_s(self.source(source)) - before;
            let run = Run { registries_cpu_s, ..self.count(used, self.source(source)) };
            match phase {
                Phase::Cold => rounds.cold.push(run),
                Phase::Again => rounds.again.push(run),
            }
        }
        Ok(())
    }

    /// Returns the processor time that the source and the destinations used so far, in seconds.
    fn registries_cpu_s(&self, source: &Registry) -> f64 {
        measure::cpu_s(std::iter::once(source).chain(&self.targets).filter_map(Registry::process))
    }

    async fn command(&self, task: Task, one: &Contender, source: &Source, way: &Way) -> Result<measure::Used> {
        let home: &Path = self.home.path();
        let commands = one.commands(task, &source.corpus, way, home)?;
        let log = home.join("said.log");
        // The proxies need this thread's runtime while the commands run.
        tokio::task::spawn_blocking(move || measure::run(&commands, &log)).await?
    }

    fn count(&self, used: measure::Used, source: &Registry) -> Run {
        let asked = source.requests();
        let blobs = || asked.iter().filter(|request| request.kind() == RequestKind::Blob);
        let different: BTreeMap<&str, u64> =
            blobs().map(|one| (one.path.rsplit('/').next().unwrap_or_default(), one.bytes)).collect();
        let mut run = Run {
            used,
            source: asked.total(),
            source_bytes: blobs().map(|request| request.bytes).sum(),
            source_bytes_once: different.values().sum(),
            ..Run::default()
        };
        note(&mut run.kinds, "source", &asked);
        for target in &self.targets {
            let requests = target.requests();
            run.target += requests.total();
            note(&mut run.kinds, "destination", &requests);
        }
        run
    }
}

fn note(kinds: &mut BTreeMap<String, usize>, side: &str, requests: &Requests) {
    for request in requests.iter() {
        let kind = format!("{:?}", request.kind()).to_lowercase();
        *kinds.entry(format!("{side} {} {kind}", request.method)).or_default() += 1;
    }
}
