//! The old single file: `auth` and `images` in one.

use std::collections::HashSet;

use sealift_core::diagnostic::{Diagnostic, did_you_mean};

use crate::{
    auth::{AuthFile, read_auth, shown_spans},
    document::{Document, Node, Value},
    findings::Findings,
    rule::Rule,
    rules::{read_rules, rule_spans},
    text::Text,
    variables::Variables,
};

/// What the old single file holds.
#[derive(Clone, Debug, Default)]
pub struct ConfigFile {
    /// Its logins.
    pub auth: AuthFile,
    /// Its rules.
    pub rules: Vec<Rule>,
}

/// Whether a text is an old single file: one of its top keys is `auth` or `images`, which names no registry and no
/// image. A text that cannot be parsed is none.
pub fn is_config_file(text: &str, file: &str) -> bool {
    let Ok(document) = Text::new(text, file).and_then(Document::parse) else { return false };
    let Value::Map(entries) = &document.root.value else { return false };
    entries.iter().any(|(key, value)| {
        matches!(document.written(key), Some("auth" | "images")) && matches!(value.value, Value::Map(_))
    })
}

/// Reads the old single file with the top keys `auth` and `images`. Gives what it holds, and warnings.
///
/// # Errors
/// Everything that is wrong with it, in the order of the text.
pub fn config_file(
    text: &str,
    file: &str,
    variables: &Variables,
) -> Result<(ConfigFile, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut document = Text::new(text, file).and_then(Document::parse)?;
    document.text.show_only(spans(&document));
    let mut findings = Findings::default();
    let config = read_config(&document, variables, &mut findings);
    findings.or_ok(config)
}

/// What may be shown: all of the rules, and of the logins what an auth file shows.
fn spans(document: &Document<'_>) -> Vec<std::ops::Range<usize>> {
    let mut spans = Vec::new();
    if let Value::Map(entries) = &document.root.value {
        for (key, value) in entries {
            spans.push(document.span(key));
            match document.written(key) {
                Some("auth") => spans.extend(shown_spans(document, value)),
                Some("images") => spans.extend(rule_spans(document, value)),
                _ => {}
            }
        }
    }
    spans
}

fn read_config(document: &Document<'_>, variables: &Variables, findings: &mut Findings) -> ConfigFile {
    let mut config = ConfigFile::default();
    let Value::Map(entries) = &document.root.value else {
        let message = format!("expected a map with `auth` and `images`, found {}", document.root.value.what());
        findings.push(Diagnostic::error(message).at(document.place(&document.root)));
        return config;
    };
    let mut seen = HashSet::new();
    for (key, value) in entries {
        let name = document.written(key).unwrap_or_default();
        if !seen.insert(name) {
            findings.push(Diagnostic::error(format!("`{name}` stands here twice")).at(document.place(key)));
            continue;
        }
        match name {
            "auth" => config.auth = read_auth(document, value, variables, findings),
            "images" => config.rules = read_rules(document, value, variables, findings),
            other => findings.push(unknown(document, key, other)),
        }
    }
    if !seen.contains("images") {
        findings.push(
            Diagnostic::error("`images` is missing: there is nothing to copy").at(document.place(&document.root)),
        );
    }
    config
}

fn unknown(document: &Document<'_>, key: &Node, name: &str) -> Diagnostic {
    let error = Diagnostic::error(format!("unknown key `{name}`, expected `auth` or `images`")).at(document.place(key));
    match did_you_mean(name, ["auth", "images"]) {
        Some(meant) => error.hint(format!("did you mean `{meant}`?")),
        None if name.contains(['.', '/', ':']) => {
            error.hint("a file of rules is given with `--images`, a file of logins with `--auth`")
        }
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sealift_core::plugin::Purpose;

    use super::*;

    fn read(text: &str, file: &str) -> Result<(ConfigFile, Vec<Diagnostic>), Vec<Diagnostic>> {
        config_file(text, file, &Variables::new(Arc::new(|_| Some("team".to_owned())), Purpose::Run))
    }

    #[test]
    fn the_old_file_is_told_from_the_two_new_ones() {
        assert!(is_config_file(r#"{"auth": {}, "images": {}}"#, "c.json"));
        assert!(is_config_file("images:\n  a:v1: h.io/a\n", "c.yaml"));
        for (text, file) in
            [("quay.io: {username: a}", "a.yaml"), ("auth: h.io/hub/auth", "i.yaml"), ("{", "a.json"), ("", "a.yaml")]
        {
            assert!(!is_config_file(text, file), "{text}");
        }
    }

    #[test]
    fn both_halves_are_read_and_both_replace_variables() {
        let text = r#"{"auth": {"h.io": {"password": "$PW"}}, "images": {"quay.io/a/b": "h.io/${NS}/b"}}"#;
        let (config, warnings) = read(text, "config.json").unwrap();
        assert_eq!(config.auth.logins().next().unwrap().password.as_ref().unwrap().expose(), "team");
        assert_eq!(config.rules[0].to(), ["h.io/team/b"]);
        assert_eq!(warnings, []);
    }

    #[test]
    fn the_mistakes_of_both_halves_are_said_at_once_and_no_password_is_shown() {
        let text = r#"{"auth": {"h.io": {"pw": "hunter2"}}, "image": {}, "images": {"a:v1,": "h.io/a"}, "auth": 1}"#;
        let errors = read(text, "config.json").unwrap_err();
        let said: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(said[0], "config.json:1:20: unknown key `pw`, expected `username`, `password` or `insecure`");
        assert_eq!(said[1], "config.json:1:39: unknown key `image`, expected `auth` or `images`");
        assert_eq!(errors[1].hint.as_deref(), Some("did you mean `images`?"));
        assert!(said[2].starts_with("config.json:1:63: the source `a:v1,` is no image name"), "{}", said[2]);
        assert_eq!(said[3], "config.json:1:83: `auth` stands here twice");
        assert_eq!(said.len(), 4);
        assert!(!format!("{errors:?}").contains("hunter2"));
        assert!(errors[2].place.as_ref().unwrap().text.contains("\"a:v1,\":"), "{errors:?}");
    }

    #[test]
    fn without_rules_there_is_nothing_to_do() {
        let errors = read("auth: {}\n", "config.yaml").unwrap_err();
        assert_eq!(errors[0].to_string(), "config.yaml:1:1: `images` is missing: there is nothing to copy");
        let errors = read("quay.io/a/b: h.io/a/b\n", "config.yaml").unwrap_err();
        assert!(errors[0].hint.as_ref().unwrap().contains("--images"));
        assert_eq!(read("", "config.yaml").unwrap_err().len(), 1);
    }
}
