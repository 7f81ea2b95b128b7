//! The network: the transport of the simulation, which hands requests to the registries in memory.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt, stream};
use http::{HeaderMap, Method};
use sealift_core::{async_trait, content::Digest};
use sealift_registry_client::{HttpBody, HttpRequest, HttpResponseBody, Phase, Transport, TransportError};
use tokio::time::sleep;
use url::Url;

use crate::{
    draw::Draw,
    planted::Planted,
    registry::{Answer, Asked, Lies, handle},
    topology::{HostPlan, marker_of},
    weather::{Exposed, WeatherFault},
    world::{Interruption, World, registry_of},
};

/// A silent host says nothing for so long. Every time limit of the product is shorter.
const SILENCE: Duration = Duration::from_secs(24 * 3600);

/// Bytes of a chunk on the line.
const CHUNK: usize = 16 << 10;

/// Chunks that a transfer to one destination may hold.
const CHUNKS_OF_A_TRANSFER: u64 = 4;

/// Bytes that a transfer may hold for each further destination.
const BUFFER: u64 = 512 << 10;

/// Bytes of a blob in the memory of the product.
struct HeldBytes {
    world: Arc<World>,
    chunk: Bytes,
}

impl AsRef<[u8]> for HeldBytes {
    fn as_ref(&self) -> &[u8] {
        &self.chunk
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        self.world.held.fetch_sub(self.chunk.len() as u64, Ordering::Relaxed);
    }
}

/// The simulated network as one process sees it.
pub(crate) struct Net {
    /// The world.
    pub(crate) world: Arc<World>,
    /// The run of the process.
    pub(crate) run: usize,
    /// A fault of the product, put in by hand.
    pub(crate) planted: Option<Planted>,
}

/// A request under way.
struct Exchange {
    world: Arc<World>,
    run: usize,
    host: String,
    class: &'static str,
    plan: HostPlan,
    fault: Option<WeatherFault>,
    key: Draw,
    name: String,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.class != "small" {
            self.world.state().transfers -= 1;
        }
    }
}

#[async_trait]
impl Transport for Net {
    async fn send(&self, request: HttpRequest) -> Result<http::Response<HttpResponseBody>, TransportError> {
        let HttpRequest { method, mut url, mut headers, body, .. } = request;
        if let Some(planted) = self.planted {
            planted.change_request(&method, &mut url, &mut headers);
        }
        let Some(call) = self.arrive(&method, &url, &headers) else { return std::future::pending().await };
        let one_way = Duration::from_millis(call.plan.latency_ms + call.key.at("jitter").below(3));
        sleep(one_way).await;
        match call.fault {
            Some(WeatherFault::Refused) => {
                return Err(TransportError::from_io(Phase::Connect, io::ErrorKind::ConnectionRefused.into()));
            }
            Some(WeatherFault::LostBefore) => return Err(reset()),
            Some(WeatherFault::Silent) => sleep(SILENCE).await,
            _ => {}
        }
        let body = call.receive(body).await?;
        let Some(answer) = self.effect(&call, &method, &url, &headers, &body) else {
            return std::future::pending().await;
        };
        sleep(one_way).await;
        if call.fault == Some(WeatherFault::LostAfter) {
            return Err(reset());
        }
        call.learn(&answer);
        let answer = match self.planted {
            Some(planted) => planted.change_answer(&method, &url, answer),
            None => answer,
        };
        Ok(call.respond(&method, answer))
    }
}

