//! The faults of a seed: which kinds there are, how often, and what befalls a request.

use std::collections::BTreeMap;

use crate::{
    draw::Draw,
    topology::{HostPlan, Reduced},
};

/// Something that goes wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WeatherFault {
    /// The connection is refused.
    Refused,
    /// The connection breaks before the host saw the request.
    LostBefore,
    /// The host handles the request, and the answer is lost.
    LostAfter,
    /// The host answers with this status instead, and asks for a pause of so many seconds.
    Status(u16, Option<u64>),
    /// There is no answer.
    Silent,
    /// The body of the answer ends early, with a broken connection.
    Cut,
    /// A byte of the body of the answer is another one.
    Garbled,
    /// The body of the answer comes a hundred times slower.
    Slow,
    /// The body of the request is taken a hundred times slower.
    SlowUpload,
    /// The connection breaks while the body of the request is sent.
    CutUpload,
    /// A mount is confirmed and did not happen.
    FalseMount,
    /// An upload is confirmed, and its bytes are lost.
    LostBlob,
    /// The header that names a digest names another one.
    OtherDigest,
    /// A token ends before its time.
    EndedToken,
}

/// The kinds of weather, with their usual rates.
const KINDS: [(&str, f64); 15] = [
    ("refused", 0.01),
    ("lost-before", 0.02),
    ("lost-after", 0.02),
    ("unavailable", 0.02),
    ("throttled", 0.01),
    ("denied", 0.003),
    ("silent", 0.004),
    ("cut", 0.03),
    ("garbled", 0.02),
    ("slow", 0.02),
    ("cut-upload", 0.03),
    ("lies", 0.02),
    ("ended-token", 0.02),
    ("slow-upload", 0.02),
    ("outage", 0.05),
];

/// The weather of a seed.
#[derive(Clone, Debug)]
pub(crate) struct Weather {
    draw: Draw,
    /// Kinds that happen, with their probability for a request that they can befall.
    pub(crate) rates: BTreeMap<&'static str, f64>,
    without_faults: std::collections::BTreeSet<u64>,
}

/// The features of a request that decide what can befall it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exposed {
    /// A GET.
    pub(crate) reads: bool,
    /// The content of its answer is known by a digest.
    pub(crate) verified: bool,
    /// A PUT or PATCH of the bytes of a blob.
    pub(crate) uploads: bool,
    /// The last request of an upload.
    pub(crate) commits: bool,
    /// The POST that begins an upload.
    pub(crate) begins: bool,
    /// A manifest.
    pub(crate) manifest: bool,
    /// It carries a token.
    pub(crate) has_token: bool,
}

impl Weather {
    /// Generates the weather of a seed. Some seeds have none.
    pub(crate) fn generate(seed: u64, reduced: &Reduced) -> Self {
        let draw = Draw::new(seed).at("weather");
        let fair = draw.at("fair").chance(0.1);
        let strength = 0.3 * (8.0_f64 / 0.3).powf(draw.at("strength").unit());
        let rate = |(kind, rate): (&'static str, f64)| {
            let happens = !fair && draw.at(kind).chance(0.45) && !reduced.without.contains(kind);
            happens.then(|| (kind, (rate * strength).min(0.4)))
        };
        Self {
            draw: draw.at("requests"),
            rates: KINDS.into_iter().filter_map(rate).collect(),
            without_faults: reduced.without_faults.clone(),
        }
    }

    /// Returns the names of the kinds that happen.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.rates.keys().copied()
    }

    /// Returns true if a host is away so many milliseconds after a process began: for a while, or until its end.
    pub(crate) fn is_away(&self, host: &HostPlan, process: u64, ms: u64) -> bool {
        let draw = self.draw.at("outage").at(&host.name).nth(process);
        let Some(rate) = self.rates.get("outage") else { return false };
        let begin = draw.at("begin").below(4000);
        let lasts = [5_000, 60_000, 900_000, u64::MAX][usize::try_from(draw.at("lasts").below(4)).expect("small")];
        draw.chance(*rate) && ms >= begin && ms - begin < lasts
    }

    /// Returns what befalls a request, and a number that names it. `key` names the request and its attempt.
    pub(crate) fn befalls(&self, host: &HostPlan, key: Draw, request: Exposed) -> Option<(WeatherFault, u64)> {
        let key = key.bits();
        if self.without_faults.contains(&key) {
            return None;
        }
        let draw = self.draw.nth(key);
        let happens = |kind: &str| self.rates.get(kind).is_some_and(|rate| draw.at(kind).chance(*rate));
        let more = draw.at("more");
        let fault = if happens("refused") {
            WeatherFault::Refused
        } else if happens("lost-before") {
            WeatherFault::LostBefore
        } else if happens("lost-after") {
            WeatherFault::LostAfter
        } else if happens("silent") {
            WeatherFault::Silent
        } else if happens("unavailable") {
            let pause = more.at("pause").chance(0.3).then(|| 1 + more.at("seconds").below(20));
            WeatherFault::Status([500, 502, 503, 504][usize::try_from(more.below(4)).expect("small")], pause)
        } else if happens("throttled") {
            let pause = more.at("pause").chance(0.8).then(|| 1 + more.at("seconds").below(60));
            WeatherFault::Status(429, pause)
        } else if happens("denied") {
            WeatherFault::Status(403, None)
        } else if request.reads && happens("cut") {
            WeatherFault::Cut
        } else if request.reads && request.verified && happens("garbled") {
            WeatherFault::Garbled
        } else if request.reads && happens("slow") {
            WeatherFault::Slow
        } else if request.uploads && happens("cut-upload") {
            WeatherFault::CutUpload
        } else if request.has_token && happens("ended-token") {
            WeatherFault::EndedToken
        } else if host.checks && request.begins && happens("lies") {
            WeatherFault::FalseMount
        } else if host.checks && request.commits && happens("lies") {
            WeatherFault::LostBlob
        } else if request.manifest && happens("lies") {
            WeatherFault::OtherDigest
        } else if request.uploads && happens("slow-upload") {
            WeatherFault::SlowUpload
        } else {
            return None;
        };
        Some((fault, key))
    }
}
