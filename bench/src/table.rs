//! The figures as a table in Markdown.

use crate::scenario::{Results, Run, Scenario};

/// Prints the table of one scenario: medians, and in brackets the ratio to ours.
pub(crate) fn print(scenario: &Scenario, all: &[Results]) {
    let Scenario { shape, rounds, delay, bytes_per_second, destinations } = scenario;
    say(&format!(
        "\n{shape:?}: {rounds} rounds, {} ms each way, {} B/s per connection, {destinations} destination(s)\n",
        delay.as_millis(),
        if *bytes_per_second == 0 { "any".to_owned() } else { bytes_per_second.to_string() },
    ));
    say("| | run | wall s | CPU s | requests source / target | MB from source |");
    say("|---|---|--:|--:|--:|--:|");
    let ours = all.iter().find(|results| results.name == "sealift");
    for results in all {
        row(&results.name, "cold", &results.cold, ours.map(|ours| &ours.cold[..]));
        row(&results.name, "again", &results.again, ours.map(|ours| &ours.again[..]));
    }
}

fn row(name: &str, which: &str, runs: &[Run], ours: Option<&[Run]>) {
    let figure = |pick: fn(&Run) -> f64| {
        let mine = median(runs, pick);
        match ours.map(|ours| median(ours, pick)).filter(|base| *base > 0.0) {
            Some(base) => format!("{mine:.2} ({:.2})", mine / base),
            None => format!("{mine:.2}"),
        }
    };
    let (wall, cpu) = (figure(|run| run.used.wall_s), figure(|run| run.used.cpu_s));
    let requests = |pick: fn(&Run) -> f64| median(runs, pick) as u64;
    let (source, target) = (requests(|run| run.source as f64), requests(|run| run.target as f64));
    let megabytes = median(runs, |run| run.source_bytes as f64) / 1e6;
    say(&format!("| {name} | {which} | {wall} | {cpu} | {source} / {target} | {megabytes:.1} |"));
}

fn median(runs: &[Run], pick: fn(&Run) -> f64) -> f64 {
    let mut figures: Vec<f64> = runs.iter().map(pick).collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

/// Prints a line.
#[expect(clippy::print_stdout, reason = "the table is what this program is for")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}
