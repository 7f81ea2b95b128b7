//! Replaces variables in destinations and logins as image-syncer does.

use super::{VariableError, Variables, only_variable};
use crate::dialect::Dialect;

impl Variables {
    /// The destination with its variables replaced.
    ///
    /// # Errors
    /// In the strict dialect: all variables that are not set or not named right. In image-syncer's they are empty.
    pub(crate) fn expand_destination(&self, value: &str) -> Result<String, Vec<VariableError>> {
        match self.dialect {
            Dialect::Strict => self.expand(value),
            Dialect::ImageSyncer => Ok(shell(value, |name| (self.environment)(name).unwrap_or_default())),
        }
    }

    /// Returns the names of the variables in a destination that are not set, and that image-syncer replaces by nothing.
    pub(crate) fn unset_in_destination<'v>(&self, value: &'v str) -> Vec<&'v str> {
        let unset = |piece| match piece {
            Piece::Variable { name, .. } if (self.environment)(name).is_none() => Some(name),
            _ => None,
        };
        match self.dialect {
            Dialect::Strict => Vec::new(),
            Dialect::ImageSyncer => pieces(value).into_iter().filter_map(unset).collect(),
        }
    }

    /// A user name or password with its variables replaced, and the variables that are not set or not named right.
    pub(crate) fn expand_login(&self, value: &str) -> (String, Vec<VariableError>) {
        match self.dialect {
            Dialect::ImageSyncer if self.literal => (value.to_owned(), Vec::new()),
            Dialect::ImageSyncer => self.expand_login_as_image_syncer(value),
            Dialect::Strict => match self.expand(value) {
                Ok(text) => (text, Vec::new()),
                Err(errors) => (String::new(), errors),
            },
        }
    }

    /// Returns the name of the variable that a value would be replaced by if logins were not taken literally.
    pub(crate) fn is_ignored_in<'v>(&self, value: &'v str) -> Option<&'v str> {
        let literal = self.literal && self.dialect == Dialect::ImageSyncer;
        only_variable(value).filter(|name| literal && (self.environment)(name).is_some())
    }

    /// image-syncer replaces every `$NAME`, and one that is not set by nothing. Here a bare one that is not set stays:
    /// `robot$project+name` and passwords with `$` then work, which image-syncer cannot take.
    fn expand_login_as_image_syncer(&self, value: &str) -> (String, Vec<VariableError>) {
        let mut unset = Vec::new();
        // The names of Harbor's robot accounts begin like this.
        let (kept, rest) = match value.strip_prefix("robot$") {
            Some(rest) => ("robot$", rest),
            None => ("", value),
        };
        let whole = only_variable(value).is_some();
        let mut out = kept.to_owned();
        for piece in pieces(rest) {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Variable { name, written } => match (self.environment)(name) {
                    Some(text) => out.push_str(&text),
                    None if whole || written.starts_with("${") => unset.push(VariableError::Unset(name.to_owned())),
                    None => out.push_str(written),
                },
            }
        }
        (out, unset)
    }
}

/// A part of a value.
enum Piece<'v> {
    Text(&'v str),
    Variable { name: &'v str, written: &'v str },
}

/// Replaces variables as Go's `os.Expand` does.
fn shell(value: &str, look_up: impl Fn(&str) -> String) -> String {
    let replaced = |piece| match piece {
        Piece::Text(text) => text.to_owned(),
        Piece::Variable { name, .. } => look_up(name),
    };
    pieces(value).into_iter().map(replaced).collect()
}

/// The parts of a value as Go's `os.Expand` sees them: `$` with nothing behind it that it knows is text, `${}` and a
/// brace that is never closed are nothing, and one digit or one of `*#$@!?-` is a name.
fn pieces(value: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut rest = value;
    while let Some(at) = rest.find('$').filter(|at| at + 1 < rest.len()) {
        let (before, from) = rest.split_at(at);
        found.push(Piece::Text(before));
        let (name, length) = name_after(&from[1..]);
        let written = &from[..=length];
        match (name, length) {
            ("", 0) => found.push(Piece::Text("$")),
            ("", _) => {}
            (name, _) => found.push(Piece::Variable { name, written }),
        }
        rest = &from[length + 1..];
    }
    found.push(Piece::Text(rest));
    found
}

/// The name that `text` begins with, and how much of it belongs to the name.
fn name_after(text: &str) -> (&str, usize) {
    let is_special = |c: char| c.is_ascii_digit() || "*#$@!?-".contains(c);
    if let Some(inside) = text.strip_prefix('{') {
        return match inside.find('}') {
            Some(end) => (&inside[..end], end + 2),
            None => ("", 1),
        };
    }
    if text.starts_with(is_special) {
        return (&text[..1], 1);
    }
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    (&text[..end], end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_expanded_as_go_does() {
        let look_up = |name: &str| match name {
            "REG" => "h.io".to_owned(),
            "a-b" => "odd".to_owned(),
            _ => String::new(),
        };
        for (value, expected) in [
            ("$REG/m/app", "h.io/m/app"),
            ("${REG}/m/app", "h.io/m/app"),
            ("x/app${SUFFIX}:$TAG", "x/app:"),
            ("$REG$REG", "h.ioh.io"),
            ("$REG_X/a", "/a"),
            ("a$", "a$"),
            ("a$/b", "a$/b"),
            ("a$$b", "ab"),
            ("a$1b", "ab"),
            ("a${}b", "ab"),
            ("a${b", "ab"),
            ("${a-b}", "odd"),
            ("é$é", "é$é"),
            ("", ""),
        ] {
            assert_eq!(shell(value, look_up), expected, "{value}");
        }
    }
}
