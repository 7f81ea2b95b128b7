//! Pipelines that are right, and every way to get one wrong.

mod chaos;
mod errors;
mod logins;
mod plugins;
mod positions;
mod secrets;
mod valid;

use std::{fmt::Write as _, sync::Arc};

use super::{LoadOptions, Loaded, load};
use crate::{
    diagnostic::{Diagnostic, Severity},
    plugin::Purpose,
};

/// Settings with one variable, `SET`.
fn settings(purpose: Purpose) -> LoadOptions {
    LoadOptions {
        base: "/base".into(),
        environment: Arc::new(|name| match name {
            "SET" => Some("value".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }),
        purpose,
        cache: crate::cache::Cache::default(),
        extensions: Default::default(),
    }
}

fn run(text: &str) -> Result<Loaded, Vec<Diagnostic>> {
    load(text, "mirror.toml", &settings(Purpose::Run))
}

/// A pipeline that is right.
fn right(text: &str) -> Loaded {
    run(text).unwrap_or_else(|found| panic!("{}", rendered(&found)))
}

/// A pipeline that is right enough to be checked.
fn checked(text: &str) -> Loaded {
    let loaded = load(text, "mirror.toml", &settings(Purpose::Check));
    loaded.unwrap_or_else(|found| panic!("{}", rendered(&found)))
}

/// What is wrong with a text, as a terminal would show it.
fn told(text: &str) -> String {
    match run(text) {
        Ok(_) => "nothing is wrong".to_owned(),
        Err(diagnostics) => rendered(&diagnostics),
    }
}

fn rendered(diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        let severity = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(out, "{severity}: {}", diagnostic.message).unwrap();
        if let Some(place) = &diagnostic.location {
            writeln!(out, "  --> {}:{}:{}", place.file, place.line, place.column).unwrap();
            writeln!(out, "   | {}", place.text).unwrap();
            writeln!(out, "   | {}{}", " ".repeat(place.column - 1), "^".repeat(place.length)).unwrap();
        }
        for note in &diagnostic.notes {
            writeln!(out, "   = {note}").unwrap();
        }
        if let Some(hint) = &diagnostic.hint {
            writeln!(out, "hint: {hint}").unwrap();
        }
        out.push('\n');
    }
    out.trim_end().to_owned()
}
