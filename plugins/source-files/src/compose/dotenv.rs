//! The `.env` file beside a Compose file: `NAME=value` lines.

use std::{fs::File, path::Path};

use sealift_core::diagnostic::{Diagnostic, Location};

use super::{
    Variables,
    variables::{LookUp, VariableProblem, expand},
};
use crate::input::{reason, text_of};

/// Reads a file. Values are plain, or in quotes: single ones keep them as they are, in others variables are replaced,
/// by the environment first and then by earlier lines. A comment begins with `#` at the start or after a space.
///
/// # Errors
/// Everything that is wrong with it; no value is shown, because it may be a secret.
pub(super) fn read(path: &Path, name: &str, environment: LookUp<'_>) -> Result<Variables, Vec<Diagnostic>> {
    match File::open(path).and_then(text_of) {
        Ok(text) => parse(&text, name, environment),
        Err(error) => Err(vec![Diagnostic::error(format!("cannot read `{name}`: {}", reason(&error)))]),
    }
}

fn parse(text: &str, file: &str, environment: LookUp<'_>) -> Result<Variables, Vec<Diagnostic>> {
    let mut variables = Variables::new();
    let mut errors = Vec::new();
    for (index, line) in text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let mut complain = |message: String| {
            let place = Location { file: file.into(), line: index + 1, column: 1, length: 1, text: hidden(line) };
            errors.push(Diagnostic::error(message).at(place));
        };
        let Some((name, value)) = assignment(trimmed) else {
            complain("expected `NAME=value`".to_owned());
            continue;
        };
        let Some((value, expands)) = unquoted(value) else {
            complain(format!("the quote of `{name}` does not end in this line"));
            continue;
        };
        let look_up = |name: &str| environment(name).or_else(|| variables.get(name).cloned());
        let expanded = if expands { expand(value, &look_up) } else { Ok(value.to_owned()) };
        match expanded {
            Ok(value) => _ = variables.insert(name.to_owned(), value),
            Err(problems) if problems.contains(&VariableProblem::TooLong) => {
                complain(format!("`{name}`: {}", VariableProblem::TooLong));
            }
            Err(_) => complain(format!("a variable in `{name}` is not set or not written right")),
        }
    }
    if errors.is_empty() { Ok(variables) } else { Err(errors) }
}

/// The name and what follows the `=`.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    is_name.then_some((name, value.trim()))
}

/// The value without quotes and comment, and whether variables in it are replaced.
fn unquoted(value: &str) -> Option<(&str, bool)> {
    for quote in ['\'', '"'] {
        if let Some(rest) = value.strip_prefix(quote) {
            return rest.split_once(quote).map(|(inside, _)| (inside, quote == '"'));
        }
    }
    let comment = if value.starts_with('#') { Some(0) } else { value.find(" #") };
    Some((value[..comment.unwrap_or(value.len())].trim_end(), true))
}

/// The line without what may be a secret.
fn hidden(line: &str) -> String {
    line.split_once('=').map_or_else(|| "*".repeat(line.chars().count()), |(name, _)| format!("{name}=*"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String)>, Vec<String>> {
        let environment = |name: &str| (name == "HOST").then(|| "quay.io".to_owned());
        let said = |errors: Vec<Diagnostic>| errors.iter().map(ToString::to_string).collect();
        parse(text, ".env", &environment).map(|variables| variables.into_iter().collect()).map_err(said)
    }

    #[test]
    fn values_are_read_as_compose_reads_them() {
        let text =
            "# versions\n\nA=1.27 # newest\nexport B='$A # x'\nC=\"${HOST}/$A\"\n D = x#y \nE=\nF=${NONE:-z}\r\n";
        let expected = [("A", "1.27"), ("B", "$A # x"), ("C", "quay.io/1.27"), ("D", "x#y"), ("E", ""), ("F", "z")];
        let expected: Vec<_> = expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(read(text).unwrap(), expected);
    }

    #[test]
    fn all_errors_are_said_and_no_value_is_shown() {
        let text = "hunter2\nA='hunter2\nB C=hunter2\nD=$NONE-hunter2\n";
        let errors = parse(text, ".env", &|_| None).unwrap_err();
        assert!(!format!("{errors:?}").contains("hunter2"));
        assert_eq!(
            read(text).unwrap_err(),
            [
                ".env:1:1: expected `NAME=value`",
                ".env:2:1: the quote of `A` does not end in this line",
                ".env:3:1: expected `NAME=value`",
                ".env:4:1: a variable in `D` is not set or not written right",
            ]
        );
    }
}
