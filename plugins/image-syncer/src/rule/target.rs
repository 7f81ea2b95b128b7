//! The right side of a rule.

use sealift_core::content::{ReferenceError, ReferenceSuffix, Tag};

use super::{
    RuleError, RuleErrorKind as Kind, RulePart, RuleWarning, TargetRule, TargetVersion,
    reference::{bad, parse_digest, parse_expression, parse_names, split},
};
use crate::{
    dialect::Dialect,
    variables::{VariableError, Variables},
};

/// The destination with its variables; none if it cannot be known.
pub(super) fn expand(
    destination: &str,
    part: RulePart,
    variables: &Variables,
    errors: &mut Vec<RuleError>,
    warnings: &mut Vec<RuleWarning>,
) -> Option<String> {
    let found = match variables.expand_destination(destination) {
        Ok(text) => return Some(text),
        Err(found) => found,
    };
    for error in found {
        let message = format!("{error}, in the destination `{destination}`");
        if variables.excuses(&error) {
            warnings.push(RuleWarning { part, message, hint: None });
            continue;
        }
        let hint = match &error {
            VariableError::Unset(name) => format!("set it: `export {name}=…`"),
            VariableError::Name(_) => "a name has letters, digits and `_`: `${REGISTRY}`".to_owned(),
        };
        errors.push(RuleError::new(Kind::UnsetVariable, part, message).hint(hint));
    }
    None
}

/// Returns what to say of variables in a destination that image-syncer replaces by nothing, as they are not set.
pub(super) fn unset(destination: &str, variables: &Variables) -> Option<String> {
    let names: Vec<_> = variables.unset_in_destination(destination).iter().map(|name| format!("`{name}`")).collect();
    let (what, are) = if names.len() == 1 { ("variable", "is") } else { ("variables", "are") };
    let names = names.join(", ");
    (!names.is_empty())
        .then(|| format!("the environment {what} {names} {are} not set, in the destination `{destination}`"))
}

pub(super) fn parse_target(text: &str, part: RulePart, dialect: Dialect) -> Result<TargetRule, RuleError> {
    if text.is_empty() {
        return Err(RuleError::new(Kind::EmptyDestination, part, "the destination is empty"));
    }
    let (repository, suffix) = split(text, part)?;
    let version = match suffix {
        ReferenceSuffix::None => TargetVersion::Same,
        ReferenceSuffix::At(digest) => TargetVersion::Digest(parse_digest(text, part, digest)?),
        ReferenceSuffix::Colon(expression) if expression.starts_with('/') && dialect == Dialect::ImageSyncer => {
            TargetVersion::Matching(parse_expression(text, part, &expression[1..])?)
        }
        ReferenceSuffix::Colon(expression) if expression.starts_with('/') => {
            let message = format!("the destination `{text}` has an expression, only a source can have one");
            return Err(RuleError::new(Kind::BadReference, part, message));
        }
        ReferenceSuffix::Colon(names) => match names.split_once('@').filter(|(tag, _)| !tag.contains(',')) {
            Some((tag, digest)) => {
                let tag: Tag = tag.parse().map_err(|error: ReferenceError| bad(part, text, &error))?;
                let digest = parse_digest(text, part, digest)?;
                match dialect {
                    Dialect::Strict => TargetVersion::Pinned(tag, digest),
                    Dialect::ImageSyncer => TargetVersion::Digest(digest),
                }
            }
            None => TargetVersion::Named(parse_names(text, part, names, dialect)?),
        },
    };
    Ok(TargetRule { repository, version })
}

/// A destination without a registry is Docker Hub, which is hardly ever meant.
pub(super) fn hub_by_accident(text: &str, target: &TargetRule, part: RulePart) -> Option<RuleWarning> {
    let is_hub = target.repository.registry() == "docker.io";
    let says_so = ["docker.io/", "index.docker.io/", "registry-1.docker.io/"].iter().any(|hub| text.starts_with(hub));
    (is_hub && !says_so).then(|| RuleWarning {
        part,
        message: format!("the destination `{text}` names no registry, so it is at Docker Hub: `{}`", target.repository),
        hint: Some(format!("write `docker.io/{text}` if that is meant")),
    })
}
