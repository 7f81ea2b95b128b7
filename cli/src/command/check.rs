//! `sealift check`: checks pipelines without any traffic.

use std::path::PathBuf;

use sealift_core::{cache::Cache, diagnostic::Diagnostic, plugin::Purpose, spec::Pipeline, text::message};
use serde::Serialize;

use super::{named_hosts, pipeline_file};
use crate::{context::Context, display::number, usage_error::UsageError};

/// Check pipelines without any traffic; exit code 2 if one is wrong
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The pipelines; `-` reads one from stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// The result for one file, as JSON.
#[derive(Serialize)]
struct CheckResult<'a> {
    event: &'static str,
    file: &'a str,
    errors: usize,
    warnings: usize,
}

pub(super) fn execute(args: &Args, context: &Context) -> u8 {
    let mut worst = 0;
    for path in &args.files {
        let (diagnostics, stages) = match pipeline_file::load(path, Purpose::Check, Cache::default()) {
            Ok(mut loaded) => {
                let unused = named_hosts::without_effect(path, &loaded);
                loaded.warnings.extend(unused);
                (loaded.warnings, stages(&loaded.pipeline))
            }
            Err(UsageError(diagnostics)) => (diagnostics, String::new()),
        };
        context.show(&diagnostics);
        let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
        let warnings = diagnostics.len() - errors;
        if errors > 0 {
            worst = 2;
        }
        let file = path.to_string_lossy();
        let file = message(&file);
        if context.global.json {
            context.out.json(&CheckResult { event: "checked", file: &file, errors, warnings });
        } else if errors > 0 {
            context.console.say(&format!("\n{file}: {}", found(&diagnostics, errors)));
        } else if !context.global.quiet {
            context.out.text(&format!("{file}: fine ({stages})\n"));
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
    let Ok(pipeline) = pipeline.open() else { return String::new() };
    let filters = pipeline.filters.iter().map(|filter| &*filter.kind);
    let pushes = pipeline.pushes.iter().map(|push| &*push.kind).collect::<Vec<_>>().join(" + ");
    let kinds: Vec<_> = std::iter::once(&*pipeline.list.kind).chain(filters).chain([pushes.as_str()]).collect();
    kinds.join(" → ")
}
