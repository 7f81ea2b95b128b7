//! Target figures, compared with the measured ones.
//!
//! Counts are exact, so a count that misses its target fails the run; seconds and memory are only told. Where a
//! ratio is to the best other contender and only Debian's old `skopeo` is there, the goal is its own: that one is
//! much slower than the best.

use crate::{
    console::say,
    contender::{OURS, TRUSTING},
    scenario::{Distance, Phase, Results, Rounds, Run, Task},
};

#[cfg(test)]
mod tests;

use Distance::{Far, Near};
use Phase::{Again, Cold};

/// One goal.
struct Target {
    task: Task,
    distance: Distance,
    phase: Phase,
    who: &'static str,
    what: What,
    limit: Limit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Requests,
    AtSource,
    AtDestination,
    /// Bytes that the source sent, as a ratio to the size of all blobs, each read once.
    SourceBytes,
    Wall,
    Cpu,
    Peak,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Limit {
    /// The figure itself.
    Plain(f64),
    /// Its ratio to the best other contender; to skopeo where that is the only one.
    Ratio { best: f64, skopeo: f64 },
    /// The same, to the best of those that hash what they pass on.
    HashingRatio { best: f64, skopeo: f64 },
}

/// The result of the comparison with one target.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Verdict {
    measured: f64,
    limit: f64,
}

impl Verdict {
    fn ok(self) -> bool {
        self.measured <= self.limit
    }
}

/// They trust the destination's own check, so their time has no hashing in it.
const NOT_HASHING: [&str; 3] = ["ocync", "oras", "image-syncer"];

fn targets() -> Vec<Target> {
    let all = |distance, task, phase, what, limit| Target { task, distance, phase, who: OURS, what, limit };
    let near = |task, phase, what, limit| all(Near, task, phase, what, limit);
    let ratio = |best, skopeo| Limit::Ratio { best, skopeo };
    let mut targets = vec![
        near(Task::Many, Cold, What::Requests, Limit::Plain(8300.0)),
        near(Task::Many, Cold, What::Wall, ratio(0.6, 0.14)),
        near(Task::Small, Cold, What::Requests, Limit::Plain(720.0)),
        near(Task::Small, Cold, What::Wall, ratio(0.8, 0.26)),
        near(Task::Many, Again, What::AtSource, Limit::Plain(1020.0)),
        near(Task::Many, Again, What::AtDestination, Limit::Plain(1000.0)),
        near(Task::Many, Again, What::Wall, ratio(0.8, 0.09)),
        near(Task::Small, Again, What::AtSource, Limit::Plain(25.0)),
        // 20 names, and the 49 children of their indexes, which a registry may have lost.
        near(Task::Small, Again, What::AtDestination, Limit::Plain(69.0)),
        near(Task::Small, Again, What::Wall, ratio(0.8, 0.8)),
        near(Task::Literal, Again, What::AtSource, Limit::Plain(20.0)),
        near(Task::Literal, Again, What::AtDestination, Limit::Plain(69.0)),
        all(Far, Task::Small, Cold, What::Wall, ratio(0.5, 0.5)),
        all(Far, Task::Small, Again, What::Wall, ratio(0.5, 0.5)),
        near(Task::Big, Cold, What::Wall, ratio(1.15, 0.52)),
        near(Task::Big, Cold, What::Cpu, Limit::HashingRatio { best: 0.8, skopeo: 0.32 }),
        Target { who: TRUSTING, ..near(Task::Big, Cold, What::Wall, ratio(1.0, 0.52)) },
        Target { who: TRUSTING, ..near(Task::Big, Cold, What::Cpu, ratio(1.0, 0.32)) },
        near(Task::FanOut, Cold, What::SourceBytes, Limit::Plain(1.0)),
    ];
    for distance in [Near, Far] {
        for task in <Task as clap::ValueEnum>::value_variants() {
            targets.push(all(distance, *task, Cold, What::Peak, Limit::Plain(32.0)));
        }
    }
    targets
}

/// Prints each goal that was measured; true if a count misses its own.
pub(crate) fn report(all: &[Results]) -> bool {
    say("\n### Targets\n\n| scenario | run | who | what | measured | at most | |\n|---|---|---|---|--:|--:|---|");
    let mut missed = false;
    for target in targets() {
        let Some((results, verdict)) = target.judge(all) else { continue };
        let word = if verdict.ok() { "ok" } else { "missed" };
        missed |= target.what.counts() && !verdict.ok();
        say(&format!(
            "| {} | {} | {} | {} | {:.2} | {} | {word} |",
            results.scenario,
            target.phase,
            target.who,
            target.text(),
            verdict.measured,
            verdict.limit,
        ));
    }
    missed
}

impl Target {
    fn judge<'a>(&self, all: &'a [Results]) -> Option<(&'a Results, Verdict)> {
        let fits =
            |results: &&Results| (results.scenario.task, results.scenario.distance) == (self.task, self.distance);
        let results = all.iter().find(fits)?;
        let ours = results.contenders.iter().find(|rounds| rounds.name == self.who)?;
        let others: Vec<&Rounds> = results
            .contenders
            .iter()
            .filter(|rounds| !rounds.ours && !rounds.of(self.phase).is_empty())
            .filter(|rounds| {
                !matches!(self.limit, Limit::HashingRatio { .. }) || !NOT_HASHING.contains(&rounds.name.as_str())
            })
            .collect();
        let verdict = match self.limit {
            Limit::Plain(limit) => Verdict { measured: ours.median(self.phase, |run| self.what.of(run))?, limit },
            Limit::Ratio { best, skopeo } | Limit::HashingRatio { best, skopeo } => {
                let alone = others.iter().all(|rounds| rounds.name == "skopeo");
                let measured = ours.ratio_to_best(others, self.phase, |run| self.what.of(run))?;
                Verdict { measured, limit: if alone { skopeo } else { best } }
            }
        };
        Some((results, verdict))
    }

    fn text(&self) -> String {
        let to = match self.limit {
            Limit::Plain(_) => "",
            Limit::Ratio { .. } => ", to the best other",
            Limit::HashingRatio { .. } => ", to the best other that hashes",
        };
        format!("{}{to}", self.what.text())
    }
}

impl What {
    /// Returns true for counts, which are the same in each run and on each machine.
    fn counts(self) -> bool {
        matches!(self, Self::Requests | Self::AtSource | Self::AtDestination | Self::SourceBytes)
    }

    fn text(self) -> &'static str {
        match self {
            Self::Requests => "requests in all",
            Self::AtSource => "requests at the source",
            Self::AtDestination => "requests at the destination",
            Self::SourceBytes => "bytes from the source, to one reading of each blob",
            Self::Wall => "wall",
            Self::Cpu => "CPU",
            Self::Peak => "peak MiB",
        }
    }

    fn of(self, run: &Run) -> f64 {
        match self {
            Self::Requests => (run.source + run.target) as f64,
            Self::AtSource => run.source as f64,
            Self::AtDestination => run.target as f64,
            Self::SourceBytes => run.source_bytes as f64 / (run.source_bytes_once as f64).max(1.0),
            Self::Wall => run.used.wall_s,
            Self::Cpu => run.used.cpu_s,
            Self::Peak => run.used.peak_kib as f64 / 1024.0,
        }
    }
}
