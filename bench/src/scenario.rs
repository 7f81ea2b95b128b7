//! The scenarios that are measured, each a task, a corpus and a distance; and their results.

use std::{collections::BTreeMap, fmt, time::Duration};

use clap::ValueEnum;
use serde::Serialize;

use crate::{corpus::Shape, figures::median, measure::Used};

/// A task for the contenders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Task {
    /// Whole repositories of the corpus `small`
    Small,
    /// The same, each tag by its name
    Literal,
    /// The same, `linux/amd64` only
    Filtered,
    /// The same, to three destinations
    FanOut,
    /// The same, into a directory
    Stage,
    /// That directory into a registry
    Load,
    /// Whole repositories of the corpus `many`
    Many,
    /// The corpus `big`
    Big,
}

impl Task {
    /// The images that it is about.
    pub(crate) fn shape(self) -> Shape {
        match self {
            Self::Many => Shape::Many,
            Self::Big => Shape::Big,
            _ => Shape::Small,
        }
    }

    /// Returns the number of destination registries; 0 if the destination is a directory.
    pub(crate) fn destinations(self) -> usize {
        match self {
            Self::FanOut => 3,
            Self::Stage => 0,
            _ => 1,
        }
    }
}

/// The distance of the registries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Distance {
    /// On the same machine, nothing between
    Near,
    /// Behind a proxy that delays, and caps each connection
    Far,
}

/// The protocol and authentication of the registries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Access {
    /// True for HTTPS, false for plain HTTP.
    pub(crate) tls: bool,
    /// True if they require bearer tokens of a token service.
    pub(crate) tokens: bool,
}

impl Access {
    /// Returns true if the registries speak plain HTTP without authentication.
    pub(crate) fn is_plain(self) -> bool {
        self == Self::default()
    }
}

/// One scenario.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Scenario {
    pub(crate) task: Task,
    pub(crate) distance: Distance,
    pub(crate) access: Access,
    pub(crate) rounds: usize,
    /// Each way takes this long.
    pub(crate) delay: Duration,
    /// Bandwidth of one connection; 0: unlimited.
    pub(crate) bytes_per_second: u64,
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.task.to_possible_value().as_ref().map_or("", |value| value.get_name()))?;
        if self.distance == Distance::Far {
            write!(f, ", {} ms each way", self.delay.as_millis())?;
            if self.bytes_per_second > 0 {
                write!(f, ", {} MiB/s a connection", self.bytes_per_second >> 20)?;
            }
        }
        if self.access.tls {
            f.write_str(", TLS")?;
        }
        if self.access.tokens {
            f.write_str(", tokens")?;
        }
        Ok(())
    }
}

/// The results of one scenario.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Results {
    pub(crate) scenario: Scenario,
    pub(crate) contenders: Vec<Rounds>,
}

/// The results of one contender, by round.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Rounds {
    pub(crate) name: String,
    /// True for a build of Sealift, which is compared with the others.
    pub(crate) ours: bool,
    /// Into an empty destination.
    pub(crate) cold: Vec<Run>,
    /// Once more, with nothing changed.
    pub(crate) again: Vec<Run>,
    /// The error after which it was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) failed: Option<String>,
}

/// One of the two runs of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Into an empty destination.
    Cold,
    /// With nothing changed.
    Again,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Cold { "cold" } else { "again" })
    }
}

impl Rounds {
    /// The runs of one kind.
    pub(crate) fn of(&self, phase: Phase) -> &[Run] {
        if phase == Phase::Cold { &self.cold } else { &self.again }
    }

    /// The median of a figure; none if it never ran.
    pub(crate) fn median(&self, phase: Phase, figure: impl Fn(&Run) -> f64) -> Option<f64> {
        median(self.of(phase).iter().map(figure))
    }

    /// Returns the ratio of this figure to that of the best of `others`. The ratio to each is the median of the rounds'
    /// ratios, because a machine that slows down for a while slows down all contenders in that round. None if there is
    /// nothing to compare with.
    pub(crate) fn ratio_to_best<'a>(
        &self,
        others: impl IntoIterator<Item = &'a Self>,
        phase: Phase,
        figure: impl Fn(&Run) -> f64,
    ) -> Option<f64> {
        let to = |other: &Self| {
            let pairs = self.of(phase).iter().zip(other.of(phase));
            median(
                pairs
                    .map(|(ours, theirs)| (figure(ours), figure(theirs)))
                    .filter(|(_, theirs)| *theirs > 0.0)
                    .map(|(ours, theirs)| ours / theirs),
            )
        };
        others.into_iter().filter_map(to).max_by(f64::total_cmp)
    }
}

/// One run.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Run {
    #[serde(flatten)]
    pub(crate) used: Used,
    /// Seconds of processor time that the registries used meanwhile.
    pub(crate) registries_cpu_s: f64,
    /// Requests that the source answered.
    pub(crate) source: usize,
    /// Requests that the destinations answered.
    pub(crate) target: usize,
    /// Bytes of blobs that the source sent.
    pub(crate) source_bytes: u64,
    /// Bytes of different blobs that the source sent: the least that was needed.
    pub(crate) source_bytes_once: u64,
    /// All requests by side, method and kind.
    pub(crate) kinds: BTreeMap<String, usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(walls: &[f64]) -> Rounds {
        let run = |wall_s: &f64| Run { used: Used { wall_s: *wall_s, ..Used::default() }, ..Run::default() };
        Rounds { cold: walls.iter().map(run).collect(), ..Rounds::default() }
    }

    #[test]
    fn a_ratio_is_made_within_each_round_and_the_best_other_is_what_counts() {
        // The machine was four times slower in the second round, and the second contender alone in the third.
        let (ours, best, other) = (rounds(&[1.0, 4.0, 1.0]), rounds(&[2.0, 8.0, 2.0]), rounds(&[3.0, 12.0, 90.0]));
        let wall = |run: &Run| run.used.wall_s;
        assert_eq!(ours.ratio_to_best([&other, &best], Phase::Cold, wall), Some(0.5));
        assert_eq!(ours.ratio_to_best([&other], Phase::Cold, wall), Some(1.0 / 3.0));
        assert_eq!(ours.ratio_to_best([], Phase::Cold, wall), None);
        assert_eq!(ours.ratio_to_best([&rounds(&[])], Phase::Cold, wall), None, "who did not run is nobody's measure");
    }
}
