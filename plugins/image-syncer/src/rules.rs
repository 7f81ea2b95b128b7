//! Reading the file of rules.

use std::{ops::Range, sync::Arc};

use sealift_core::diagnostic::Diagnostic;

use crate::{
    document::{Document, Node, Value},
    findings::Findings,
    rule::{Part, Rule, RuleError, RuleErrorKind, RuleWarning},
    text::Text,
    variables::Variables,
};

/// Reads a file of rules: `source: destination` or `source: [destination, …]`. The suffix of `file`, its name as the
/// user wrote it, says whether it is YAML or JSON. Gives the rules in the order of the file, also those whose source
/// stands there twice, and warnings.
///
/// # Errors
/// Everything that is wrong with it, in the order of the text.
pub fn rules_file(
    text: &str,
    file: &str,
    variables: &Variables,
) -> Result<(Vec<Rule>, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut document = Text::new(text, file).and_then(Document::parse)?;
    if holds_maps(&document.root) {
        // Rules hold no maps but logins do: an auth file in the wrong place must not show its passwords.
        document.text.show_only(rule_spans(&document, &document.root));
    }
    let mut findings = Findings::default();
    let rules = read_rules(&document, &document.root, variables, &mut findings);
    findings.or_ok(rules)
}

fn holds_maps(root: &Node) -> bool {
    let Value::Map(entries) = &root.value else { return true };
    entries.iter().any(|(_, value)| matches!(value.value, Value::Map(_)))
}

/// Where the texts of rules are: sources and destinations.
pub(crate) fn rule_spans(document: &Document<'_>, root: &Node) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let Value::Map(entries) = &root.value else { return spans };
    for (source, destination) in entries {
        spans.push(document.span(source));
        let single = std::slice::from_ref(destination);
        let items = if let Value::List(items) = &destination.value { items } else { single };
        spans.extend(items.iter().filter(|item| document.written(item).is_some()).map(|item| document.span(item)));
    }
    spans
}

/// Reads the map that `root` is.
pub(crate) fn read_rules(
    document: &Document<'_>,
    root: &Node,
    variables: &Variables,
    findings: &mut Findings,
) -> Vec<Rule> {
    let entries = match &root.value {
        Value::Map(entries) => entries,
        Value::Null => &Vec::new(),
        other => {
            let message = format!("expected a map from source to destination, found {}", other.what());
            findings.push(Diagnostic::error(message).at(document.place(root)));
            return Vec::new();
        }
    };
    if entries.is_empty() {
        findings.push(Diagnostic::warning("there are no rules: nothing will be copied").at(document.place(root)));
    }
    if let Some(error) = not_rules(document, entries) {
        findings.push(error);
        return Vec::new();
    }
    let read = |(source, destination): &(Node, Node)| read_rule(document, source, destination, variables, findings);
    entries.iter().filter_map(read).collect()
}

/// Another of image-syncer's files in the place of this one: one complaint instead of one for each entry.
fn not_rules(document: &Document<'_>, entries: &[(Node, Node)]) -> Option<Diagnostic> {
    for (key, value) in entries {
        let Value::Map(fields) = &value.value else { continue };
        let error = |message: &str, hint: &str| Some(Diagnostic::error(message).at(document.place(key)).hint(hint));
        if matches!(document.written(key), Some("auth" | "images")) {
            let hint = "one file with `auth` and `images` is given with `--config`";
            return error("this is not a file of rules: it has the keys `auth` or `images`", hint);
        }
        let is_login = |(name, _): &(Node, Node)| matches!(document.written(name), Some("username" | "password"));
        if fields.iter().any(is_login) {
            return error("this is not a file of rules: it holds logins", "a file of logins is given with `--auth`");
        }
    }
    None
}

fn read_rule(
    document: &Document<'_>,
    source: &Node,
    destination: &Node,
    variables: &Variables,
    findings: &mut Findings,
) -> Option<Rule> {
    let Some(from) = document.written(source) else {
        let message = format!("expected a source as key, found {}", source.value.what());
        findings.push(Diagnostic::error(message).at(document.place(source)));
        return None;
    };
    let note = format!("in the rule `{from}`");
    let finding = |diagnostic: Diagnostic, hint: Option<String>, node: &Node| Diagnostic {
        hint,
        ..diagnostic.at(document.place(node)).note(&note)
    };
    match check_rule(document, source, destination, variables) {
        Ok((rule, warnings)) => {
            for (warning, node) in warnings {
                findings.push(finding(Diagnostic::warning(warning.message), warning.hint, node));
            }
            Some(rule)
        }
        Err(errors) => {
            for (error, node) in errors {
                findings.push(finding(Diagnostic::error(error.message), error.hint, node));
            }
            None
        }
    }
}

/// What is found, each with the node that it is about.
type At<'n, T> = Vec<(T, &'n Node)>;

/// A rule, or everything that is wrong with it.
fn check_rule<'n>(
    document: &Document<'_>,
    source: &'n Node,
    destination: &'n Node,
    variables: &Variables,
) -> Result<(Rule, At<'n, RuleWarning>), At<'n, RuleError>> {
    let items = match &destination.value {
        Value::List(items) => items.as_slice(),
        Value::Null => &[],
        _ => std::slice::from_ref(destination),
    };
    let mut errors = Vec::new();
    let mut nodes = Vec::new();
    let mut texts = Vec::new();
    for item in items {
        match &item.value {
            Value::Null => texts.push(""),
            Value::Text(text) => texts.push(text),
            other => {
                let message = format!("expected a destination or a list of them, found {}", other.what());
                errors.push((RuleError::new(RuleErrorKind::DestinationType, Part::Destinations, message), item));
                continue;
            }
        }
        nodes.push(item);
    }
    let node = |part: Part| match part {
        Part::Source => source,
        Part::Destinations => destination,
        Part::Destination(at) => nodes[at],
    };
    let from = document.written(source).unwrap_or_default();
    let place = document.place(source);
    let label: Arc<str> = format!("{}:{}", place.file, place.line).into();
    let parsed = if errors.is_empty() || !texts.is_empty() {
        Rule::parse(from, &texts, label, variables)
    } else {
        Rule::untargeted(from, label).map(|rule| (rule, Vec::new()))
    };
    match parsed {
        Ok((rule, warnings)) if errors.is_empty() => {
            let warnings = warnings.into_iter().map(|warning| (node(warning.part), warning));
            Ok((Rule { place: Some(place), ..rule }, warnings.map(|(node, warning)| (warning, node)).collect()))
        }
        Ok(_) => Err(errors),
        Err(found) => {
            errors.extend(found.into_iter().map(|error| {
                let node = node(error.part);
                (error, node)
            }));
            Err(errors)
        }
    }
}

#[cfg(test)]
mod tests;
