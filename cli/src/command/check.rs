//! `sealift check`: says what is wrong with pipelines, without any traffic.

use std::path::PathBuf;

use sealift_core::{diagnostic::Diagnostic, notes::Notes, plugin::Purpose, spec::Pipeline};
use serde::Serialize;

use super::file;
use crate::{
    display::number,
    session::{Refused, Session},
};

/// Check pipelines without any traffic; exit code 2 if one is wrong
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The pipelines; `-` reads one from stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// What was found in one file, as programs read it.
#[derive(Serialize)]
struct Checked<'a> {
    event: &'static str,
    file: &'a str,
    errors: usize,
    warnings: usize,
}

pub(super) fn execute(args: &Args, session: &Session) -> u8 {
    let mut worst = 0;
    for path in &args.files {
        let (diagnostics, stages) = match file::pipeline(path, Purpose::Check, Notes::default()) {
            Ok(loaded) => (loaded.warnings, stages(&loaded.pipeline)),
            Err(Refused(diagnostics)) => (diagnostics, String::new()),
        };
        session.show(&diagnostics);
        let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
        let warnings = diagnostics.len() - errors;
        if errors > 0 {
            worst = 2;
        }
        let file = path.to_string_lossy();
        if session.global.json {
            session.out.json(&Checked { event: "checked", file: &file, errors, warnings });
        } else if errors > 0 {
            session.console.say(&format!("\n{file}: {}", found(&diagnostics, errors)));
        } else if !session.global.quiet {
            session.out.text(&format!("{file}: fine ({stages})\n"));
        }
    }
    worst
}

fn found(diagnostics: &[Diagnostic], errors: usize) -> String {
    match diagnostics.len() - errors {
        0 => number(errors as u64, "error"),
        warnings => format!("{}, {}", number(errors as u64, "error"), number(warnings as u64, "warning")),
    }
}

/// `registry → platform → registry`: the way of the data.
fn stages(pipeline: &Pipeline) -> String {
    let filters = pipeline.filters.iter().map(|filter| &*filter.kind);
    let pushes = pipeline.pushes.iter().map(|push| &*push.kind).collect::<Vec<_>>().join(" + ");
    let kinds: Vec<_> = std::iter::once(&*pipeline.list.kind).chain(filters).chain([pushes.as_str()]).collect();
    kinds.join(" → ")
}
