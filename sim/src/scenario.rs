//! One seed: a world, a pipeline, and a few processes that run it.

use std::{fmt::Write as _, sync::Arc};

use crate::{
    check,
    draw::Draw,
    model::Expected,
    planted::Planted,
    process::{Notes, Setting},
    topology::{Reduced, Scheme, Topology, secret_of},
    weather::Weather,
    world::{Broken, Interruption, World},
};

/// The result of a scenario.
#[derive(Clone, Debug)]
pub struct ScenarioOutcome {
    /// Broken invariants.
    pub broken: Vec<Broken>,
    /// The hash of everything that happened.
    pub trace: u64,
    /// The lines of the story.
    pub story: Vec<String>,
    /// Requests that hosts handled.
    pub effects: u64,
    /// Processes.
    pub processes: u64,
    /// The faults that happened, by number.
    pub faults: Vec<u64>,
    /// The images that there were.
    pub images: Vec<usize>,
    /// The kinds of weather.
    pub kinds: Vec<&'static str>,
    /// Simulated seconds.
    pub seconds: u64,
}

/// Runs a seed. Must be called on a thread of its own, so that what threads remember does not count.
pub(crate) fn run(seed: u64, reduced: &Reduced, planted: Option<Planted>) -> ScenarioOutcome {
    let draw = Draw::new(seed);
    let topology = Topology::generate(seed, reduced);
    let weather = Weather::generate(seed, reduced);
    let kinds = weather.kinds().chain(topology.kinds.iter().copied()).collect();
    let second = Second::of(draw.at("second"), &topology);
    let pipeline = pipeline(draw.at("pipeline"), &topology);
    let images = topology.images.iter().map(|image| image.number).collect();
    let world = World::new(topology, weather);
    world.state().note(&format!("seed {seed}\n{pipeline}"));
    let setting = Setting { world, pipeline, notes: Arc::new(Notes::default()), planted, draw: draw.at("product") };
    let mut effects = 0;
    if !setting.world.topology.images.is_empty() {
        let interruptions = if reduced.uninterrupted { Vec::new() } else { interruptions(draw.at("interruptions")) };
        for (at, interruption) in interruptions.into_iter().chain([Interruption::None]).enumerate() {
            effects += once(&setting, false, interruption, second.in_weather.filter(|_| at == 0));
        }
        // The weather is over: one run brings everything, and another one nothing.
        effects += once(&setting, true, Interruption::None, second.in_calm);
        effects += once(&setting, true, Interruption::None, None);
        let mut state = setting.world.state();
        if state.written > 0 {
            let what = format!("a run after a complete one sent {} blobs and manifests", state.written);
            state.breaks(7, what);
        }
    }
    let world = setting.world;
    let state = world.state();
    ScenarioOutcome {
        broken: state.broken.clone(),
        trace: state.trace,
        story: state.story.clone(),
        effects,
        processes: state.process,
        faults: state.happened.iter().copied().collect(),
        images,
        kinds,
        seconds: state.epoch_ms / 1000,
    }
}

/// How many milliseconds after a run another one begins in the same process, if there is one.
struct Second {
    in_weather: Option<u64>,
    in_calm: Option<u64>,
}

impl Second {
    fn of(draw: Draw, topology: &Topology) -> Self {
        let at = |name| {
            let draw = draw.at(name);
            let is_there = topology.kinds.contains("two-runs") && draw.at("is_there").chance(0.7);
            is_there.then(|| draw.at("later").below(2000))
        };
        Self { in_weather: at("weather"), in_calm: at("calm") }
    }
}

/// Runs one process and checks what must hold after it. Returns the number of requests that were handled.
fn once(setting: &Setting, is_calm: bool, interruption: Interruption, second: Option<u64>) -> u64 {
    let world = &setting.world;
    let before = world.state().stores.clone();
    let reports = setting.run(is_calm, interruption, second);
    let mut state = world.state();
    let expected = Expected::of(&world.topology, &state);
    check::foreign(&mut state, &expected, &before);
    for (run, report) in reports.iter().enumerate() {
        if let Some(report) = report {
            let beside = reports.iter().enumerate().filter(|(other, _)| *other != run);
            let beside: Vec<_> = beside.filter_map(|(_, report)| report.as_ref()).collect();
            check::after(&mut state, &expected, run, report, &beside);
        }
    }
    state.effects
}

/// The interruptions of the processes before the last one with weather.
fn interruptions(draw: Draw) -> Vec<Interruption> {
    let count = draw.at("count").below(3);
    let one = |number| {
        let draw = draw.nth(number);
        let effect = 1 + draw.at("effect").below(120);
        match draw.at("how").below(8) {
            0..=3 => Interruption::Kill { effect, handled: draw.at("handled").chance(0.5) },
            4 => Interruption::Stop { effect, twice: false },
            5 => Interruption::Stop { effect, twice: true },
            6 => Interruption::Drop { poll: 1 + draw.at("poll").below(60) },
            _ => Interruption::None,
        }
    };
    (0..count).map(one).collect()
}

/// Writes the pipeline of a topology.
fn pipeline(draw: Draw, topology: &Topology) -> String {
    let mut text = "name = \"simulation\"\n[run]\n".to_owned();
    let mut option = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = writeln!(text, "{name} = {value}"); // a text takes everything
        }
    };
    let some = |name: &str, most: u64| {
        draw.at(name).chance(0.4).then(|| (1 + draw.at(name).at("value").below(most)).to_string())
    };
    option("retries", draw.at("retries").chance(0.5).then(|| draw.at("retries").below(4).to_string()));
    option("transfers", some("transfers", 8));
    option("requests", some("requests", 8));
    option("verify", draw.at("verify").chance(0.3).then(|| "\"destination\"".to_owned()));
    text += "[list]\nuse = \"registry\"\nimages = [\n";
    for rule in &topology.rules {
        let (host, repository) = &rule.from;
        let tags: Vec<&str> = topology.images_of(rule).map(|image| image.tag.as_str()).collect();
        let tags = if rule.lists { String::new() } else { format!(":{}", tags.join(",")) };
        let to: Vec<String> = rule.to.iter().map(|(host, repository)| format!("\"{host}/{repository}\"")).collect();
        let _ = writeln!(text, "  {{ from = \"{host}/{repository}{tags}\", to = [{}] }},", to.join(", "));
    }
    text += "]\n";
    if topology.kinds.contains("harbor") {
        text += "[[push]]\nuse = \"harbor\"\ncreate_projects = true\n";
    }
    for host in topology.hosts.values().filter(|host| host.scheme != Scheme::Open) {
        let is_needed = host.name.starts_with("dst") || host.scheme != Scheme::Token { anonymous_reads: true };
        if is_needed || draw.at(&host.name).chance(0.5) {
            let (name, password) = (&host.name, secret_of(&host.name));
            let _ = writeln!(text, "[registries.\"{name}\"]\nusername = \"robot\"\npassword = \"{password}\"");
        }
    }
    text
}
