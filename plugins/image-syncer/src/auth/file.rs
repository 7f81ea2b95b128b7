//! Reading the auth file.

use std::{
    collections::{HashMap, hash_map::Entry},
    ops::Range,
};

use sealift_core::{
    diagnostic::{Diagnostic, did_you_mean},
    secret::Secret,
};

use super::{AuthEntry, AuthFile, LoginKey};
use crate::{
    document::{Document, DocumentNode, Value},
    findings::FileFindings,
    text::SourceText,
    variables::{VariableError, Variables},
};

const FIELDS: [&str; 3] = ["username", "password", "insecure"];

/// Reads an auth file: a map from `registry` or `registry/namespace` to `{username, password, insecure}`. The suffix
/// of `file`, its name as the user wrote it, says whether it is YAML or JSON. Gives the logins and warnings. In
/// image-syncer's dialect an entry that is wrong is a warning, and what of it can be used is used.
///
/// # Errors
/// Everything that is wrong with it, in the order of the text.
pub fn auth_file(
    text: &str,
    file: &str,
    variables: &Variables,
) -> Result<(AuthFile, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut document = SourceText::new(text, file).and_then(|text| Document::parse(text, variables.dialect()))?;
    document.text.show_only(shown_spans(&document, &document.root));
    let mut findings = FileFindings::default();
    findings.extend(document.ignored());
    let auth = read_auth(&document, &document.root, variables, &mut findings);
    findings.or_ok(auth)
}

/// Returns the spans of an auth file that may be shown: keys, and the values of `insecure`.
pub(crate) fn shown_spans(document: &Document<'_>, root: &DocumentNode) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let Value::Map(entries) = &root.value else { return spans };
    for (key, entry) in entries {
        spans.push(document.span(key));
        let Value::Map(fields) = &entry.value else { continue };
        for (name, value) in fields {
            spans.push(document.span(name));
            let name = document.written(name).unwrap_or_default();
            if name.eq_ignore_ascii_case("insecure") && document.written(value).is_some() {
                spans.push(document.span(value));
            }
        }
    }
    spans
}

/// Reads the map that `root` is.
pub(crate) fn read_auth(
    document: &Document<'_>,
    root: &DocumentNode,
    variables: &Variables,
    findings: &mut FileFindings,
) -> AuthFile {
    let mut own = FileFindings::default();
    let auth = read_entries(document, root, variables, &mut own);
    if variables.forgives() {
        own.soften();
    }
    findings.append(own);
    auth
}

fn read_entries(
    document: &Document<'_>,
    root: &DocumentNode,
    variables: &Variables,
    findings: &mut FileFindings,
) -> AuthFile {
    let mut reader = Reader { document, variables, findings };
    let entries = match &root.value {
        Value::Map(entries) => entries,
        Value::Null => return AuthFile::default(),
        other => {
            let message = format!("expected a map from registry to login, found {}", other.what());
            reader.findings.refuse(Diagnostic::error(message).at(document.place(root)));
            return AuthFile::default();
        }
    };
    if let Some((key, _)) = entries.iter().find(|(key, _)| document.written(key) == Some("images")) {
        reader.findings.push(
            Diagnostic::error("this is not an auth file: it has a key `images`")
                .at(document.place(key))
                .hint("one file with `auth` and `images` is given with `--config`"),
        );
        return AuthFile::default();
    }
    let mut seen = HashMap::new();
    let mut logins: Vec<(LoginKey, AuthEntry)> = Vec::new();
    for (key, value) in entries {
        let known = seen.len();
        let Some(name) = reader.key(key, &mut seen) else { continue };
        if known == seen.len() {
            logins.retain(|(_, login)| login.key != name); // the last one counts, where it is no error
        }
        let errors = reader.findings.count();
        let login = reader.login(name, value);
        let is_whole = login.username.is_some() && login.password.is_some();
        let parsed = LoginKey::parse(name, variables.dialect());
        let is_used = is_whole && parsed.is_some();
        let outcome = match login.insecure && parsed.is_some() {
            true => "so only `insecure` of this entry counts",
            false => "so this login is left out",
        };
        match parsed {
            Some(parsed) => logins.push((parsed, login)),
            None => reader.findings.push(
                Diagnostic::error(format!("`{name}` is neither a registry nor a registry with a namespace"))
                    .at(document.place(key))
                    .hint("write `quay.io` or `quay.io/team`, without `https://` and without a tag"),
            ),
        }
        if variables.forgives() && !is_used {
            reader.findings.add_outcome(errors, outcome);
        }
    }
    AuthFile { logins }
}

