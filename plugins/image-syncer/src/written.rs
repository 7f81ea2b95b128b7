//! The content of a file as it was written, for translating it.
//!
//! Order, duplicates and `$NAME` stay as they are. Comments go with the entry that they stand before, beside or in.

use std::ops::Range;

use sealift_core::{diagnostic::Diagnostic, secret::Secret};

use crate::{
    dialect::Dialect,
    document::{Document, DocumentNode, Value},
    text::{Format, SourceText},
    variables::{has_variables, only_variable},
};

/// The entries of a file.
#[derive(Debug, Default)]
pub struct WrittenFile {
    /// The rules, in the order of the file.
    pub rules: Vec<WrittenRule>,
    /// The logins, in the order of the file.
    pub logins: Vec<WrittenLogin>,
    /// Comments after the last entry.
    pub rest: Vec<String>,
}

/// A rule as it was written.
#[derive(Debug)]
pub struct WrittenRule {
    /// Its comments, without `#`.
    pub comments: Vec<String>,
    /// The source.
    pub from: String,
    /// The destinations.
    pub to: Vec<String>,
}

/// A login as it was written.
#[derive(Debug)]
pub struct WrittenLogin {
    /// Its comments, without `#`. They may hold passwords.
    pub comments: Vec<String>,
    /// `registry` or `registry/namespace`.
    pub key: String,
    /// The user name.
    pub username: WrittenValue,
    /// The password.
    pub password: WrittenValue,
    /// Does not verify certificates.
    pub insecure: bool,
    /// The line that it begins in, counted from 1.
    pub line: usize,
}

/// A value of a login.
#[derive(Debug, PartialEq, Eq)]
pub enum WrittenValue {
    /// It is not there.
    Nothing,
    /// Wholly an environment variable, by its name.
    Variable(String),
    /// A text.
    Text(Secret),
    /// A text with variables in it.
    Mixed,
}

/// Reads a file of rules, of logins, or the old single one with both. It should have been read before by
/// [`rules_file`](crate::rules_file) or its siblings, which tell what is wrong with it: what is no rule and no login is
/// passed over here.
///
/// # Errors
/// If it cannot be parsed.
pub fn written(text: &str, file: &str) -> Result<WrittenFile, Vec<Diagnostic>> {
    let document = SourceText::new(text, file).and_then(|text| Document::parse(text, Dialect::Strict))?;
    let mut entries = Vec::new();
    collect(&document, &document.root, &mut entries);
    entries.sort_by_key(|entry| entry.lines.start);
    let mut found = WrittenFile::default();
    let mut comments = comments(&document).into_iter().peekable();
    for WrittenEntry { lines, item } in entries {
        let mut own = Vec::new();
        while let Some((_, comment)) = comments.next_if(|(line, _)| *line < lines.end) {
            own.push(comment);
        }
        match item {
            WrittenItem::Rule(from, to) => found.rules.push(WrittenRule { comments: own, from, to }),
            WrittenItem::Login(login) => found.logins.push(WrittenLogin { comments: own, ..login }),
        }
    }
    found.rest.extend(comments.map(|(_, comment)| comment));
    Ok(found)
}

struct WrittenEntry {
    /// From its first line to the one after its last.
    lines: Range<usize>,
    item: WrittenItem,
}

enum WrittenItem {
    Rule(String, Vec<String>),
    Login(WrittenLogin),
}

fn collect(document: &Document<'_>, root: &DocumentNode, entries: &mut Vec<WrittenEntry>) {
    let Value::Map(map) = &root.value else { return };
    for (key, value) in map {
        let Some(name) = document.written(key) else { continue };
        let lines =
            document.text.line(document.span(key).start)..last_line(document, key).max(last_line(document, value)) + 1;
        let item = match &value.value {
            Value::Map(_) if matches!(name, "auth" | "images") => {
                collect(document, value, entries);
                continue;
            }
            Value::Map(fields) => WrittenItem::Login(login(document, name, fields, lines.start)),
            Value::List(items) => {
                WrittenItem::Rule(name.to_owned(), items.iter().filter_map(|item| text(document, item)).collect())
            }
            Value::Null => continue,
            _ => WrittenItem::Rule(name.to_owned(), text(document, value).into_iter().collect()),
        };
        entries.push(WrittenEntry { lines, item });
    }
}

fn text(document: &Document<'_>, node: &DocumentNode) -> Option<String> {
    document.written(node).map(str::to_owned)
}

fn login(document: &Document<'_>, key: &str, fields: &[(DocumentNode, DocumentNode)], line: usize) -> WrittenLogin {
    let field = |name: &str| fields.iter().find(|(key, _)| document.written(key) == Some(name)).map(|(_, value)| value);
    let is_on = |node: &DocumentNode| match &node.value {
        Value::Bool(value) => *value,
        Value::Text(text) => matches!(text.to_ascii_lowercase().as_str(), "y" | "yes" | "on"),
        _ => false,
    };
    WrittenLogin {
        comments: Vec::new(),
        key: key.to_owned(),
        username: value(document, field("username")),
        password: value(document, field("password")),
        insecure: field("insecure").is_some_and(is_on),
        line,
    }
}

