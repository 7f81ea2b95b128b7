//! Side by side: fills a real registry, lets each contender copy it, and counts.
//!
//! Requests come from the registries' own access logs, processor time from the operating system. Each
//! contender starts with an empty destination, in turn, several rounds; medians and ratios are printed, because the
//! seconds of one machine say little.

mod contender;
mod corpus;
mod measure;
mod scenario;
mod table;

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;

use crate::{corpus::Shape, scenario::Scenario};

/// Compares programs that copy images.
#[derive(Parser)]
struct Options {
    /// What is copied; may be given several times. Default: small, many and big.
    #[arg(long, value_enum)]
    corpus: Vec<Shape>,
    /// Rounds; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Milliseconds that each way between client and registries takes.
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    /// Bytes per second that one connection carries; 0: as fast as it goes.
    #[arg(long, default_value_t = 0)]
    bytes_per_second: u64,
    /// Destinations that get the same images.
    #[arg(long, default_value_t = 1)]
    destinations: usize,
    /// Who takes part; may be given several times. Default: everybody who is found.
    #[arg(long)]
    only: Vec<String>,
    /// Writes all figures to this file as JSON.
    #[arg(long)]
    json: Option<std::path::PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match bench(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            table::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn bench(options: Options) -> Result<()> {
    let contenders = contender::find(&options.only);
    ensure!(!contenders.is_empty(), "no contender is found: build one with `cargo build --release`");
    let shapes = match &options.corpus[..] {
        [] => vec![Shape::Small, Shape::Many, Shape::Big],
        some => some.to_vec(),
    };
    let mut all = Vec::new();
    for shape in shapes {
        let scenario = Scenario {
            shape,
            rounds: options.rounds.max(1),
            delay: std::time::Duration::from_millis(options.delay_ms),
            bytes_per_second: options.bytes_per_second,
            destinations: options.destinations.max(1),
        };
        let results = scenario.run(&contenders).await?;
        table::print(&scenario, &results);
        all.push(serde_json::json!({ "scenario": scenario, "results": results }));
    }
    if let Some(file) = options.json {
        std::fs::write(&file, serde_json::to_string_pretty(&all)?).with_context(|| file.display().to_string())?;
    }
    Ok(())
}
