//! The pipeline that image-syncer's files stand for, as text.

use std::{collections::HashSet, fmt::Write};

use sealift_core::{content::Repository, diagnostic::Diagnostic, text};
use sealift_image_syncer::{WrittenLogin, WrittenValue};
use toml::Value;

use super::Source;

/// The text, and what should be said about it.
pub(super) fn pipeline(rules: &Source, logins: Option<&Source>) -> (String, Vec<Diagnostic>) {
    let mut text = format!(
        "# Written by `sealift convert` from `{}`. Relative paths start from the directory of this file.\n\
         name = \"mirror\"\n\n\
         [run]\n\
         # image-syncer moves no signatures and SBOMs; without this line they travel along.\n\
         referrers = false\n",
        rules.name
    );
    let notices = logins.and_then(|source| write_logins(&mut text, source)).into_iter().collect();
    text += "\n[list]\nuse = \"registry\"\n";
    if rules.written.rules.is_empty() {
        text += "images = []\n";
    }
    for rule in &rules.written.rules {
        text.push('\n');
        comments(&mut text, &rule.comments);
        let to: Vec<_> = rule.to.iter().map(|to| quoted(to)).collect();
        let _ = write!(text, "[[list.images]]\nfrom = {}\nto = [{}]\n", quoted(&rule.from), to.join(", "));
    }
    if !rules.written.rest.is_empty() {
        text.push('\n');
        comments(&mut text, &rules.written.rest);
    }
    (text, notices)
}

/// The logins: each as a table, or all of them by the name of their file. Either all move or none, because a table
/// goes before the file, also where a longer key of the file should win.
fn write_logins(text: &mut String, source: &Source) -> Option<Diagnostic> {
    let logins = &source.written.logins;
    if let Some((line, why, hint)) = stays(logins) {
        let _ = write!(
            text,
            "\n[credentials]\n# The logins stay in this file, and nothing of it was copied: {why}.\nfile = {}\n",
            quoted(&source.name)
        );
        let notice = Diagnostic::warning(format!("the logins stay in `{}`: {why} (line {line})", source.name));
        return Some(notice.hint(hint));
    }
    for login in logins {
        text.push('\n');
        let harmless: Vec<_> = login.comments.iter().filter(|comment| !may_hold_a_secret(comment)).cloned().collect();
        comments(text, &harmless);
        let _ = writeln!(text, "[registries.{}]", quoted(&login.key));
        for (key, value) in [("username", &login.username), ("password", &login.password)] {
            let _ = match value {
                WrittenValue::Variable(name) => writeln!(text, "{key} = {{ env = {} }}", quoted(name)),
                WrittenValue::Text(secret) => writeln!(text, "{key} = {}", quoted(secret.expose())),
                WrittenValue::Nothing | WrittenValue::Mixed => Ok(()),
            };
        }
        if login.insecure {
            text.push_str("insecure = true\n");
        }
    }
    None
}

/// Returns the line of the first login that cannot be a table, and the reason.
fn stays(logins: &[WrittenLogin]) -> Option<(usize, &'static str, &'static str)> {
    let mut seen = HashSet::new();
    logins.iter().find_map(|login| {
        let (why, hint) = match (&login.username, &login.password) {
            (_, WrittenValue::Text(_)) => (
                "a password stands there in clear",
                "write passwords as `${NAME}` there, and they become `{ env = \"NAME\" }`",
            ),
            (WrittenValue::Mixed, _) | (_, WrittenValue::Mixed) => (
                "a variable is only a part of a value",
                "let a variable hold the whole value, and it becomes `{ env = \"NAME\" }`",
            ),
            (WrittenValue::Nothing, WrittenValue::Variable(_))
            | (WrittenValue::Text(_) | WrittenValue::Variable(_), WrittenValue::Nothing) => {
                ("a login has only one of user name and password", "add the other one, or take the login out")
            }
            _ if login.key.contains('/') => (
                "a login is for a part of a registry only",
                "the pipeline reads them from there; a table is for a whole registry",
            ),
            _ => match Repository::new(&login.key, "x") {
                Ok(probe) if seen.insert(probe.registry().to_owned()) => return None,
                _ => ("two logins are for one registry", "keep one of them, and it becomes a table"),
            },
        };
        Some((login.line, why, hint))
    })
}

/// Logins that were commented out still have their passwords.
fn may_hold_a_secret(comment: &str) -> bool {
    let comment = comment.to_ascii_lowercase();
    ["pass", "secret", "token", "pw", "key"].iter().any(|word| comment.contains(word))
}

fn comments(into: &mut String, comments: &[String]) {
    for comment in comments {
        let _ = writeln!(into, "{}", format!("# {}", text::quoted(comment)).trim_end());
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
