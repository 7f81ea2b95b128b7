//! Runs simulated pipelines by their seeds.

#![expect(clippy::print_stdout, reason = "it is a program for a terminal")]

use std::{ops::Range, process::ExitCode, time::Instant};

use clap::Parser;
use sealift_sim::{GENERATOR, Planted, Reduced, ScenarioOutcome, SeedFailure, command, run_seed, shrink};

/// Runs simulated pipelines by their seeds, and looks at what must hold.
#[derive(Parser)]
#[command(name = "sealift-sim")]
struct Args {
    /// Runs one seed and tells its story
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Runs a range of seeds, such as 0..1000, up to the first that fails
    #[arg(long, value_parser = range, default_value = "0..1000")]
    seeds: Range<u64>,
    /// The version of the generator, which says what a seed means
    #[arg(long, default_value_t = GENERATOR)]
    generator: u32,
    /// The images of the seed that there are
    #[arg(long, value_delimiter = ',')]
    images: Option<Vec<usize>>,
    /// Kinds of weather that do not happen
    #[arg(long, value_delimiter = ',')]
    without: Vec<String>,
    /// Faults, by the number in the story, that do not happen
    #[arg(long, value_delimiter = ',')]
    without_faults: Vec<u64>,
    /// Each rule has its first destination only
    #[arg(long)]
    one_destination: bool,
    /// No process is interrupted
    #[arg(long)]
    uninterrupted: bool,
    /// Goes on after a failure, and tells all of them at the end
    #[arg(long)]
    keep_going: bool,
    /// A fault that is put in by hand; `all` tries each of them and expects that it is found
    #[arg(long)]
    planted: Option<String>,
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let (from, to) = text.split_once("..").ok_or("a range is written as 0..1000")?;
    let number = |text: &str| text.parse().map_err(|_| format!("`{text}` is no number"));
    Ok(number(from)?..number(to)?)
}

fn main() -> ExitCode {
    let args = Args::parse();
    let mut reduced = Reduced::generator(args.generator);
    reduced.images = args.images.clone().map(|images| images.into_iter().collect());
    reduced.without.extend(args.without.iter().cloned());
    reduced.without_faults = args.without_faults.iter().copied().collect();
    (reduced.one_destination, reduced.uninterrupted) = (args.one_destination, args.uninterrupted);
    let planted = match args.planted.as_deref() {
        None => None,
        Some("all") => return plant_all(&args.seeds),
        Some(name) => match Planted::ALL.iter().find(|(known, _)| *known == name) {
            Some((_, planted)) => Some(*planted),
            None => {
                let known: Vec<_> = Planted::ALL.iter().map(|(name, _)| *name).collect();
                println!("`{name}` is none of the faults: {}", known.join(", "));
                return ExitCode::from(2);
            }
        },
    };
    match args.seed {
        Some(seed) => one(seed, &reduced, planted),
        None => many(&args, &reduced, planted),
    }
}

/// Tells the story of a seed.
fn one(seed: u64, reduced: &Reduced, planted: Option<Planted>) -> ExitCode {
    match run_seed(seed, reduced, planted) {
        Ok(outcome) => {
            outcome.story.iter().for_each(|line| println!("{line}"));
            tell(seed, &outcome);
            if outcome.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) }
        }
        Err(failure) => no_outcome(seed, &failure),
    }
}

/// Runs a range of seeds.
fn many(args: &Args, reduced: &Reduced, planted: Option<Planted>) -> ExitCode {
    let began = Instant::now();
    let (mut effects, mut processes, mut failed) = (0, 0, 0_u64);
    for seed in args.seeds.clone() {
        let outcome = match run_seed(seed, reduced, planted) {
            Ok(outcome) => outcome,
            Err(failure) => return no_outcome(seed, &failure),
        };
        effects += outcome.effects;
        processes += outcome.processes;
        if outcome.broken.is_empty() {
            continue;
        }
        failed += 1;
        if args.keep_going {
            tell(seed, &outcome);
            continue;
        }
        let (smaller, outcome) = shrink(seed, reduced, outcome, planted);
        outcome.story.iter().for_each(|line| println!("{line}"));
        tell(seed, &outcome);
        println!("{}", command(seed, &smaller, args.planted.as_deref()));
        return ExitCode::from(1);
    }
    let (count, seconds) = (args.seeds.end - args.seeds.start, began.elapsed().as_secs_f64());
    println!("{count} seeds, {processes} runs, {effects} requests, {failed} failures in {seconds:.1} s");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

/// Tries each planted fault until a seed finds it.
fn plant_all(seeds: &Range<u64>) -> ExitCode {
    let mut missed = 0;
    for (name, planted) in Planted::ALL {
        let finds = |seed: &u64| {
            run_seed(*seed, &Reduced::default(), Some(planted)).ok().and_then(|outcome| outcome.broken.first().cloned())
        };
        match seeds.clone().find_map(|seed| finds(&seed).map(|broken| (seed, broken))) {
            Some((seed, broken)) => println!("{name}: seed {seed}, invariant {}: {}", broken.invariant, broken.what),
            None => {
                println!("{name}: NOT FOUND in {} seeds", seeds.end - seeds.start);
                missed += 1;
            }
        }
    }
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

fn tell(seed: u64, outcome: &ScenarioOutcome) {
    let ScenarioOutcome { trace, effects, processes, seconds, .. } = outcome;
    println!("seed {seed}: {processes} runs, {effects} requests, {seconds} s, trace {trace:016x}");
    for broken in &outcome.broken {
        println!("  invariant {} in process {}: {}", broken.invariant, broken.process, broken.what);
    }
}

fn no_outcome(seed: u64, failure: &SeedFailure) -> ExitCode {
    println!("seed {seed}: {failure:?}");
    ExitCode::from(1)
}
