//! What is typed wrong, told as everything else that is wrong is told: in our words, with a hint.

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use sealift_core::diagnostic::Diagnostic;

use crate::args::Called;

/// What is wrong with the arguments; none if that is not an error (help), or one of a kind that is told elsewhere.
pub(crate) fn told(error: &Error, called: Called) -> Option<Diagnostic> {
    let known = Known { error, called };
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
        _ => return None,
    };
    Some(known.hint(Diagnostic::error(message)))
}

/// What clap knows of an error.
struct Known<'e> {
    error: &'e Error,
    called: Called,
}

impl Known<'_> {
    /// Everything of a kind.
    fn all(&self, kind: ContextKind) -> Vec<String> {
        match self.error.get(kind) {
            Some(ContextValue::String(text)) => vec![text.clone()],
            Some(ContextValue::Strings(texts)) => texts.clone(),
            Some(ContextValue::StyledStr(text)) => vec![text.to_string()],
            Some(ContextValue::StyledStrs(texts)) => texts.iter().map(ToString::to_string).collect(),
            _ => Vec::new(),
        }
    }

    fn text(&self, kind: ContextKind) -> Option<String> {
        self.all(kind).into_iter().next()
    }

    fn meant(&self, kind: ContextKind) -> String {
        // The library puts the closest one last.
        self.all(kind).pop().map_or_else(String::new, |meant| format!(", did you mean `{meant}`?"))
    }

    /// A value that an argument does not take.
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

    /// Where to read more: the help of the verb that was typed.
    fn hint(&self, diagnostic: Diagnostic) -> Diagnostic {
        let usage = self.error.get(ContextKind::Usage).map(ToString::to_string).unwrap_or_default();
        let verb = usage.split_whitespace().skip_while(|word| *word != "sealift").nth(1);
        let verb = verb.filter(|word| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'));
        let verb = verb.filter(|word| !word.starts_with('-'));
        diagnostic.hint(format!("run `{}`", self.called.help(verb)))
    }
}

fn quoted(texts: &[String]) -> String {
    let quoted: Vec<_> = texts.iter().map(|text| format!("`{text}`")).collect();
    match &quoted[..] {
        [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        all => all.concat(),
    }
}
