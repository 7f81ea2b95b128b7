//! The program as its users know it: name, version, and the name that it was called by.

use std::{ffi::OsString, path::Path};

use crate::pflags;

/// The program as its users know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// The name in help and hints.
    pub(crate) name: &'static str,
    /// The version in `--version`, logs and reports.
    pub(crate) version: &'static str,
    /// True for a link or copy of the binary that is named `image-syncer`: it behaves as the verb `sync`.
    pub(crate) is_image_syncer: bool,
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

    /// Returns the command that prints the help of a verb.
    pub(crate) fn help(self, verb: Option<&str>) -> String {
        match verb {
            _ if self.is_image_syncer => "image-syncer --help".to_owned(),
            Some(verb) => format!("{} {verb} --help", self.name),
            None => format!("{} --help", self.name),
        }
    }
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
    fn a_flag_without_its_value_hides_no_verb() {
        assert_eq!(verb_at(&["sealift".into(), "--log".into()]), None);
    }
}
