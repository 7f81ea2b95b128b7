//! Reads the file of rules.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    sync::Arc,
};

use sealift_core::diagnostic::Diagnostic;

use crate::{
    document::{Document, DocumentNode, Value},
    findings::FileFindings,
    rule::{Rule, RuleError, RuleErrorKind, RulePart, RuleWarning},
    text::SourceText,
    variables::Variables,
};

/// Reads a file of rules: `source: destination` or `source: [destination, …]`. The suffix of `file`, its name as the
/// user wrote it, says whether it is YAML or JSON. Gives the rules in the order of the file, also those whose source
/// stands there twice, and warnings. In image-syncer's dialect errors stand among the warnings: each is of a rule, or a
/// part of one, that is left out.
///
/// # Errors
/// Everything that is wrong with it, in the order of the text.
pub fn rules_file(
    text: &str,
    file: &str,
    variables: &Variables,
) -> Result<(Vec<Rule>, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut document = SourceText::new(text, file).and_then(|text| Document::parse(text, variables.dialect()))?;
    if holds_maps(&document) {
        // Rules hold no maps but logins do: an auth file in the wrong place must not show its passwords.
        document.text.show_only(rule_spans(&document, &document.root));
    }
    let mut findings = FileFindings::default();
    findings.extend(document.ignored());
    // image-syncer takes the end of an empty file for a failure, and `{}` for no rules.
    if variables.forgives() && document.text.is_empty() {
        let error = Diagnostic::error("the file is empty: there is nothing to copy");
        findings.refuse(error.at(document.place(&document.root)).hint("write `{}` if there are no rules on purpose"));
        return findings.or_parts(Vec::new(), true);
    }
    let rules = read_rules(&document, &document.root, variables, &mut findings);
    findings.or_parts(rules, variables.forgives())
}

/// The hint for destinations that YAML reads as one text.
const JOINED: &str = "a line that is indented deeper goes on with the one before: indent all destinations alike";

fn holds_maps(document: &Document<'_>) -> bool {
    let Value::Map(entries) = &document.root.value else {
        return ["username", "password"].iter().any(|field| document.text.content.contains(field));
    };
    entries.iter().any(|(_, value)| matches!(value.value, Value::Map(_)))
}

/// Returns the spans of the texts of rules: sources and destinations.
pub(crate) fn rule_spans(document: &Document<'_>, root: &DocumentNode) -> Vec<Range<usize>> {
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
    root: &DocumentNode,
    variables: &Variables,
    findings: &mut FileFindings,
) -> Vec<Rule> {
    let entries = match &root.value {
        Value::Map(entries) => entries,
        Value::Null => &Vec::new(),
        other => {
            let message = format!("expected a map from source to destination, found {}", other.what());
            let error = Diagnostic::error(message).at(document.place(root));
            findings.refuse(error.hint("write each rule as `SOURCE: DESTINATION`, with a space behind the colon"));
            return Vec::new();
        }
    };
    if entries.is_empty() {
        findings.push(Diagnostic::warning("there are no rules: nothing will be copied").at(document.place(root)));
    }
    if let Some(error) = not_rules(document, entries) {
        findings.refuse(error);
        return Vec::new();
    }
    let again = stand_again(document, entries);
    let mut rules = Vec::with_capacity(entries.len());
    for (at, (source, destination)) in entries.iter().enumerate() {
        let mut own = FileFindings::default();
        rules.extend(read_rule(document, source, destination, variables, &mut own));
        // image-syncer knows the last of several entries only, so what is wrong with the others never failed there.
        if variables.forgives() && again.contains(&at) {
            own.soften();
        }
        findings.append(own);
    }
    rules
}

/// The entries whose source stands in a later one again.
fn stand_again(document: &Document<'_>, entries: &[(DocumentNode, DocumentNode)]) -> HashSet<usize> {
    let mut last = HashMap::new();
    let named = entries.iter().enumerate().filter_map(|(at, (source, _))| Some((at, document.written(source)?)));
    named.filter_map(|(at, source)| last.insert(source, at)).collect()
}

/// Returns the first key of a file that other tools read, with its kind and the flag for it.
fn other_kind<'d>(
    document: &Document<'_>,
    entries: &'d [(DocumentNode, DocumentNode)],
) -> Option<(&'d DocumentNode, &'static str, &'static str)> {
    let find = |names: &[&str], is_map: bool| {
        let named = |key| document.written(key).is_some_and(|name| names.contains(&name));
        entries.iter().find(|(key, value)| named(key) && matches!(value.value, Value::Map(_)) == is_map)
    };
    let (first, _) = entries.first()?;
    if find(&["apiVersion"], false).is_some() || find(&["kind"], false).and(find(&["metadata", "spec"], true)).is_some()
    {
        return Some((first, "manifests of Kubernetes", "--kubernetes"));
    }
    find(&["services"], true).map(|(key, _)| (key, "services of Compose", "--compose"))
}