fn value(document: &Document<'_>, node: Option<&DocumentNode>) -> WrittenValue {
    let written = node.filter(|node| node.value != Value::Null).and_then(|node| document.written(node));
    match written.filter(|text| !text.is_empty()) {
        None => WrittenValue::Nothing,
        Some(text) => match only_variable(text) {
            Some(name) => WrittenValue::Variable(name.to_owned()),
            None if has_variables(text) => WrittenValue::Mixed,
            None => WrittenValue::Text(Secret::new(text)),
        },
    }
}

fn last_line(document: &Document<'_>, node: &DocumentNode) -> usize {
    let mut last = 0;
    scalars(document, node, &mut |span| {
        last = last.max(document.text.line(span.end.saturating_sub(1).max(span.start)))
    });
    last
}

fn scalars(document: &Document<'_>, node: &DocumentNode, take: &mut dyn FnMut(Range<usize>)) {
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| scalars(document, item, take)),
        Value::Map(entries) => entries.iter().for_each(|(key, value)| {
            scalars(document, key, take);
            scalars(document, value, take);
        }),
        _ => take(document.span(node)),
    }
}

/// The comments with their lines: what follows a `#` at the start of a line or after a space, and not in a value.
fn comments(document: &Document<'_>) -> Vec<(usize, String)> {
    if document.text.format == Format::Json {
        return Vec::new();
    }
    let mut values = Vec::new();
    scalars(document, &document.root, &mut |span| values.push(span));
    values.sort_by_key(|span| span.start);
    let in_value = |at: usize| {
        let before = values.partition_point(|span| span.start <= at);
        before.checked_sub(1).is_some_and(|index| values[index].end > at)
    };
    let mut found = Vec::new();
    let mut start = 0;
    for line in document.text.content.split_inclusive('\n') {
        let begins = |at: usize| at == 0 || line[..at].ends_with([' ', '\t']);
        let hash = line.match_indices('#').map(|(at, _)| at).find(|at| begins(*at) && !in_value(start + at));
        if let Some(at) = hash {
            found.push((document.text.line(start + at), line[at + 1..].trim().to_owned()));
        }
        start += line.len();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_go_with_the_entry_that_they_stand_at() {
        let text = "# All of it.\n\n# The first.\nquay.io/a/b: h.io/a # beside\n# The second,\nnginx:1:\n  - 'h.io/x#y'\n  # inside\n  - h.io/${NS}/z\nquay.io/a/b: h.io/a\n# the end\n";
        let found = written(text, "images.yaml").unwrap();
        let rules: Vec<_> =
            found.rules.iter().map(|rule| (rule.comments.join("|"), rule.from.as_str(), rule.to.join(" "))).collect();
        let expected = [
            ("All of it.|The first.|beside", "quay.io/a/b", "h.io/a"),
            ("The second,|inside", "nginx:1", "h.io/x#y h.io/${NS}/z"),
            ("", "quay.io/a/b", "h.io/a"),
        ];
        assert_eq!(rules, expected.map(|(a, b, c)| (a.to_owned(), b, c.to_owned())));
        assert_eq!(found.rest, ["the end"]);
    }

    #[test]
    fn what_is_behind_a_hash_in_a_password_is_no_comment() {
        let text = "quay.io: {username: a, password: \"x # hunter2\"} # ours\nh.io:\n  password: 'it''s # hunter2'\n";
        let found = written(text, "auth.yaml").unwrap();
        let comments: Vec<_> = found.logins.iter().flat_map(|login| login.comments.clone()).collect();
        assert_eq!(comments, ["ours"]);
    }

    #[test]
    fn aliases_and_lines_of_other_systems_are_read_too() {
        let text = "# first\r\na: &x h.io/n # one\r\n# second\r\nb: *x # two\r\n";
        let found = written(text, "images.yaml").unwrap();
        let rules: Vec<_> = found.rules.iter().map(|rule| (rule.comments.join("|"), rule.to.join(" "))).collect();
        assert_eq!(
            rules,
            [("first|one", "h.io/n"), ("second|two", "h.io/n")].map(|(a, b)| (a.to_owned(), b.to_owned()))
        );
    }

    #[test]
    fn values_are_told_apart() {
        let text = r#"{"a.io": {"username": "robot$ci", "password": "$PW"}, "b.io/team": {"username": "x${Y}", "insecure": true}}"#;
        let found = written(text, "auth.json").unwrap();
        assert_eq!(found.logins[0].username, WrittenValue::Text(Secret::new("robot$ci")));
        assert_eq!(found.logins[0].password, WrittenValue::Variable("PW".into()));
        assert_eq!(
            (&found.logins[1].username, &found.logins[1].password),
            (&WrittenValue::Mixed, &WrittenValue::Nothing)
        );
        assert!(found.logins[1].insecure && !found.logins[0].insecure);
    }

    #[test]
    fn the_old_single_file_has_both() {
        let text = "auth:\n  # ours\n  quay.io: {username: a, password: b}\nimages:\n  # wanted\n  nginx:1: h.io/n\n";
        let found = written(text, "config.yaml").unwrap();
        assert_eq!(
            (&found.logins[0].comments, &found.rules[0].comments),
            (&vec!["ours".into()], &vec!["wanted".into()])
        );
    }
}
