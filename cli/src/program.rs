//! The program as its users know it: name, version, and the name that it was called by.

use std::{borrow::Cow, ffi::OsString, path::Path};

use crate::{
    flag_words::{in_flags, in_flags_json},
    pflags,
};

/// The name of the program unless another one is set.
pub(crate) const DEFAULT_NAME: &str = "sealift";

/// The program as its users know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// The name in help and hints.
    pub(crate) name: &'static str,
    /// The version in `--version`, logs and reports.
    pub(crate) version: &'static str,
    /// True for a link or copy of the binary that is named `image-syncer`: it behaves as the verb `sync`.
    pub(crate) is_image_syncer: bool,
    /// True for a verb that has flags instead of a pipeline.
    pub(crate) has_flags: bool,
}

impl Program {
    /// Returns the same program, called as in the first of the arguments.
    pub(crate) fn called_as(self, arguments: &[OsString]) -> Self {
        let name = arguments.first().map(Path::new).and_then(Path::file_name).and_then(|name| name.to_str());
        let name = name.map(str::to_ascii_lowercase);
        Self { is_image_syncer: matches!(name.as_deref(), Some("image-syncer" | "image-syncer.exe")), ..self }
    }

    /// Returns the arguments as clap reads them: those of `sync` are written as image-syncer's are.
    pub(crate) fn normalised(self, mut arguments: Vec<OsString>) -> Vec<OsString> {
        let asks_for_version = |word: &OsString| word == "--version" || word == "-V";
        let verb = if self.is_image_syncer {
            if arguments.get(1).is_some_and(asks_for_version) {
                return arguments;
            }
            // `image-syncer sync` is taken as well.
            if arguments.get(1).is_none_or(|word| word != "sync") {
                arguments.insert(1, "sync".into());
            }
            Some(1)
        } else {
            verb_at(&arguments).filter(|at| arguments[*at] == "sync")
        };
        if let Some(verb) = verb {
            let behind = arguments.split_off(verb + 1);
            arguments.extend(pflags::normalised(behind));
        }
        arguments
    }

    /// Returns a hint in the words of this program: under the name `image-syncer` there are no verbs.
    pub(crate) fn hint(self, hint: String) -> String {
        let (sync, verb) = (format!("`{DEFAULT_NAME} sync"), format!("`{DEFAULT_NAME} "));
        match (self.is_image_syncer, hint.contains(&sync), hint.contains(&verb)) {
            (true, true, _) => hint.replace(&sync, "`image-syncer"),
            (true, false, true) => format!("run `{}`", self.help(None)),
            _ => hint,
        }
    }

    /// Returns a text in the words of this program and its verb.
    pub(crate) fn worded(self, text: &str) -> Cow<'_, str> {
        match with_name(text, self.name) {
            text if !self.has_flags => text,
            Cow::Borrowed(text) => in_flags(text),
            Cow::Owned(text) => Cow::Owned(in_flags(&text).into_owned()),
        }
    }

    /// Returns JSON in the words of this program and its verb.
    pub(crate) fn worded_json(self, json: &str) -> String {
        let json = with_name(json, self.name);
        if self.has_flags { in_flags_json(&json).into_owned() } else { json.into_owned() }
    }

    /// Returns the command that prints the help of a verb.
    pub(crate) fn help(self, verb: Option<&str>) -> String {
        match verb {
            _ if self.is_image_syncer => "image-syncer --help".to_owned(),
            Some(verb) => format!("{} {verb} --help", self.name),
            None => format!("{} --help", self.name),
        }
    }
}

/// The verbs, as texts name them.
const VERBS: [&str; 23] = [
    "check",
    "completions",
    "convert",
    "copy",
    "demo",
    "docs",
    "explain",
    "load",
    "ls",
    "man",
    "merge",
    "new",
    "plan",
    "plugins",
    "prune",
    "receipt",
    "rm",
    "run",
    "schema",
    "serve",
    "stage",
    "sync",
    "verify",
];

/// Replaces `sealift` by the name of the program in commands such as `sealift run`.
///
/// Texts of this program and of plugins name it `sealift`. Everything that is printed passes here, so that the commands in
/// hints can be typed under another name as well.
pub(crate) fn with_name<'t>(text: &'t str, name: &str) -> Cow<'t, str> {
    if name == DEFAULT_NAME || !text.contains(DEFAULT_NAME) {
        return Cow::Borrowed(text);
    }
    let is_part = |character: char| character.is_alphanumeric() || "-_./".contains(character);
    let mut parts = text.split(DEFAULT_NAME);
    let mut renamed = parts.next().unwrap_or_default().to_owned();
    for after in parts {
        let verb = after.strip_prefix(' ').map(|rest| rest.split(is_no_letter).next().unwrap_or_default());
        let is_command = !renamed.ends_with(is_part) && verb.is_some_and(|verb| VERBS.contains(&verb));
        renamed += if is_command { name } else { DEFAULT_NAME };
        renamed += after;
    }
    Cow::Owned(renamed)
}

fn is_no_letter(character: char) -> bool {
    !character.is_ascii_lowercase()
}

/// Returns the position of the verb: before it there are only flags that every verb takes, of which one has a value.
fn verb_at(arguments: &[OsString]) -> Option<usize> {
    let mut at = 1;
    loop {
        let word = arguments.get(at)?;
        match word.to_str() {
            Some("--log") => at += 2,
            Some(flag) if flag.starts_with('-') => at += 1,
            _ => return Some(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_in_texts_get_the_name_of_the_program() {
        let text = "run `sealift check x.toml`, `helm template . | sealift run -`; a checkout of sealift, .sealift/, \
                    sealift running, /bin/sealift run, my-sealift run";
        let renamed = "run `acme check x.toml`, `helm template . | acme run -`; a checkout of sealift, .sealift/, \
                       sealift running, /bin/sealift run, my-sealift run";
        assert_eq!(with_name(text, "acme"), renamed);
        assert!(matches!(with_name(text, DEFAULT_NAME), Cow::Borrowed(_)));
    }

    #[test]
    fn all_verbs_are_known() {
        use clap::CommandFactory;
        let command = crate::cli::CommandLine::command();
        let mut verbs: Vec<_> = command.get_subcommands().map(clap::Command::get_name).collect();
        verbs.sort_unstable();
        assert_eq!(verbs, VERBS);
    }

    #[test]
    fn hints_speak_of_the_name_that_was_called() {
        let sealift = Program { name: "sealift", version: "1", is_image_syncer: false, has_flags: false };
        let link = sealift.called_as(&["/usr/bin/image-syncer".into()]);
        for (hint, under_the_link) in [
            ("rules go with `sealift sync --images`", "rules go with `image-syncer --images`"),
            ("run `sealift explain list registry`", "run `image-syncer --help`"),
            ("set it: `export NAME=…`", "set it: `export NAME=…`"),
        ] {
            assert_eq!(sealift.hint(hint.to_owned()), hint);
            assert_eq!(link.hint(hint.to_owned()), under_the_link);
        }
    }

    #[test]
    fn a_flag_without_its_value_hides_no_verb() {
        assert_eq!(verb_at(&["sealift".into(), "--log".into()]), None);
    }
}
