//! The old single file: `auth` and `images` in one.

use std::collections::HashSet;

use sealift_core::diagnostic::{Diagnostic, did_you_mean};

use crate::{
    auth::{AuthFile, read_auth, shown_spans},
    dialect::Dialect,
    document::{Document, DocumentNode, Value},
    findings::FileFindings,
    rule::Rule,
    rules::{read_rules, rule_spans},
    text::SourceText,
    variables::Variables,
};

/// The content of the old single file.
#[derive(Clone, Debug, Default)]
pub struct ConfigFile {
    /// Its logins.
    pub auth: AuthFile,
    /// Its rules.
    pub rules: Vec<Rule>,
    /// False if it has no key `images`.
    pub has_images: bool,
}

/// Returns true for an old single file: one of its top keys is `auth` or `images`, which names no registry and no image. A
/// text that cannot be parsed is none.
pub fn is_config_file(text: &str, file: &str) -> bool {
    // Only the first document counts.
    let parse = |text| Document::parse(text, Dialect::ImageSyncer);
    let Ok(document) = SourceText::new(text, file).and_then(parse) else { return false };
    let Value::Map(entries) = &document.root.value else { return false };
    entries.iter().any(|(key, value)| {
        // In YAML `Images` is a mistake, and no image either.
        let named = document.written(key).unwrap_or_default();
        ["auth", "images"].iter().any(|name| named.eq_ignore_ascii_case(name))
            && matches!(value.value, Value::Map(_) | Value::Null)
    })
}

/// Reads the old single file with the top keys `auth` and `images`; keys that begin with `x-` are for anchors. Gives
/// what it holds, and warnings. In image-syncer's dialect its logins are taken without variables, and what is wrong is
/// told as [`auth_file`](crate::auth_file) and [`rules_file`](crate::rules_file) tell it.
///
/// # Errors
/// Everything that is wrong with it, in the order of the text.
pub fn config_file(
    text: &str,
    file: &str,
    variables: &Variables,
) -> Result<(ConfigFile, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut document = SourceText::new(text, file).and_then(|text| Document::parse(text, variables.dialect()))?;
    document.text.show_only(spans(&document));
    let mut findings = FileFindings::default();
    findings.extend(document.ignored());
    let config = read_config(&document, variables, &mut findings);
    findings.or_parts(config, variables.forgives())
}

/// Returns the spans that may be shown: all of the rules, and of the logins the spans that an auth file shows.
fn spans(document: &Document<'_>) -> Vec<std::ops::Range<usize>> {
    let mut spans = Vec::new();
    if let Value::Map(entries) = &document.root.value {
        for (key, value) in entries {
            spans.push(document.span(key));
            if document.is_field(key, "auth") {
                spans.extend(shown_spans(document, value));
            } else if document.is_field(key, "images") {
                spans.extend(rule_spans(document, value));
            }
        }
    }
    spans
}

fn read_config(document: &Document<'_>, variables: &Variables, findings: &mut FileFindings) -> ConfigFile {
    let mut config = ConfigFile::default();
    let Value::Map(entries) = &document.root.value else {
        let message = format!("expected a map with `auth` and `images`, found {}", document.root.value.what());
        findings.refuse(Diagnostic::error(message).at(document.place(&document.root)));
        return config;
    };
    // A key that is not known costs nothing but what was meant by it.
    let mut minor = FileFindings::default();
    let mut seen = HashSet::new();
    let mut unknown_keys = Vec::new();
    for (key, value) in entries {
        let known = ["auth", "images"].into_iter().find(|name| document.is_field(key, name));
        let name = known.or(document.written(key)).unwrap_or_default();
        if !seen.insert(name) {
            let both = if variables.forgives() { ", and both count" } else { "" };
            minor.push(Diagnostic::error(format!("`{name}` is there twice{both}")).at(document.place(key)));
            if both.is_empty() {
                continue;
            }
        }
        match name {
            "auth" => config.auth.extend(read_auth(document, value, &variables.literally(), findings)),
            "images" => config.rules.extend(read_rules(document, value, variables, findings)),
            // Nothing but a place for anchors, as in Compose files.
            extension if extension.starts_with("x-") => {}
            other => unknown_keys.push((key, other)),
        }
    }
    config.has_images = seen.contains("images");
    let misspelt = |(_, name): &(&DocumentNode, &str)| did_you_mean(name, ["auth", "images"]) == Some("images");
    let misspelt = unknown_keys.iter().position(misspelt).filter(|_| !config.has_images);
    let misspelt = misspelt.map(|at| unknown_keys.remove(at));
    for (key, name) in unknown_keys {
        minor.push(unknown(document, key, name));
    }
    if !config.has_images {
        let error = Diagnostic::error("`images` is missing: there is nothing to copy");
        minor.push(match misspelt {
            Some((key, name)) => error.at(document.place(key)).hint(format!("is `{name}` meant to be `images`?")),
            None => error.at(document.place(&document.root)),
        });
    }
    if variables.forgives() {
        minor.soften();
    }
    findings.append(minor);
    config
}