/// Another of image-syncer's files in the place of this one: one complaint instead of one for each entry.
fn not_rules(document: &Document<'_>, entries: &[(DocumentNode, DocumentNode)]) -> Option<Diagnostic> {
    if let Some((place, what, flag)) = other_kind(document, entries) {
        let error = Diagnostic::error(format!("these are {what}, and rules are expected")).at(document.place(place));
        return Some(error.hint(format!("`sealift stage {flag} FILE` reads them")));
    }
    for (key, value) in entries {
        let Value::Map(fields) = &value.value else { continue };
        let error = |message: &str, hint: &str| Some(Diagnostic::error(message).at(document.place(key)).hint(hint));
        if matches!(document.written(key), Some("auth" | "images")) {
            let hint = "one file with `auth` and `images` is given with `--config`";
            return error("this is not a file of rules: it has the keys `auth` or `images`", hint);
        }
        let is_login =
            |(name, _): &(DocumentNode, DocumentNode)| matches!(document.written(name), Some("username" | "password"));
        if fields.iter().any(is_login) {
            return error("this is not a file of rules: it holds logins", "a file of logins is given with `--auth`");
        }
    }
    None
}

fn read_rule(
    document: &Document<'_>,
    source: &DocumentNode,
    destination: &DocumentNode,
    variables: &Variables,
    findings: &mut FileFindings,
) -> Option<Rule> {
    let Some(from) = document.written(source) else {
        let message = format!("expected a source as key, found {}", source.value.what());
        findings.push(Diagnostic::error(message).at(document.place(source)));
        return None;
    };
    let note = format!("in the rule `{from}`");
    let finding = |diagnostic: Diagnostic, hint: Option<String>, node: &DocumentNode| Diagnostic {
        hint,
        ..diagnostic.at(document.place(node)).note(&note)
    };
    let CheckedEntry { rule, errors, warnings } = check_rule(document, source, destination, variables);
    let rule = rule.filter(|_| errors.is_empty() || variables.forgives());
    // What is odd about a rule that is left out anyway is not worth a line.
    for (warning, node) in warnings.into_iter().filter(|_| rule.is_some()) {
        findings.push(finding(Diagnostic::warning(warning.message), warning.hint, node));
    }
    for (error, node) in errors {
        findings.push(finding(Diagnostic::error(error.message), error.hint, node));
    }
    rule
}

/// Findings, each with the node that it is about.
type At<'n, T> = Vec<(T, &'n DocumentNode)>;

/// A rule as far as it can be used, and what was found.
struct CheckedEntry<'n> {
    rule: Option<Rule>,
    errors: At<'n, RuleError>,
    warnings: At<'n, RuleWarning>,
}

fn check_rule<'n>(
    document: &Document<'_>,
    source: &'n DocumentNode,
    destination: &'n DocumentNode,
    variables: &Variables,
) -> CheckedEntry<'n> {
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
                errors.push((RuleError::new(RuleErrorKind::DestinationType, RulePart::Destinations, message), item));
                continue;
            }
        }
        nodes.push(item);
    }
    let node = |part: RulePart| match part {
        RulePart::Source => source,
        RulePart::Destinations => destination,
        RulePart::Destination(at) => nodes[at],
    };
    let from = document.written(source).unwrap_or_default();
    let place = document.place(source);
    let label: Arc<str> = format!("{}:{}", place.file, place.line).into();
    let mut reading = Rule::read(from, &texts, label, variables);
    if texts.is_empty() && !errors.is_empty() {
        // What stands there instead of destinations was told.
        reading.errors.retain(|error| error.part == RulePart::Source);
    }
    errors.extend(reading.errors.into_iter().map(|error| {
        let node = node(error.part);
        let is_joined = matches!(&node.value, Value::Text(text) if text.contains(' '));
        let hint = error.hint.or_else(|| (is_joined && error.part != RulePart::Source).then(|| JOINED.to_owned()));
        (RuleError { hint, ..error }, node)
    }));
    let warnings = reading.warnings.into_iter().map(|warning| (node(warning.part), warning));
    CheckedEntry {
        rule: reading.rule.map(|rule| Rule { place: Some(place), ..rule }),
        errors,
        warnings: warnings.map(|(node, warning)| (warning, node)).collect(),
    }
}

#[cfg(test)]
mod tests;
