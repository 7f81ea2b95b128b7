//! Parses the references on both sides of a rule: names, tags, digests, expressions.

use sealift_core::content::{Digest, Reference, ReferenceError, ReferenceSuffix, Repository};

use super::{RuleError, RuleErrorKind as Kind, RulePart};
use crate::{dialect::Dialect, expression::Expression};

pub(super) fn split(text: &str, part: RulePart) -> Result<(Repository, ReferenceSuffix<'_>), RuleError> {
    // Else `https` is a repository, and what follows looks like an expression.
    if ["http://", "https://", "docker://"].iter().any(|scheme| text.starts_with(scheme)) {
        let message = format!("the {} `{text}` has a scheme", side(part));
        return Err(RuleError::new(Kind::BadReference, part, message).hint("write it without: `quay.io/team/app`"));
    }
    Repository::parse_prefix(text).map_err(|error| bad(part, text, &error))
}

pub(super) fn bad(part: RulePart, text: &str, error: &ReferenceError) -> RuleError {
    let message = format!("the {} `{text}` is no image name: {error}", side(part));
    let bad = RuleError::new(Kind::BadReference, part, message);
    match text.contains('$') && part != RulePart::Source {
        true => bad.hint("write variables with braces: `${NAME}`"),
        false => bad,
    }
}

fn side(part: RulePart) -> &'static str {
    match part {
        RulePart::Source => "source",
        RulePart::Destinations | RulePart::Destination(_) => "destination",
    }
}

/// Reads a list of tags; in image-syncer's dialect there may be digests behind the first of them.
pub(super) fn parse_names(
    text: &str,
    part: RulePart,
    names: &str,
    dialect: Dialect,
) -> Result<Vec<Reference>, RuleError> {
    let version = |(at, name): (usize, &str)| match name.parse::<Digest>() {
        Ok(digest) if at > 0 && dialect == Dialect::ImageSyncer => Ok(Reference::Digest(digest)),
        _ => name.parse().map(Reference::Tag).map_err(|error| bad(part, text, &error)),
    };
    names.split(',').enumerate().map(version).collect()
}

pub(super) fn parse_digest(text: &str, part: RulePart, digest: &str) -> Result<Digest, RuleError> {
    if digest.contains(',') {
        let message = format!("`{text}` has several digests, at most one is possible");
        return Err(RuleError::new(Kind::BadReference, part, message).hint("write a rule for each"));
    }
    digest.parse().map_err(|error| bad(part, text, &ReferenceError::Digest(error)))
}

/// `rest` is what stands after the slash that begins an expression.
pub(super) fn parse_expression(text: &str, part: RulePart, rest: &str) -> Result<Expression, RuleError> {
    let error = |kind, message| RuleError::new(kind, part, message);
    let side = side(part);
    let Some(expression) = rest.strip_suffix('/') else {
        let several = rest.contains("/,");
        let message = match several {
            true => format!("the {side} `{text}` has tags and an expression, which cannot be combined"),
            false => format!("the expression `/{rest}` lacks the `/` at its end"),
        };
        return Err(error(if several { Kind::BadReference } else { Kind::RegexUnclosed }, message));
    };
    if expression.contains("/,/") {
        let message = format!("the {side} `{text}` has several expressions, only one is possible");
        return Err(error(Kind::BadReference, message).hint("join them with `|`"));
    }
    Expression::new(expression)
        .map_err(|why| error(Kind::RegexInvalid, format!("the expression `/{expression}/` cannot be compiled: {why}")))
}
