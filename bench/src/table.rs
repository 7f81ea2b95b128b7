//! The figures as tables in Markdown, ready for the docs.

use std::collections::BTreeSet;

use crate::{
    console::say,
    scenario::{Phase, Results, Rounds, Run},
};

/// Prints the tables of one scenario: what it cost, and what was asked.
pub(crate) fn print(results: &Results) {
    let Results { scenario, contenders } = results;
    say(&format!("\n### {scenario}\n\nMedian of {} round(s).\n", scenario.rounds));
    say(
        "| | run | wall s | × best other | CPU s | × best other | registries' CPU s | peak MiB | requests source / destination | MB from source |",
    );
    say("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|");
    for phase in [Phase::Cold, Phase::Again] {
        for rounds in contenders.iter().filter(|rounds| !rounds.of(phase).is_empty()) {
            say(&costs(rounds, phase, contenders));
        }
    }
    say("");
    kinds(contenders);
    for rounds in contenders {
        if let Some(why) = &rounds.failed {
            say(&format!("\n{} is left out: {why}", rounds.name));
        }
    }
}

fn costs(rounds: &Rounds, phase: Phase, all: &[Rounds]) -> String {
    let of = |figure: fn(&Run) -> f64| rounds.median(phase, figure).unwrap_or_default();
    let ratio = |figure: fn(&Run) -> f64| {
        let ratio = rounds.ratio_to_best(all.iter().filter(|other| !other.ours), phase, figure);
        ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}"))
    };
    format!(
        "| {} | {phase} | {:.2} | {} | {:.2} | {} | {:.2} | {:.0} | {:.0} / {:.0} | {:.1} |",
        rounds.name,
        of(|run| run.used.wall_s),
        ratio(|run| run.used.wall_s),
        of(|run| run.used.cpu_s),
        ratio(|run| run.used.cpu_s),
        of(|run| run.registries_cpu_s),
        of(|run| run.used.peak_kib as f64 / 1024.0),
        of(|run| run.source as f64),
        of(|run| run.target as f64),
        of(|run| run.source_bytes as f64 / 1e6),
    )
}

/// Requests by side, method and kind: a row for each, a column for each contender.
fn kinds(contenders: &[Rounds]) {
    let columns: Vec<(&Rounds, Phase)> = [Phase::Cold, Phase::Again]
        .into_iter()
        .flat_map(|phase| contenders.iter().map(move |rounds| (rounds, phase)))
        .filter(|(rounds, phase)| !rounds.of(*phase).is_empty())
        .collect();
    let rows: BTreeSet<&String> =
        columns.iter().flat_map(|(rounds, phase)| rounds.of(*phase)).flat_map(|run| run.kinds.keys()).collect();
    let names: Vec<String> = columns.iter().map(|(rounds, phase)| format!("{}, {phase}", rounds.name)).collect();
    say(&format!("| requests | {} |", names.join(" | ")));
    say(&format!("|---|{}", "--:|".repeat(columns.len())));
    for row in rows {
        let cell = |(rounds, phase): &(&Rounds, Phase)| {
            let count = rounds.median(*phase, |run| run.kinds.get(row).copied().unwrap_or(0) as f64);
            format!("{:.0}", count.unwrap_or_default())
        };
        say(&format!("| {row} | {} |", columns.iter().map(cell).collect::<Vec<_>>().join(" | ")));
    }
}
