//! From the two sides of a rule to what they mean.

use std::sync::Arc;

use regex::Regex;
use sealift_core::content::{Digest, ReferenceError, Repository, Suffix, Tag};

use super::{Part, Rule, RuleError, RuleErrorKind as Kind, RuleWarning, Select, TargetRule, TargetVersion};
use crate::variables::{VariableError, Variables};

impl Rule {
    /// Reads a rule. `label` says where it stands. Variables are replaced in the destinations; when only checking, a
    /// destination with one that is not set is left out, with a warning.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(
        source: &str,
        destinations: &[&str],
        label: impl Into<Arc<str>>,
        variables: &Variables,
    ) -> Result<(Self, Vec<RuleWarning>), Vec<RuleError>> {
        let mut errors = Vec::new();
        let mut warnings = Vec::new();
        let rule = Self::untargeted(source, label).map_err(|found| errors.extend(found)).ok();
        if destinations.is_empty() {
            errors.push(RuleError::new(Kind::EmptyDestination, Part::Destinations, "the rule has no destination"));
        }
        let mut targets = Vec::with_capacity(destinations.len());
        for (at, destination) in destinations.iter().enumerate() {
            let part = Part::Destination(at);
            let Some(text) = expand(destination, part, variables, &mut errors, &mut warnings) else { continue };
            match parse_target(&text, part) {
                Ok(target) => {
                    warnings.extend(hub_by_accident(&text, &target, part));
                    errors.extend(rule.as_ref().and_then(|rule| mismatch(&rule.select, &target, part)));
                    if !targets.contains(&target) {
                        targets.push(target);
                    }
                }
                Err(error) => errors.push(error),
            }
        }
        match rule {
            Some(rule) if errors.is_empty() => Ok((Self { targets, ..rule }, warnings)),
            _ => Err(errors),
        }
    }

    /// Reads a source alone: a rule without targets, so that the destination names what arrives.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn untargeted(source: &str, label: impl Into<Arc<str>>) -> Result<Self, Vec<RuleError>> {
        let error = |error| vec![error];
        if source.is_empty() {
            return Err(error(RuleError::new(Kind::EmptySource, Part::Source, "the source is empty")));
        }
        let (repository, suffix) = split(source, Part::Source).map_err(error)?;
        let select = parse_select(source, suffix).map_err(error)?;
        Ok(Self { source: repository, select, targets: Vec::new(), label: label.into(), place: None })
    }
}

fn split(text: &str, part: Part) -> Result<(Repository, Suffix<'_>), RuleError> {
    // Else `https` is a repository, and what follows looks like an expression.
    if ["http://", "https://", "docker://"].iter().any(|scheme| text.starts_with(scheme)) {
        let message = format!("the {} `{text}` has a scheme", side(part));
        return Err(RuleError::new(Kind::BadReference, part, message).hint("write it without: `quay.io/team/app`"));
    }
    Repository::split(text).map_err(|error| bad(part, text, &error))
}

fn bad(part: Part, text: &str, error: &ReferenceError) -> RuleError {
    RuleError::new(Kind::BadReference, part, format!("the {} `{text}` is no image name: {error}", side(part)))
}

fn side(part: Part) -> &'static str {
    match part {
        Part::Source => "source",
        Part::Destinations | Part::Destination(_) => "destination",
    }
}

fn parse_select(source: &str, suffix: Suffix<'_>) -> Result<Select, RuleError> {
    let bad = |error: ReferenceError| bad(Part::Source, source, &error);
    match suffix {
        Suffix::None => Ok(Select::All),
        Suffix::At(digest) => parse_digest(source, Part::Source, digest).map(Select::Digest),
        Suffix::Colon(expression) if expression.starts_with('/') => parse_expression(source, &expression[1..]),
        Suffix::Colon(tags) if tags.contains(",/") => Err(RuleError::new(
            Kind::BadReference,
            Part::Source,
            format!("the source `{source}` has tags and an expression, which cannot be combined"),
        )
        .hint("write two rules, or name the tags in the expression: `/^(v1|v2)$/`")),
        Suffix::Colon(tags) => match tags.split_once('@') {
            // A tag beside a digest is only a remark.
            Some((tag, digest)) => {
                tag.parse::<Tag>().map_err(bad)?;
                parse_digest(source, Part::Source, digest).map(Select::Digest)
            }
            None => tags.split(',').map(str::parse).collect::<Result<_, _>>().map(Select::Tags).map_err(bad),
        },
    }
}

fn parse_digest(text: &str, part: Part, digest: &str) -> Result<Digest, RuleError> {
    if digest.contains(',') {
        let message = format!("`{text}` has several digests, at most one is possible");
        return Err(RuleError::new(Kind::BadReference, part, message).hint("write a rule for each"));
    }
    digest.parse().map_err(|error| bad(part, text, &ReferenceError::Digest(error)))
}

