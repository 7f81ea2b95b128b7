//! Errors of clap as diagnostics: worded and shown as all others, with a hint, and as JSON objects under `--json`.

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use sealift_core::diagnostic::Diagnostic;

use crate::program::Program;

/// Converts an error of clap; none if it is no error (help), or of a kind that clap prints itself.
pub(crate) fn diagnostic(error: &Error, program: Program) -> Option<Diagnostic> {
    let known = ClapError { error, program };
    let message = match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let verb = known.text(ContextKind::InvalidSubcommand)?;
            format!("there is no verb `{verb}`{}", known.meant(ContextKind::SuggestedSubcommand))
        }
        ErrorKind::UnknownArgument => {
            let argument = known.text(ContextKind::InvalidArg)?;
            match argument.starts_with('-') && argument.len() > 1 {
                true => format!("unknown flag `{argument}`{}", known.meant(ContextKind::SuggestedArg)),
                false => format!("there is one argument too many: `{argument}`"),
            }
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = known.all(ContextKind::InvalidArg);
            let are = if missing.len() == 1 { "is" } else { "are" };
            format!("{} {are} missing", quoted(&missing))
        }
        ErrorKind::ArgumentConflict => {
            let (one, others) = (known.text(ContextKind::InvalidArg)?, known.all(ContextKind::PriorArg));
            match others.contains(&one) {
                true => format!("`{one}` is given twice"),
                false => format!("`{one}` and {} exclude each other", quoted(&others)),
            }
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => return known.value(),
        ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            let number = |kind| known.number(kind);
            let (argument, least) = (known.text(ContextKind::InvalidArg)?, number(ContextKind::MinValues));
            let least = least.or_else(|| number(ContextKind::ExpectedNumValues)).unwrap_or(1);
            let given = number(ContextKind::ActualNumValues).unwrap_or_default();
            format!("`{argument}` takes {least} values or more, and {given} is given")
        }
        ErrorKind::TooManyValues => {
            format!("there is one argument too many: `{}`", known.text(ContextKind::InvalidValue)?)
        }
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            return None;
        }
        _ => {
            let text = error.to_string();
            let text = text.split("\n\n").next().unwrap_or_default();
            text.strip_prefix("error: ").unwrap_or(text).trim().to_owned()
        }
    };
    Some(known.hint(Diagnostic::error(message)))
}

/// An error of clap, and the program that it is about.
struct ClapError<'e> {
    error: &'e Error,
    program: Program,
}

impl ClapError<'_> {
    /// Returns the values of one kind.
    fn all(&self, kind: ContextKind) -> Vec<String> {
        match self.error.get(kind) {
            Some(ContextValue::String(text)) => vec![text.clone()],
            Some(ContextValue::Strings(texts)) => texts.clone(),
            Some(ContextValue::StyledStr(text)) => vec![text.to_string()],
            Some(ContextValue::StyledStrs(texts)) => texts.iter().map(ToString::to_string).collect(),
            _ => Vec::new(),
        }
    }

    fn number(&self, kind: ContextKind) -> Option<isize> {
        match self.error.get(kind) {
            Some(ContextValue::Number(number)) => Some(*number),
            _ => None,
        }
    }

    fn text(&self, kind: ContextKind) -> Option<String> {
        self.all(kind).into_iter().next()
    }

    fn meant(&self, kind: ContextKind) -> String {
        // The library puts the closest one last.
        self.all(kind).pop().map_or_else(String::new, |meant| format!(", did you mean `{meant}`?"))
    }

    /// Describes a value that an argument does not take.
    fn value(&self) -> Option<Diagnostic> {
        let argument = self.text(ContextKind::InvalidArg)?;
        let value = self.text(ContextKind::InvalidValue).unwrap_or_default();
        if value.is_empty() {
            return Some(self.hint(Diagnostic::error(format!("`{argument}` lacks a value"))));
        }
        let possible = self.all(ContextKind::ValidValue);
        let expected = match (std::error::Error::source(self.error), &possible[..]) {
            (Some(why), _) => why.to_string(),
            (None, []) => "it is not taken".to_owned(),
            (None, values) => format!("expected {}", quoted(values).replace(" and ", " or ")),
        };
        let meant = self.meant(ContextKind::SuggestedValue);
        Some(Diagnostic::error(format!("`{value}` is no value for `{argument}`: {expected}{meant}")))
    }

    /// Adds a hint: the command that prints the help of the verb that was typed.
    fn hint(&self, diagnostic: Diagnostic) -> Diagnostic {
        let usage = self.error.get(ContextKind::Usage).map(ToString::to_string).unwrap_or_default();
        let verb = usage.split_whitespace().skip_while(|word| *word != self.program.name).nth(1);
        let verb = verb.filter(|word| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'));
        let verb = verb.filter(|word| !word.starts_with('-'));
        diagnostic.hint(format!("run `{}`", self.program.help(verb)))
    }
}

fn quoted(texts: &[String]) -> String {
    let quoted: Vec<_> = texts.iter().map(|text| format!("`{text}`")).collect();
    match &quoted[..] {
        [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        all => all.concat(),
    }
}