struct Reader<'r, 't> {
    document: &'r Document<'t>,
    variables: &'r Variables,
    findings: &'r mut FileFindings,
}

impl<'r> Reader<'r, '_> {
    fn error(&mut self, node: &DocumentNode, message: String) {
        self.findings.push(Diagnostic::error(message).at(self.document.place(node)));
    }

    /// The text of a key; one that stands there already is complained about.
    fn key(&mut self, key: &'r DocumentNode, seen: &mut HashMap<&'r str, usize>) -> Option<&'r str> {
        let Some(name) = self.document.written(key) else {
            self.error(key, format!("expected a text as key, found {}", key.value.what()));
            return None;
        };
        match seen.entry(name) {
            Entry::Occupied(first) => {
                let first = self.document.text.line(*first.get());
                self.error(key, format!("`{name}` is there twice, first in line {first}"));
            }
            Entry::Vacant(free) => _ = free.insert(self.document.span(key).start),
        }
        Some(name)
    }

    fn login(&mut self, key: &str, entry: &'r DocumentNode) -> AuthEntry {
        let mut login = AuthEntry { key: key.to_owned(), username: None, password: None, insecure: false };
        let fields = match &entry.value {
            Value::Map(fields) => fields,
            Value::Null => return login,
            other => {
                let message = format!("expected `username` and `password` for `{key}`, found {}", other.what());
                self.error(entry, message);
                return login;
            }
        };
        let mut seen = HashMap::new();
        for (name, value) in fields {
            let known = self.key(name, &mut seen).map(|written| self.field(written));
            match known {
                Some("username") => login.username = self.secret(key, "username", value),
                Some("password") => login.password = self.secret(key, "password", value),
                Some("insecure") => login.insecure = self.flag(value),
                Some(other) => self.unknown(other, name),
                None => {}
            }
        }
        login
    }

    /// The field that a name means. In JSON image-syncer takes it in any case.
    fn field(&self, written: &'r str) -> &'r str {
        if !self.document.folds_names() {
            return written;
        }
        FIELDS.into_iter().find(|field| written.eq_ignore_ascii_case(field)).unwrap_or(written)
    }

    fn unknown(&mut self, name: &str, node: &DocumentNode) {
        let error = Diagnostic::error(format!("unknown key `{name}`, expected `username`, `password` or `insecure`"))
            .at(self.document.place(node));
        self.findings.push(match did_you_mean(name, FIELDS) {
            Some(meant) => error.hint(format!("did you mean `{meant}`?")),
            None => error,
        });
    }

    fn secret(&mut self, key: &str, field: &str, node: &DocumentNode) -> Option<Secret> {
        let written = match (&node.value, self.document.written(node)) {
            (Value::Null, _) => return None,
            (_, Some(written)) => written,
            (other, None) => {
                self.error(node, format!("expected a text for `{field}`, found {}", other.what()));
                return None;
            }
        };
        if let Some(name) = self.variables.is_ignored_in(written) {
            let message = format!("`${name}` in `{field}` of `{key}` is taken as it is written, as image-syncer does");
            let hint = "variables are replaced in a file of its own, which is given with `--auth`";
            self.findings.push(Diagnostic::warning(message).at(self.document.place(node)).hint(hint));
        }
        let (text, errors) = self.variables.expand_login(written);
        for error in errors {
            self.variable(&error, key, field, node);
        }
        (!text.is_empty()).then(|| Secret::new(text))
    }

    fn variable(&mut self, error: &VariableError, key: &str, field: &str, node: &DocumentNode) {
        let what = match error {
            // What stands between the braces is no name, so it may be a part of the password.
            VariableError::Name(name) if name != "${}" => VariableError::Name("${…}".to_owned()).to_string(),
            other => other.to_string(),
        };
        let message = format!("{what}, in `{field}` of `{key}`");
        let excused = self.variables.excuses(error);
        let diagnostic = if excused { Diagnostic::warning(message) } else { Diagnostic::error(message) };
        self.findings.push(diagnostic.at(self.document.place(node)));
    }

    fn flag(&mut self, node: &DocumentNode) -> bool {
        match &node.value {
            Value::Bool(value) => return *value,
            Value::Null => return false,
            // YAML 1.1 knows more words, and image-syncer takes them.
            Value::Text(text) if self.document.is_plain(node) => match text.to_ascii_lowercase().as_str() {
                "y" | "yes" | "on" => return true,
                "n" | "no" | "off" => return false,
                _ => {}
            },
            _ => {}
        }
        self.error(node, format!("expected `true` or `false` for `insecure`, found {}", node.value.what()));
        false
    }
}
