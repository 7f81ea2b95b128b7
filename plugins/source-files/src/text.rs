//! The `text` list: one reference in a line.

use schemars::JsonSchema;
use sealift_core::{
    diagnostic::{Diagnostic, Location},
    plugin::{BuildContext, ConfigError, Plugin, Purpose, StageConfig},
    stage::List,
    text::quoted,
};
use serde::Deserialize;

use crate::{
    exclude::Excluded,
    file_kind::FileKind,
    images::{Images, Mention},
    input::{self, Input},
    yaml::Documents,
};

/// Lists the images that text files name, one in a line.
///
/// A line is a reference such as `nginx:1.27`, `quay.io/coreos/etcd` (which means its `latest`) or one with a digest.
/// Empty lines do not count, nor does what follows a `#` at the start of a line or after a space. An image that is
/// named several times is copied once.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// The files, such as `images.txt`; `-` is standard input. Relative paths start at the pipeline file. At least one.
    #[schemars(length(min = 1), example = ["-"])]
    pub files: Vec<String>,
    /// Names that are left out, as globs: `*-debug`, `registry.example.com/*`; a repository stands for all its versions.
    /// Default: none.
    #[serde(default)]
    #[schemars(example = ["registry.example.com/*"])]
    pub exclude: Vec<String>,
}

impl StageConfig<dyn List> for Text {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn List>, ConfigError> {
        let no_directories: input::InDirectory =
            |_| Err(std::io::Error::other("it is a directory, and this list reads files"));
        let excluded = Excluded::new(&self.exclude)?;
        let mut errors = Vec::new();
        let mut mentions = Vec::new();
        let mut empty = Vec::new();
        for input in input::read(&self.files, no_directories, cx)? {
            let (found, wrong) = (mentions.len() + errors.len(), errors.len());
            let left_out = read(&input, &excluded, &mut mentions, &mut errors);
            if errors.len() > wrong {
                let kind = FileKind::of(&Documents::parse(&input).0).filter(|kind| *kind != FileKind::Text);
                if let Some(kind) = kind {
                    errors.truncate(wrong);
                    errors.push(kind.unexpected(&input, "lines with one image each"));
                }
            }
            if mentions.len() + errors.len() + left_out == found {
                empty.push(input.name.clone());
                // A run tells it as a failure.
                if cx.purpose() == Purpose::Check {
                    input::warn_of_nothing(&input, 0, cx);
                }
            }
        }
        if !errors.is_empty() {
            return Err(errors.into());
        }
        Ok(Box::new(Images::new(mentions, cx).and_nothing_in(empty)))
    }
}

/// Finds the references of one text, and returns how many of them are left out.
fn read(input: &Input, excluded: &Excluded, mentions: &mut Vec<Mention>, errors: &mut Vec<Diagnostic>) -> usize {
    let mut left_out = 0;
    for (index, line) in input.text.lines().enumerate() {
        let written = without_comment(line);
        let name = written.trim();
        if name.is_empty() {
            continue;
        }
        let place = || Location {
            file: input.name.clone(),
            line: index + 1,
            column: written[..written.len() - written.trim_start().len()].chars().count() + 1,
            length: name.chars().count(),
            text: quoted(line),
        };
        if name.contains(char::is_whitespace) {
            let message = "there is more than one word in this line, expected one reference";
            errors.push(Diagnostic::error(message).at(place()).hint("a comment begins with `#`"));
            continue;
        }
        match Mention::parse(name, place) {
            _ if excluded.has(name) => left_out += 1,
            Ok(mention) => mentions.push(mention),
            Err(error) => errors.push(Diagnostic::error(error.to_string()).at(place())),
        }
    }
    left_out
}

fn without_comment(line: &str) -> &str {
    let starts = |at: &usize| line[..*at].chars().next_back().is_none_or(char::is_whitespace);
    let comment = line.match_indices('#').map(|(at, _)| at).find(starts);
    &line[..comment.unwrap_or(line.len())]
}

sealift_core::inventory::submit! { Plugin::list::<Text>("text") }

#[cfg(test)]
mod tests;
