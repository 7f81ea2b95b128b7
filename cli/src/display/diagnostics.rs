//! Draws diagnostics, with a caret under the place in the file.

use std::{borrow::Cow, fmt::Write};

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Message, Renderer, Snippet};
use sealift_core::{
    diagnostic::{Diagnostic, Location, Severity},
    text::message,
};
use serde::Serialize;

use super::words::{self, Paint, paint};

/// Draws diagnostics one after the other, with an empty line between two.
pub(crate) fn draw(diagnostics: &[Diagnostic], colour: bool, width: usize) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() }.term_width(width);
    diagnostics.iter().map(|one| draw_one(one, &renderer, colour)).collect::<Vec<_>>().join("\n\n")
}

fn draw_one(diagnostic: &Diagnostic, renderer: &Renderer, colour: bool) -> String {
    match &diagnostic.location {
        Some(place) if !place.text.trim().is_empty() => draw_picture(diagnostic, place, renderer),
        _ => draw_words(diagnostic, colour),
    }
}

/// Draws a diagnostic without a line of text: the message, the file if there is one, notes, hint.
fn draw_words(diagnostic: &Diagnostic, colour: bool) -> String {
    let level = match diagnostic.severity {
        Severity::Error => paint("error", Paint::Bad, colour),
        Severity::Warning => paint("warning", Paint::Odd, colour),
    };
    let mut text = format!("{level}: {}", paint(words::clean(&diagnostic.message), Paint::Strong, colour));
    if let Some(place) = &diagnostic.location {
        let _ = write!(text, "\n --> {}:{}:{}", place.file, place.line, place.column);
    }
    for note in &diagnostic.notes {
        let _ = write!(text, "\n  = {}", words::clean(note));
    }
    if let Some(hint) = &diagnostic.hint {
        let _ = write!(text, "\n{}: {}", paint("hint", Paint::Good, colour), words::clean(hint));
    }
    text
}

fn draw_picture(diagnostic: &Diagnostic, place: &Location, renderer: &Renderer) -> String {
    let title = words::clean(&diagnostic.message);
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let picture = level.primary_title(title.as_ref()).element(snippet(place)).elements(notes(diagnostic));
    let mut groups = vec![picture];
    if let Some(hint) = &diagnostic.hint {
        groups.push(Group::with_title(Level::HELP.with_name("hint").secondary_title(words::clean(hint).into_owned())));
    }
    renderer.render(&groups).lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// The line that it is about.
fn snippet(place: &Location) -> Snippet<'_, Annotation<'_>> {
    let text = words::clean(&place.text); // letter for letter, so columns stay what they are
    let offset = |letters: usize| text.char_indices().nth(letters).map_or(text.len(), |(at, _)| at);
    let start = place.column.saturating_sub(1);
    let span = offset(start)..offset(start + place.length);
    Snippet::source(text.into_owned())
        .line_start(place.line)
        .path(&*place.file)
        .annotation(AnnotationKind::Primary.span(span))
}

fn notes(diagnostic: &Diagnostic) -> impl Iterator<Item = Message<'_>> {
    diagnostic.notes.iter().map(|note| Level::NOTE.no_name().message(words::clean(note).into_owned()))
}

/// A diagnostic as programs read it.
#[derive(Serialize)]
pub(crate) struct Json<'a> {
    event: &'static str,
    severity: &'static str,
    message: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    notes: Vec<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<Cow<'a, str>>,
}

/// The diagnostic as one object: `{"event":"diagnostic", …}`.
pub(crate) fn as_json(diagnostic: &Diagnostic) -> Json<'_> {
    let place = diagnostic.location.as_ref();
    Json {
        event: "diagnostic",
        severity: if diagnostic.is_error() { "error" } else { "warning" },
        message: message(&diagnostic.message),
        file: place.map(|place| message(&place.file)),
        line: place.map(|place| place.line),
        column: place.map(|place| place.column),
        notes: diagnostic.notes.iter().map(|note| message(note)).collect(),
        hint: diagnostic.hint.as_deref().map(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[[filter]]\nuse = \"platform\"\nkep = [\"linux/amd64\"]\n";

    fn unknown_key() -> Diagnostic {
        Diagnostic::error("unknown field `kep`, expected `keep`")
            .at(Location::of("mirror.toml", TEXT, 29..32))
            .note("in filter `platform`")
            .hint("run `sealift check` again")
    }

    #[test]
    fn the_place_has_a_caret_under_it() {
        insta::assert_snapshot!(draw(&[unknown_key()], false, 100));
    }

    #[test]
    fn what_has_no_place_and_what_is_only_a_warning_reads_well_too() {
        let missing = Diagnostic::error("cannot read `images.yaml`: no such file or directory").note("from `--images`");
        let unset =
            Diagnostic::warning("the environment variable `PW` is not set").at(Location::at("x.toml", "", 1, 1));
        insta::assert_snapshot!(draw(&[missing, unset], false, 100));
    }

    #[test]
    fn a_caret_stands_right_behind_letters_of_several_bytes() {
        let text = "name = \"größe\"; x = 1";
        let at = text.find('x').unwrap();
        let drawn = draw(&[Diagnostic::error("no").at(Location::of("x.toml", text, at..at + 1))], false, 100);
        insta::assert_snapshot!(drawn);
    }

    #[test]
    fn colour_is_only_used_where_it_is_wanted() {
        assert!(!draw(&[unknown_key()], false, 100).contains('\x1b'));
        assert!(draw(&[unknown_key()], true, 100).contains('\x1b'));
    }

    #[test]
    fn programs_get_the_same_facts() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&as_json(&unknown_key())).unwrap());
    }
}
