//! `$NAME` and `${NAME}` in values.
//!
//! A value that is wholly `$NAME` or `${NAME}` is replaced, and `${NAME}` inside longer text. A bare `$` inside longer
//! text stays as it is: Harbor's robot accounts are called `robot$project+name`, and passwords hold `$`. What
//! image-syncer does instead is in `variables/expand.rs`.

mod expand;

use std::{cell::RefCell, fmt, sync::Arc};

use sealift_core::plugin::{BuildContext, Environment, Purpose};

use crate::dialect::Dialect;

/// The variables, and the dialect in which files are read.
#[derive(Clone)]
pub struct Variables {
    environment: Environment,
    purpose: Purpose,
    dialect: Dialect,
    /// Takes logins as they are written.
    literal: bool,
    empty_to: Option<Arc<str>>,
}

/// A variable cannot be replaced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VariableError {
    /// There is no such variable.
    #[error("the environment variable `{0}` is not set")]
    Unset(String),
    /// Between the braces stands no name, such as in `${}` or `${a-b}`.
    #[error("`{0}` does not name an environment variable")]
    Name(String),
}

impl Variables {
    /// Variables from `environment`. When only checking, one that is not set is a warning, else an error.
    pub fn new(environment: Environment, purpose: Purpose) -> Self {
        Self { environment, purpose, dialect: Dialect::Strict, literal: false, empty_to: None }
    }

    /// The same for files that are read in another dialect.
    #[must_use]
    pub fn in_dialect(self, dialect: Dialect) -> Self {
        Self { dialect, ..self }
    }

    /// The same with `registry/namespace` for destinations that are empty.
    #[must_use]
    pub fn with_empty_to(self, empty_to: Option<&str>) -> Self {
        Self { empty_to: empty_to.map(Arc::from), ..self }
    }

    /// The same without variables in logins.
    #[must_use]
    pub(crate) fn literally(&self) -> Self {
        Self { literal: true, ..self.clone() }
    }

    /// Returns the dialect in which files are read.
    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Returns true if a mistake costs only the rule or login that it is in. A check refuses in every dialect.
    pub(crate) fn forgives(&self) -> bool {
        self.dialect == Dialect::ImageSyncer && self.purpose == Purpose::Run
    }

    /// Returns `registry/namespace` for rules with an empty destination.
    pub(crate) fn empty_to(&self) -> Option<&str> {
        self.empty_to.as_deref()
    }

    /// The variables that a plugin sees while it is built.
    pub fn of(cx: &BuildContext<'_>) -> Self {
        Self::new(cx.environment(), cx.purpose())
    }

    /// The value with its variables replaced. What a variable holds is not looked into again.
    ///
    /// # Errors
    /// All variables that are not set or not named right.
    pub fn expand(&self, value: &str) -> Result<String, Vec<VariableError>> {
        let errors = RefCell::new(Vec::new());
        let look_up = |name: &str| {
            (self.environment)(name).unwrap_or_else(|| {
                errors.borrow_mut().push(VariableError::Unset(name.to_owned()));
                String::new()
            })
        };
        let expanded = match only_variable(value) {
            Some(name) => look_up(name),
            None => replace_braced(value, &look_up, &mut |wrong| {
                errors.borrow_mut().push(VariableError::Name(wrong.to_owned()));
            }),
        };
        let errors = errors.into_inner();
        if errors.is_empty() { Ok(expanded) } else { Err(errors) }
    }

    /// Returns true if an error of [`Variables::expand`] is only a warning: a variable is not set, and nothing runs.
    pub(crate) fn excuses(&self, error: &VariableError) -> bool {
        self.purpose == Purpose::Check && matches!(error, VariableError::Unset(_))
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Variables({:?})", self.purpose)
    }
}

/// The variable that a value is wholly; none if it is something else.
pub(crate) fn only_variable(value: &str) -> Option<&str> {
    let bare = value.strip_prefix('$').filter(|name| is_name(name));
    let braced = || value.strip_prefix("${")?.strip_suffix('}').filter(|name| is_name(name));
    bare.or_else(braced)
}

/// Returns true if a value has a variable.
pub(crate) fn has_variables(value: &str) -> bool {
    only_variable(value).is_some() || value.contains("${")
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn replace_braced(value: &str, look_up: &dyn Fn(&str) -> String, wrong: &mut dyn FnMut(&str)) -> String {
    let mut out = String::new();
    let mut rest = value;
    while let Some((start, length)) = rest.find("${").and_then(|at| Some((at, rest[at..].find('}')? + 1))) {
        let braced = &rest[start..start + length];
        let name = &braced[2..length - 1];
        out.push_str(&rest[..start]);
        if is_name(name) {
            out.push_str(&look_up(name));
        } else {
            wrong(braced);
        }
        rest = &rest[start + length..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn expand(value: &str) -> Result<String, Vec<VariableError>> {
        let environment: Environment = Arc::new(|name| match name {
            "A" => Some("${B}".to_owned()),
            "B" => Some("$A".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        });
        Variables::new(environment, Purpose::Run).expand(value)
    }

    #[test]
    fn what_a_variable_holds_is_taken_as_it_is() {
        assert_eq!(expand("$A").unwrap(), "${B}");
        assert_eq!(expand("${A}-${B}").unwrap(), "${B}-$A");
        assert_eq!(expand("${EMPTY}").unwrap(), "");
    }

    #[test]
    fn every_variable_that_is_missing_is_named() {
        assert_eq!(
            expand("${X}${}${Y:-z}").unwrap_err(),
            [
                VariableError::Unset("X".to_owned()),
                VariableError::Name("${}".to_owned()),
                VariableError::Name("${Y:-z}".to_owned())
            ]
        );
    }

    #[test]
    fn a_brace_that_is_never_closed_is_only_text() {
        assert_eq!(expand("p${A").unwrap(), "p${A");
        assert_eq!(expand("$").unwrap(), "$");
        assert_eq!(expand("").unwrap(), "");
    }
}