/// `rest` is what stands after the slash that begins an expression.
fn parse_expression(source: &str, rest: &str) -> Result<Select, RuleError> {
    let error = |kind, message| RuleError::new(kind, Part::Source, message);
    let Some(expression) = rest.strip_suffix('/') else {
        let several = rest.contains("/,");
        let message = match several {
            true => format!("the source `{source}` has tags and an expression, which cannot be combined"),
            false => format!("the expression `/{rest}` does not end with `/`"),
        };
        return Err(error(if several { Kind::BadReference } else { Kind::RegexUnclosed }, message));
    };
    if expression.contains("/,/") {
        let message = format!("the source `{source}` has several expressions, only one is possible");
        return Err(error(Kind::BadReference, message).hint("join them with `|`"));
    }
    match Regex::new(expression) {
        Ok(expression) => Ok(Select::Matching(expression)),
        Err(why) => {
            // The library draws a picture over several lines; what is wrong stands in its last one.
            let why = why.to_string();
            let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
            Err(error(Kind::RegexInvalid, format!("the expression `/{expression}/` cannot be compiled: {why}")))
        }
    }
}

/// The destination with its variables; none if it cannot be known.
fn expand(
    destination: &str,
    part: Part,
    variables: &Variables,
    errors: &mut Vec<RuleError>,
    warnings: &mut Vec<RuleWarning>,
) -> Option<String> {
    let found = match variables.expand(destination) {
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

fn parse_target(text: &str, part: Part) -> Result<TargetRule, RuleError> {
    if text.is_empty() {
        return Err(RuleError::new(Kind::EmptyDestination, part, "the destination is empty"));
    }
    let bad = |error: ReferenceError| bad(part, text, &error);
    let (repository, suffix) = split(text, part)?;
    let version = match suffix {
        Suffix::None => TargetVersion::Same,
        Suffix::At(digest) => TargetVersion::Digest(parse_digest(text, part, digest)?),
        Suffix::Colon(expression) if expression.starts_with('/') => {
            let message = format!("the destination `{text}` has an expression, only a source can have one");
            return Err(RuleError::new(Kind::BadReference, part, message));
        }
        Suffix::Colon(tags) => match tags.split_once('@') {
            Some((tag, digest)) => {
                tag.parse::<Tag>().map_err(bad)?;
                TargetVersion::Digest(parse_digest(text, part, digest)?)
            }
            None => TargetVersion::Tags(tags.split(',').map(str::parse).collect::<Result<_, _>>().map_err(bad)?),
        },
    };
    Ok(TargetRule { repository, version })
}

/// Whether what the source selects can be called what the destination says.
fn mismatch(select: &Select, target: &TargetRule, part: Part) -> Option<RuleError> {
    let has = match select {
        Select::All => "every tag".to_owned(),
        Select::Matching(_) => "every tag that matches".to_owned(),
        Select::Digest(_) => "1 digest".to_owned(),
        Select::Tags(tags) if tags.len() == 1 => "1 tag".to_owned(),
        Select::Tags(tags) => format!("{} tags", tags.len()),
    };
    let count = |found: String| {
        let message = format!("the destination `{target}` has {found} and the source has {has}: they must be as many");
        Some(
            RuleError::new(Kind::TagCount, part, message)
                .hint("without a tag the destination keeps those of the source"),
        )
    };
    match (&target.version, select) {
        (TargetVersion::Same, _) => None,
        (TargetVersion::Tags(to), Select::Tags(from)) if to.len() == from.len() => None,
        (TargetVersion::Tags(to), Select::Digest(_)) if to.len() == 1 => None,
        (TargetVersion::Tags(to), _) if to.len() == 1 => count("1 tag".to_owned()),
        (TargetVersion::Tags(to), _) => count(format!("{} tags", to.len())),
        (TargetVersion::Digest(to), Select::Digest(from)) if from == to => None,
        (TargetVersion::Digest(to), Select::Digest(from)) => {
            let message =
                format!("the source has the digest `{from}` and the destination `{to}`: they must be the same");
            Some(RuleError::new(Kind::DigestMismatch, part, message))
        }
        (TargetVersion::Digest(_), Select::Tags(from)) if from.len() == 1 => None,
        (TargetVersion::Digest(_), _) => count("1 digest".to_owned()),
    }
}

/// A destination without a registry is Docker Hub, which is hardly ever meant.
fn hub_by_accident(text: &str, target: &TargetRule, part: Part) -> Option<RuleWarning> {
    let is_hub = target.repository.registry() == "docker.io";
    let says_so = ["docker.io/", "index.docker.io/", "registry-1.docker.io/"].iter().any(|hub| text.starts_with(hub));
    (is_hub && !says_so).then(|| RuleWarning {
        part,
        message: format!("the destination `{text}` names no registry, so it is at Docker Hub: `{}`", target.repository),
        hint: Some(format!("write `docker.io/{text}` if that is meant")),
    })
}
