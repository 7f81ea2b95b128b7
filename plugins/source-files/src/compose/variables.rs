//! Variables in the values of a Compose file (compose-spec, "Interpolation").

use std::fmt;

/// A variable cannot be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum VariableProblem {
    /// There is no such variable. Compose would go on with an empty text, and with another image than was meant.
    Unset(String),
    /// There is no such variable, and the file says what to say: `${NAME:?text}`.
    Required(String, String),
    /// This is no variable.
    Syntax(String),
    /// It would be longer than any name: values that double each other grow without end.
    TooLong,
}

impl fmt::Display for VariableProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unset(name) => write!(f, "the variable `{name}` is not set"),
            Self::Required(name, text) if text.is_empty() => write!(f, "the variable `{name}` is required"),
            Self::Required(name, text) => write!(f, "the variable `{name}` is required: {text}"),
            Self::TooLong => write!(f, "with its variables replaced it is longer than {} KiB", LONGEST >> 10),
            Self::Syntax(text) => write!(f, "`{text}` is not a variable; a dollar sign is written `$$`"),
        }
    }
}

/// Looks a variable up.
pub(super) type LookUp<'l> = &'l dyn Fn(&str) -> Option<String>;

/// The longest value, in bytes.
const LONGEST: usize = 64 << 10;

/// Replacements may stand in replacements this deep.
const DEPTH: usize = 8;

/// The value with its variables replaced. What a variable holds is not looked into again.
///
/// # Errors
/// Everything that cannot be replaced.
pub(super) fn expand(value: &str, look_up: LookUp<'_>) -> Result<String, Vec<VariableProblem>> {
    let mut problems = Vec::new();
    let expanded = replace(value, look_up, DEPTH, &mut problems);
    if problems.is_empty() { Ok(expanded) } else { Err(problems) }
}

fn replace(value: &str, look_up: LookUp<'_>, depth: usize, problems: &mut Vec<VariableProblem>) -> String {
    let mut out = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('$') {
        if out.len() > LONGEST {
            problems.push(VariableProblem::TooLong);
            return String::new();
        }
        out.push_str(before);
        let name = name_length(after);
        rest = if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            after
        } else if let Some(braced) = after.strip_prefix('{') {
            let Some(end) = closing(braced).filter(|_| depth > 0) else {
                problems.push(VariableProblem::Syntax(format!("${after}")));
                return out;
            };
            out.push_str(&one(&braced[..end], look_up, depth - 1, problems));
            &braced[end + 1..]
        } else if name > 0 {
            out.push_str(&found(&after[..name], look_up, problems));
            &after[name..]
        } else {
            problems.push(VariableProblem::Syntax(format!("${after}")));
            return out;
        };
    }
    if out.len() + rest.len() > LONGEST && !out.is_empty() {
        problems.push(VariableProblem::TooLong);
        return String::new();
    }
    out + rest
}

/// Returns the offset of the closing brace.
fn closing(text: &str) -> Option<usize> {
    let mut open = 0;
    let mut previous = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '{' if previous == '$' => open += 1,
            '}' if open == 0 => return Some(at),
            '}' => open -= 1,
            _ => {}
        }
        previous = c;
    }
    None
}

/// Replaces the text between braces: `NAME`, `NAME:-default`, `NAME-default`, `NAME:?text`, `NAME?text`, `NAME:+other`,
/// `NAME+other`. With a colon an empty variable counts as one that is not set.
fn one(inner: &str, look_up: LookUp<'_>, depth: usize, problems: &mut Vec<VariableProblem>) -> String {
    let (name, rest) = inner.split_at(name_length(inner));
    if name.is_empty() {
        problems.push(VariableProblem::Syntax(format!("${{{inner}}}")));
        return String::new();
    }
    if rest.is_empty() {
        return found(name, look_up, problems);
    }
    let (or_empty, operator) = rest.strip_prefix(':').map_or((false, rest), |rest| (true, rest));
    let value = look_up(name).filter(|value| !(or_empty && value.is_empty()));
    let mut characters = operator.chars();
    match (characters.next(), value) {
        (Some('-' | '?'), Some(value)) => value,
        (Some('-'), None) | (Some('+'), Some(_)) => replace(characters.as_str(), look_up, depth, problems),
        (Some('+'), None) => String::new(),
        (Some('?'), None) => {
            problems.push(VariableProblem::Required(name.to_owned(), characters.as_str().to_owned()));
            String::new()
        }
        _ => {
            problems.push(VariableProblem::Syntax(format!("${{{inner}}}")));
            String::new()
        }
    }
}

fn found(name: &str, look_up: LookUp<'_>, problems: &mut Vec<VariableProblem>) -> String {
    look_up(name).unwrap_or_else(|| {
        problems.push(VariableProblem::Unset(name.to_owned()));
        String::new()
    })
}

/// The length of the name at the start; 0 if there is none.
fn name_length(text: &str) -> usize {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return 0;
    }
    text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn look_up(name: &str) -> Option<String> {
        match name {
            "TAG" => Some("1.27".to_owned()),
            "EMPTY" => Some(String::new()),
            "DOLLAR" => Some("$TAG".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn variables_are_replaced_as_compose_does_it() {
        for (value, expected) in [
            ("nginx:$TAG", "nginx:1.27"),
            ("${TAG}-alpine", "1.27-alpine"),
            ("$TAG-alpine", "1.27-alpine"),
            ("${TAG:-1}${EMPTY:-2}${EMPTY-3}${NONE:-4}${NONE-5}", "1.27245"),
            ("${TAG:+a}${EMPTY:+b}${EMPTY+c}${NONE+d}", "ac"),
            ("${NONE:-${EMPTY:-${TAG}}}", "1.27"),
            ("${NONE:-a:b-c?d}", "a:b-c?d"),
            ("${TAG:?must be set}", "1.27"),
            ("$$TAG $${TAG}", "$TAG ${TAG}"),
            ("${DOLLAR}", "$TAG"),
            ("plain", "plain"),
        ] {
            assert_eq!(expand(value, &look_up).as_deref(), Ok(expected), "{value}");
        }
    }

    #[test]
    fn everything_that_cannot_be_replaced_is_said() {
        for (value, expected) in [
            ("${NONE}$ALSO", "the variable `NONE` is not set; the variable `ALSO` is not set"),
            ("${NONE:?}", "the variable `NONE` is required"),
            ("${EMPTY:?set it}", "the variable `EMPTY` is required: set it"),
            ("a$", "`$` is not a variable; a dollar sign is written `$$`"),
            ("${}", "`${}` is not a variable; a dollar sign is written `$$`"),
            ("${TAG", "`${TAG` is not a variable; a dollar sign is written `$$`"),
            ("${TAG!}", "`${TAG!}` is not a variable; a dollar sign is written `$$`"),
            ("$1", "`$1` is not a variable; a dollar sign is written `$$`"),
        ] {
            let problems = expand(value, &look_up).unwrap_err();
            let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(said.join("; "), expected, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_value_makes_it_panic(value in "[${}:?+A-Z -]{0,24}") {
            let _ = expand(&value, &look_up);
        }

        #[test]
        fn text_without_a_dollar_stays(value in "[^$]*") {
            prop_assert_eq!(expand(&value, &look_up), Ok(value));
        }
    }
}