fn unknown(document: &Document<'_>, key: &DocumentNode, name: &str) -> Diagnostic {
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
        assert_eq!(said[3], "config.json:1:83: `auth` is there twice");
        assert_eq!(said.len(), 4);
        assert!(!format!("{errors:?}").contains("hunter2"));
        assert!(errors[2].location.as_ref().unwrap().text.contains("\"a:v1,\":"), "{errors:?}");
    }

    /// In the dialect of image-syncer: what it holds, and what is said.
    fn lenient(text: &str, file: &str) -> (ConfigFile, Vec<String>) {
        let variables = Variables::new(Arc::new(|name| (name == "PW").then(|| "s3cret".to_owned())), Purpose::Run);
        let (config, found) = config_file(text, file, &variables.in_dialect(Dialect::ImageSyncer)).unwrap();
        (config, found.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn in_the_dialect_of_image_syncer_logins_are_taken_as_they_are_written() {
        for (written, warnings) in [("$ecret", 0), ("a${b}c", 0), ("${UNSET}", 0), ("$PW", 1), ("${PW}", 1)] {
            let text =
                format!(r#"{{"auth": {{"h.io": {{"password": "{written}"}}}}, "images": {{"a:v1": "h.io/$PW"}}}}"#);
            let (config, found) = lenient(&text, "config.json");
            assert_eq!(config.auth.logins().next().unwrap().password.as_ref().unwrap().expose(), written);
            assert_eq!(config.rules[0].to(), ["h.io/s3cret"], "destinations are expanded there, too");
            assert_eq!(found.len(), warnings, "{found:?}");
        }
    }

    #[test]
    fn in_the_dialect_of_image_syncer_what_is_not_known_costs_nothing() {
        let text = r#"{"Auth": {"h.io": {"UserName": "a", "mail": 1}}, "other": {}, "IMAGES": {"a:v1": "h.io/a", "B": "h.io/x"}}"#;
        assert!(is_config_file(text, "config.json"));
        let (config, found) = lenient(text, "config.json");
        assert_eq!((config.auth.logins().count(), config.rules.len()), (1, 1));
        assert_eq!(found.len(), 3, "{found:?}");
        let (config, found) = lenient("auth: {}\n", "config.yaml");
        assert_eq!((config.rules.len(), found.len()), (0, 1), "{found:?}");
        // In YAML the case of a key counts.
        let upper = "Auth:\n  h.io: {insecure: true}\nImages:\n  a:v1: h.io/a\n";
        assert!(is_config_file(upper, "config.yaml"));
        let (config, found) = lenient(upper, "config.yaml");
        assert!(!config.has_images && found.iter().any(|said| said.contains("`images` is missing")), "{found:?}");
    }

    // Seen: the rules of the second part were not copied, with exit code 0.
    #[test]
    fn in_the_dialect_of_image_syncer_both_of_two_parts_count() {
        let yaml = "auth: {h.io: {username: a}, q.io: {username: b}}\nimages: {'a:v1': h.io/a}\n\
                    auth: {h.io: {username: c}}\nimages: {'b:v1': h.io/b}\n";
        let json = r#"{"images": {"a:v1": "h.io/a"}, "auth": {"h.io": {"username": "a"}, "q.io": {"username": "b"}},
                       "Images": {"b:v1": "h.io/b"}, "auth": {"h.io": {"username": "c"}}}"#;
        for (text, file) in [(yaml, "config.yaml"), (json, "config.json")] {
            let (config, found) = lenient(text, file);
            assert_eq!(config.rules.iter().map(Rule::to).collect::<Vec<_>>(), [["h.io/a"], ["h.io/b"]]);
            let login = |host: &str| {
                let login = config.auth.login_for(&format!("{host}/a").parse().unwrap()).unwrap();
                login.username.as_ref().unwrap().expose().to_owned()
            };
            assert_eq!([login("h.io"), login("q.io")], ["c", "b"]);
            assert_eq!(
                found.iter().filter(|said| said.ends_with("is there twice, and both count")).count(),
                2,
                "{found:?}"
            );
        }
    }

    // Seen before: with `image:` nothing was copied, and two warnings had to be read together to see why.
    #[test]
    fn a_misspelt_images_is_named_where_rules_are_missing() {
        for (text, file, place) in [
            ("auth: {}\nimage:\n  a:v1: h.io/a\n", "config.yaml", "config.yaml:2:1"),
            (r#"{"auth": {}, "imges": {"a:v1": "h.io/a"}}"#, "config.json", "config.json:1:14"),
        ] {
            let errors = read(text, file).unwrap_err();
            assert_eq!(errors.len(), 1, "{errors:?}");
            assert_eq!(errors[0].to_string(), format!("{place}: `images` is missing: there is nothing to copy"));
            let hint = errors[0].hint.as_deref().unwrap();
            assert!(hint.contains("meant to be `images`"), "{hint}");
            let (config, found) = lenient(text, file);
            assert!(!config.has_images);
            assert_eq!(found, [errors[0].to_string()]);
        }
        assert!(lenient("images: {}\n", "config.yaml").0.has_images);
    }

    #[test]
    fn a_key_that_begins_with_x_is_for_anchors() {
        let text = "x-login: &l {username: a, password: p}\nauth: {h.io: {<<: *l}}\nimages: {'a:v1': h.io/a}\n";
        let (config, found) = read(text, "config.yaml").unwrap();
        assert_eq!(config.auth.logins().next().unwrap().username.as_ref().unwrap().expose(), "a");
        assert_eq!(found, []);
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