impl Net {
    /// Takes a request in, and looks at what must hold of it. Returns none if the process is dead.
    fn arrive(&self, method: &Method, url: &Url, headers: &HeaderMap) -> Option<Exchange> {
        let mut state = self.world.state();
        if state.is_dead {
            return None;
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        let Some(plan) = self.world.topology.hosts.get(registry_of(&host)).cloned() else {
            state.breaks(6, format!("a request goes to `{url}`, which is no host of the scenario"));
            return None;
        };
        let count = if self.planted == Some(Planted::SendsTwice) && path_is_manifest(url) { 2 } else { 1 };
        *state.received.entry((self.run, host.clone(), method.to_string())).or_default() += count;
        for other in self.world.topology.hosts.keys().filter(|other| **other != plan.name) {
            let marker = marker_of(other);
            if url.as_str().contains(&marker) || headers.values().any(|value| is_in(&marker, value.as_bytes())) {
                state.breaks(6, format!("`{method} {url}` carries a secret of `{other}`"));
            }
        }
        let now = state.now_ms();
        if let Some((until, since)) = state.pauses.get(&(self.run, host.clone()))
            && *since < now
            && now < *until
        {
            // A redirect that was given before is followed.
            let (what, since) =
                (format!("`{method} {url}` comes {} ms before the end of a pause", until - now), *since);
            if !host.starts_with("cdn.") || now > since + 1000 {
                state.breaks(11, what);
            }
        }
        let path = url.path();
        let upload = path.contains("/blobs/uploads/");
        let class = match *method {
            Method::GET if path.contains("/blobs/") || host.starts_with("cdn.") => "reads",
            Method::PUT | Method::PATCH if upload => "writes",
            _ => "small",
        };
        let key = Draw::new(0).at(&host).at(method.as_str()).at(&name_of(url));
        let attempt = state.attempts.entry(key.bits()).or_default();
        *attempt += 1;
        let key = key.nth(*attempt);
        let exposed = Exposed {
            reads: *method == Method::GET,
            verified: class == "reads" || path_is_manifest(url),
            uploads: class == "writes",
            commits: class == "writes" && *method == Method::PUT,
            begins: *method == Method::POST && url.query().is_some_and(|query| query.contains("from=")),
            manifest: path_is_manifest(url),
            has_token: headers.get("authorization").is_some_and(|value| value.as_bytes().starts_with(b"Bearer")),
        };
        let weather = &self.world.weather;
        let fault = match weather.is_away(&plan, state.process, state.now_ms() - state.epoch_ms) {
            true => Some((WeatherFault::Refused, key.bits())),
            false => weather.befalls(&plan, key, exposed),
        };
        let fault = fault.filter(|_| !state.is_calm);
        if let Some((fault, number)) = fault {
            state.happened.insert(number);
            state.faults.entry(plan.name.clone()).or_default().push(format!("{fault:?}"));
        }
        state.transfers += u64::from(class != "small");
        let name = format!("{method} {host}{path}");
        let fault = fault.map(|(fault, number)| {
            state.note(&format!("{name} {fault:?} [{number}]"));
            fault
        });
        Some(Exchange { world: Arc::clone(&self.world), run: self.run, host, class, plan, fault, key, name })
    }

    /// Lets the host handle a request. Returns none if the process is dead then.
    fn effect(&self, call: &Exchange, method: &Method, url: &Url, headers: &HeaderMap, body: &Bytes) -> Option<Answer> {
        let mut state = self.world.state();
        if state.is_dead {
            return None;
        }
        state.effects += 1;
        state.handled += 1;
        self.world.change(&mut state, false);
        let effects = state.effects;
        let interruption = state.interruption.clone();
        if let Some((Interruption::Kill { effect, handled }, _)) = interruption
            && effect == effects
        {
            state.is_dead = true;
            state.note("killed");
            self.world.killed.notify_one();
            if !handled {
                return None;
            }
        }
        if let Some((Interruption::Stop { effect, twice }, cancel)) = interruption
            && effect == effects
        {
            state.note("stopped by the user");
            cancel.stop();
            if twice {
                cancel.stop();
            }
        }
        let asked = Asked { method, url, headers, body, now_ms: state.now_ms() };
        let answer = match call.fault {
            Some(WeatherFault::Status(status, pause)) => {
                let answer = Answer::refusal(status, if status == 403 { "DENIED" } else { "UNAVAILABLE" });
                pause.map_or(answer.clone(), |seconds| answer.header("retry-after", seconds))
            }
            fault => {
                let lies = Lies {
                    mount: fault == Some(WeatherFault::FalseMount),
                    blob: fault == Some(WeatherFault::LostBlob),
                };
                let mut objections = Vec::new();
                let store = state.stores.get_mut(&call.plan.name).expect("hosts of the scenario have a store");
                if fault == Some(WeatherFault::EndedToken) {
                    store.tokens.clear();
                }
                let answer = handle(store, asked, lies, &mut objections);
                for objection in objections {
                    state.breaks(1, format!("`{}`: {objection}", call.name));
                }
                answer
            }
        };
        state.note(&format!("{} {}", call.name, answer.status));
        if *method == Method::PUT && answer.status == 201 {
            state.written += 1;
            if call.class == "writes" {
                let size = url.query_pairs().find(|(key, _)| key == "digest").and_then(|(_, digest)| {
                    state.stores[&call.plan.name].bytes.get(&digest.parse::<Digest>().ok()?).map(Bytes::len)
                });
                state.uploaded = (state.uploaded.0 + 1, state.uploaded.1 + size.unwrap_or_default() as u64);
            }
            check_name(&mut state, call, url);
        }
        if state.is_dead { None } else { Some(answer) }
    }
}

/// Invariant 1: a name stands for complete content, also at a registry that does not look.
fn check_name(state: &mut crate::world::WorldState, call: &Exchange, url: &Url) {
    let Some((repository, reference)) = url.path().strip_prefix("/v2/").and_then(|path| path.split_once("/manifests/"))
    else {
        return;
    };
    let Some(store) = state.stores.get(&call.plan.name) else { return };
    let Some(digest) = store.repositories.get(repository).and_then(|repo| repo.tags.get(reference)) else { return };
    let missing = store.lacks(repository, digest);
    // The list of referrers is an index of what was there.
    if !missing.is_empty() && !reference.starts_with("sha256-") {
        state.breaks(1, format!("`{}/{repository}:{reference}` is written and lacks {missing:?}", call.plan.name));
    }
}

impl Exchange {
    /// Receives the body of a request, as fast as the line is.
    async fn receive(&self, body: HttpBody) -> Result<Bytes, TransportError> {
        let mut chunks = match body {
            HttpBody::Empty => return Ok(Bytes::new()),
            HttpBody::Full(bytes) => return Ok(bytes),
            HttpBody::Stream(chunks) => chunks,
        };
        let limit = (self.fault == Some(WeatherFault::CutUpload)).then(|| self.key.at("cut").below(20 << 10));
        let mut all = Vec::new();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| TransportError::from_io(Phase::Exchange, error))?;
            all.extend_from_slice(&chunk);
            self.take_time(chunk.len()).await;
            if limit.is_some_and(|limit| all.len() as u64 > limit) {
                return Err(reset());
            }
        }
        if limit.is_some() { Err(reset()) } else { Ok(all.into()) }
    }

    async fn take_time(&self, bytes: usize) {
        let is_slow = matches!(self.fault, Some(WeatherFault::Slow | WeatherFault::SlowUpload));
        let slowness = if is_slow { 100 } else { 1 };
        let ms = bytes as u64 * slowness / self.plan.bytes_per_ms;
        if ms > 0 {
            sleep(Duration::from_millis(ms)).await;
        }
    }

    /// Counts bytes of a blob for as long as the product holds them. Invariant 10: there are never too many of them.
    fn hand_over(&self, chunk: Bytes) -> Bytes {
        if self.class != "reads" {
            return chunk;
        }
        let held = self.world.held.fetch_add(chunk.len() as u64, Ordering::Relaxed) + chunk.len() as u64;
        let takers = self.world.topology.rules.iter().map(|rule| rule.to.len()).max().unwrap_or_default() as u64;
        let mut state = self.world.state();
        let most = (state.transfers + 1) * (CHUNKS_OF_A_TRANSFER * CHUNK as u64 + (takers - 1) * BUFFER);
        if held > most {
            let transfers = state.transfers;
            state.breaks(10, format!("{held} bytes of blobs are held for {transfers} transfers, {most} at most"));
        }
        drop(state);
        Bytes::from_owner(HeldBytes { world: Arc::clone(&self.world), chunk })
    }

    /// Notes the pause that the product learns of now.
    fn learn(&self, answer: &Answer) {
        let pause = answer.headers.iter().find(|(name, _)| *name == "retry-after").and_then(|(_, s)| s.parse().ok());
        if let Some(seconds) = pause.filter(|_: &u64| answer.status == 429) {
            let mut state = self.world.state();
            let now = state.now_ms();
            let entry = state.pauses.entry((self.run, self.host.clone())).or_insert((0, now));
            *entry = (entry.0.max(now + seconds * 1000), now);
        }
    }

    fn respond(self, method: &Method, answer: Answer) -> http::Response<HttpResponseBody> {
        let Answer { status, headers, mut body } = answer;
        let mut response = http::Response::builder().status(status).header("content-length", body.len());
        for (name, value) in headers {
            let is_digest = name == "docker-content-digest";
            let value = match is_digest && self.fault == Some(WeatherFault::OtherDigest) {
                // Two hosts do not tell the same lie.
                true => Digest::of(&[value.as_bytes(), &self.key.bits().to_le_bytes()].concat()).to_string(),
                false => value,
            };
            response = response.header(name, value);
        }
        if *method == Method::HEAD {
            body = Bytes::new();
        }
        let mut end = body.len();
        if self.fault == Some(WeatherFault::Garbled) && !body.is_empty() {
            let mut bytes = body.to_vec();
            let at = usize::try_from(self.key.at("byte").below(bytes.len() as u64)).expect("it fits");
            bytes[at] ^= 1;
            body = bytes.into();
        }
        let is_cut = self.fault == Some(WeatherFault::Cut);
        if is_cut {
            end = usize::try_from(self.key.at("cut").below(end as u64)).expect("it fits");
        }
        let chunks = stream::unfold((self, body.slice(..end), is_cut), |(call, mut rest, is_cut)| async move {
            if rest.is_empty() {
                return is_cut.then(|| (Err(reset()), (call, rest, false)));
            }
            let chunk = rest.split_to(rest.len().min(CHUNK));
            call.take_time(chunk.len()).await;
            Some((Ok(call.hand_over(chunk)), (call, rest, is_cut)))
        });
        response.body(Box::pin(chunks) as HttpResponseBody).expect("headers of the simulation are valid")
    }
}

fn path_is_manifest(url: &Url) -> bool {
    url.path().contains("/manifests/")
}

fn reset() -> TransportError {
    TransportError::from_io(Phase::Exchange, io::ErrorKind::ConnectionReset.into())
}

fn is_in(text: &str, bytes: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Returns the name of a request for decisions: names of uploads depend on the order of requests, so they are left out.
fn name_of(url: &Url) -> String {
    let path = url.path();
    let path = path.split_once("/blobs/uploads/").map_or(path, |(before, _)| before);
    let query = url.query_pairs().filter(|(key, _)| key != "_state");
    query.fold(path.to_owned(), |name, (key, value)| format!("{name}&{key}={value}"))
}
