//! Names of plugins: a name is also that of a crate, of a folder and of a binary.

use std::fmt;

use sealift_core::{
    diagnostic::Diagnostic,
    plugin::{Role, plugins},
};

use crate::usage_error::UsageError;

/// A name that cargo, the file system and pipelines take.
#[derive(Debug)]
pub(super) struct PluginName(String);

/// Words that no crate can be called: cargo refuses them, or the code would mean something else.
const TAKEN_BY_RUST: [&str; 48] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "proc-macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "unsafe",
    "where",
];

/// The crates that a new one depends on.
const TAKEN_BY_DEPENDENCIES: [&str; 7] =
    ["sealift-core", "sealift-cli", "sealift-plugins", "sealift-conformance", "futures", "tempfile", "tokio"];

/// Folders that cargo makes or looks into.
const TAKEN_BY_CARGO: [&str; 5] = ["build", "deps", "examples", "incremental", "target"];

impl PluginName {
    /// Looks whether a plugin of this role can have the name.
    ///
    /// # Errors
    /// Why not, and what would do.
    pub(super) fn parse(role: Role, text: &str) -> Result<Self, UsageError> {
        let as_crate = text.replace('_', "-");
        let is_one_of = |names: &[&str]| names.contains(&as_crate.as_str());
        let namesake = plugins().into_iter().find(|plugin| plugin.role() == role && plugin.kind() == text);
        let (why, hint) = if !is_well_formed(text) {
            let why =
                "a name begins with a small letter, and has small letters, digits, and single `-` or `_` between them";
            (why.to_owned(), "such as `signed-only`")
        } else if is_one_of(&TAKEN_BY_RUST) {
            ("the word means something in Rust".to_owned(), "add a word, such as in `signed-only`")
        } else if is_one_of(&TAKEN_BY_CARGO) {
            ("the word means something to cargo".to_owned(), "add a word, such as in `signed-only`")
        } else if is_one_of(&TAKEN_BY_DEPENDENCIES) {
            ("its crate would depend on one of the same name".to_owned(), "add a word, such as in `signed-only`")
        } else if let Some(plugin) = namesake {
            let why = format!("there is a {role} of this name in `{}`", plugin.defined_in());
            (why, "`sealift plugins` lists the names that are taken")
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(Diagnostic::error(format!("a plugin cannot be called `{text}`: {why}")).hint(hint).into())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// As Rust code writes it.
    pub(super) fn in_code(&self) -> String {
        self.0.replace('-', "_")
    }
}

fn is_well_formed(text: &str) -> bool {
    let begins = text.starts_with(|first: char| first.is_ascii_lowercase());
    let ends = text.ends_with(|last: char| last.is_ascii_lowercase() || last.is_ascii_digit());
    let all = text.chars().all(|one| one.is_ascii_lowercase() || one.is_ascii_digit() || one == '-' || one == '_');
    let doubled = text.as_bytes().windows(2).any(|pair| pair.iter().all(|one| matches!(one, b'-' | b'_')));
    begins && ends && all && !doubled && text.len() <= 64
}

impl fmt::Display for PluginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_cargo_and_pipelines_take() {
        for name in ["signed", "signed-only", "acme_store", "s3", "a-1-b"] {
            assert!(PluginName::parse(Role::Filter, name).is_ok(), "{name}");
        }
        assert_eq!(PluginName::parse(Role::Filter, "signed-only").unwrap().in_code(), "signed_only");
    }

    #[test]
    fn what_cannot_be_a_name_is_refused_with_the_reason() {
        for (name, why) in [
            ("", "small letters"),
            ("Signed", "small letters"),
            ("signed only", "small letters"),
            ("../signed", "small letters"),
            ("-signed", "small letters"),
            ("signed-", "small letters"),
            ("a--b", "small letters"),
            ("3s", "small letters"),
            ("été", "small letters"),
            (&"a".repeat(65), "small letters"),
            ("match", "Rust"),
            ("proc-macro", "Rust"),
            ("proc_macro", "Rust"),
            ("target", "cargo"),
            ("tokio", "depend"),
            ("sealift_core", "depend"),
        ] {
            let UsageError(said) = PluginName::parse(Role::Filter, name).unwrap_err();
            assert!(said[0].message.contains(why) && said[0].hint.is_some(), "{name}: {}", said[0]);
        }
    }
}
