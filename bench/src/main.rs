//! Side by side: fills a real registry, lets each contender copy it, and counts.
//!
//! Requests come from the registries' own access logs; time and memory from the operating system. Each contender
//! starts with an empty destination, in turn, several rounds; medians and ratios are printed, because the seconds of
//! one machine say little. `docs/performance.md` tells how to read them.

mod console;
mod contender;
mod corpus;
mod fairness;
mod figures;
mod measure;
mod options;
mod room;
mod round;
mod scenario;
mod source;
mod table;
mod target;

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;

use crate::{options::Options, scenario::Results, source::Sources};

fn main() -> ExitCode {
    // What starts a contender is this program once more, small and before it holds anything: see `measure`.
    if let Some(code) = measure::stub() {
        return code;
    }
    match bench(&Options::parse()) {
        Ok(code) => code,
        Err(error) => {
            console::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn bench(options: &Options) -> Result<ExitCode> {
    let contenders = contender::find(&options.only, &options.beside);
    ensure!(!contenders.is_empty(), "no contender is found: build one with `cargo build --release`");
    if let Some(row) = &options.fairness {
        let ours = contenders.iter().find(|one| one.is_ours()).context("`sealift` is not found")?;
        let missed = fairness::run(ours.program(), options.rounds, row).await? && options.check;
        return Ok(if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS });
    }
    let mut sources = Sources::default();
    let mut all = Vec::new();
    for scenario in options.scenarios() {
        let results = Results { contenders: round::run(&scenario, &contenders, &mut sources).await?, scenario };
        table::print(&results);
        all.push(results);
        if let Some(file) = &options.json {
            // After each scenario: what was measured is kept if a later one fails.
            let name = || format!("cannot write `{}`", file.display());
            std::fs::write(file, serde_json::to_string_pretty(&all)?).with_context(name)?;
        }
    }
    let missed = options.check && target::report(&all);
    Ok(if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
