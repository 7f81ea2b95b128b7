//! Command-line options.

use std::{path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};

use crate::scenario::{Access, Distance, Scenario, Task};

/// Compares programs that copy images.
#[derive(Parser)]
pub(crate) struct Options {
    /// What is done; may be given several times. Default: everything
    #[arg(long = "scenario", value_enum)]
    tasks: Vec<Task>,
    /// How far the registries are; may be given several times. Default: both
    #[arg(long, value_enum)]
    distance: Vec<Distance>,
    /// Lets registries speak https with a certificate made for the run
    #[arg(long)]
    tls: bool,
    /// Lets registries want tokens, which a token service gives to everybody
    #[arg(long)]
    tokens: bool,
    /// Rounds; the median counts
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: usize,
    /// Milliseconds that each way takes to registries that are far
    #[arg(long, default_value_t = 10)]
    delay_ms: u64,
    /// Bytes per second that one connection carries to registries that are far; 0: as fast as it goes
    #[arg(long, default_value_t = 25 << 20)]
    bytes_per_second: u64,
    /// Who takes part; may be given several times. Default: everybody who is found
    #[arg(long)]
    pub(crate) only: Vec<String>,
    /// Adds another build of Sealift, to compare two states of the code; may be given several times
    #[arg(long, value_name = "NAME=PROGRAM", value_parser = named_program)]
    pub(crate) beside: Vec<(String, PathBuf)>,
    /// Measures how long small images take beside something slow, in the rows whose name contains this text
    #[arg(long, value_name = "ROW", num_args = 0..=1, default_missing_value = "")]
    pub(crate) fairness: Option<String>,
    /// Writes the figures of all rounds to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Compares the figures with the targets; exit code 1 if a count misses its own, or a row of --fairness
    #[arg(long)]
    pub(crate) check: bool,
}

impl Options {
    /// Returns the scenarios to measure; those with the same corpus are adjacent.
    pub(crate) fn scenarios(&self) -> Vec<Scenario> {
        let (tasks, distances) = (all_or(&self.tasks), all_or(&self.distance));
        let scenario = |task: Task, distance: Distance| Scenario {
            task,
            distance,
            access: Access { tls: self.tls, tokens: self.tokens },
            rounds: self.rounds.max(1),
            delay: Duration::from_millis(if distance == Distance::Far { self.delay_ms } else { 0 }),
            bytes_per_second: if distance == Distance::Far { self.bytes_per_second } else { 0 },
        };
        let mut all: Vec<Scenario> =
            tasks.iter().flat_map(|task| distances.iter().map(move |distance| scenario(*task, *distance))).collect();
        all.sort_by_key(|scenario| scenario.task.shape());
        all
    }
}

fn named_program(text: &str) -> Result<(String, PathBuf), String> {
    let (name, program) = text.split_once('=').ok_or("expected NAME=PROGRAM")?;
    Ok((name.to_owned(), PathBuf::from(program)))
}

fn all_or<T: ValueEnum + Clone>(some: &[T]) -> Vec<T> {
    if some.is_empty() { T::value_variants().to_vec() } else { some.to_vec() }
}
