//! Parses the two sides of a rule.

use std::{borrow::Cow, sync::Arc};

use sealift_core::content::{ReferenceError, ReferenceSuffix, Tag};

use super::{
    Rule, RuleError, RuleErrorKind as Kind, RulePart, RuleWarning, Select,
    fit::mismatch,
    reference::{bad, parse_digest, parse_expression, parse_names, split},
    target::{expand, hub_by_accident, parse_target, unset},
};
use crate::{dialect::Dialect, variables::Variables};

/// A rule as far as it can be read, and what is wrong with it.
pub(crate) struct Reading {
    /// The usable part of it.
    pub(crate) rule: Option<Rule>,
    pub(crate) errors: Vec<RuleError>,
    pub(crate) warnings: Vec<RuleWarning>,
}

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
        let reading = Self::read(source, destinations, label, variables);
        match reading.rule {
            Some(rule) if reading.errors.is_empty() => Ok((rule, reading.warnings)),
            _ => Err(reading.errors),
        }
    }

    /// Reads a rule as [`Rule::parse`], and gives what is right of it beside what is wrong.
    pub(crate) fn read(
        source: &str,
        destinations: &[&str],
        label: impl Into<Arc<str>>,
        variables: &Variables,
    ) -> Reading {
        let mut errors = Vec::new();
        let mut warnings = Vec::new();
        let rule = Self::source(source, label.into(), variables.dialect(), &mut errors);
        if destinations.is_empty() {
            errors.push(RuleError::new(Kind::EmptyDestination, RulePart::Destinations, "the rule has no destination"));
        }
        let mut targets = Vec::with_capacity(destinations.len());
        for (at, destination) in destinations.iter().enumerate() {
            let part = RulePart::Destination(at);
            let destination = named_for_the_source(destination, rule.as_ref(), variables);
            let Some(text) = expand(&destination, part, variables, &mut errors, &mut warnings) else { continue };
            let unset = unset(&destination, variables);
            let target = match parse_target(&text, part, variables.dialect()) {
                Ok(target) => target,
                Err(error) => {
                    let message = unset.into_iter().fold(error.message, |message, unset| format!("{message}; {unset}"));
                    errors.push(RuleError { message, ..error });
                    continue;
                }
            };
            warnings.extend(unset.map(|message| RuleWarning { part, message, hint: None }));
            warnings.extend(hub_by_accident(&text, &target, part));
            let later = variables.dialect() == Dialect::ImageSyncer;
            match rule.as_ref().and_then(|rule| mismatch(&rule.select, &target, part, later)) {
                Some(error) => errors.push(error),
                None if targets.contains(&target) => {}
                None => targets.push(target),
            }
        }
        // A destination that names one that is not set, while only checking, may leave none.
        let usable = !targets.is_empty() || (errors.is_empty() && !destinations.is_empty());
        let rule = rule.filter(|_| usable).map(|rule| Self { targets, ..rule });
        Reading { rule, errors, warnings }
    }

    /// Reads a source alone: a rule without targets, so that the destination names what arrives.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn untargeted(source: &str, label: impl Into<Arc<str>>) -> Result<Self, Vec<RuleError>> {
        let mut errors = Vec::new();
        Self::source(source, label.into(), Dialect::Strict, &mut errors).ok_or(errors)
    }

    fn source(source: &str, label: Arc<str>, dialect: Dialect, errors: &mut Vec<RuleError>) -> Option<Self> {
        if source.is_empty() {
            errors.push(RuleError::new(Kind::EmptySource, RulePart::Source, "the source is empty"));
            return None;
        }
        // image-syncer copies the others of a list and fails for what is empty.
        let without = without_empty_names(source).filter(|_| dialect == Dialect::ImageSyncer);
        if without.is_some() {
            let message = format!("the source `{source}` has an empty tag in its list");
            errors.push(RuleError::new(Kind::BadReference, RulePart::Source, message));
        }
        let source = without.as_deref().unwrap_or(source);
        let read = split(source, RulePart::Source)
            .and_then(|(repository, suffix)| Ok((repository, parse_select(source, suffix, dialect)?, suffix)));
        match read {
            Ok((source, select, suffix)) => {
                let beside = beside(&select, suffix).filter(|_| dialect == Dialect::Strict);
                Some(Self { source, select, beside, targets: Vec::new(), label, place: None })
            }
            Err(error) => {
                errors.push(error);
                None
            }
        }
    }
}

/// The tag that stands beside a digest.
fn beside(select: &Select, suffix: ReferenceSuffix<'_>) -> Option<Tag> {
    match (select, suffix) {
        (Select::Digest(_), ReferenceSuffix::Colon(rest)) => rest.split('@').next()?.parse().ok(),
        _ => None,
    }
}

/// `repo:v1,,v2,` without what is empty; none if nothing of it is, or nothing else is left.
fn without_empty_names(source: &str) -> Option<String> {
    let (first, rest) = source.split_once(',').filter(|(first, _)| !first.contains('@') && !first.contains(":/"))?;
    let named: Vec<_> = rest.split(',').filter(|name| !name.is_empty()).collect();
    (named.len() < rest.split(',').count()).then(|| std::iter::once(first).chain(named).collect::<Vec<_>>().join(","))
}

/// An empty destination as image-syncer up to 1.4 takes it: the last word of the source below `registry/namespace`.
fn named_for_the_source<'d>(destination: &'d str, rule: Option<&Rule>, variables: &Variables) -> Cow<'d, str> {
    match (rule, variables.empty_to()) {
        (Some(rule), Some(below)) if destination.is_empty() => {
            let name = rule.source.path().rsplit('/').next().unwrap_or_default();
            Cow::Owned(format!("{}/{name}", below.trim_end_matches('/')))
        }
        _ => Cow::Borrowed(destination),
    }
}

fn parse_select(source: &str, suffix: ReferenceSuffix<'_>, dialect: Dialect) -> Result<Select, RuleError> {
    let bad = |error: ReferenceError| bad(RulePart::Source, source, &error);
    match suffix {
        ReferenceSuffix::None => Ok(Select::All),
        ReferenceSuffix::At(digest) => parse_digest(source, RulePart::Source, digest).map(Select::Digest),
        ReferenceSuffix::Colon(expression) if expression.starts_with('/') => {
            parse_expression(source, RulePart::Source, &expression[1..]).map(Select::Matching)
        }
        ReferenceSuffix::Colon(tags) if tags.contains(",/") => Err(RuleError::new(
            Kind::BadReference,
            RulePart::Source,
            format!("the source `{source}` has tags and an expression, which cannot be combined"),
        )
        .hint("write two rules, or name the tags in the expression: `/^(v1|v2)$/`")),
        ReferenceSuffix::Colon(tags) => match tags.split_once('@').filter(|(tag, _)| !tag.contains(',')) {
            Some((tag, digest)) => {
                tag.parse::<Tag>().map_err(bad)?;
                parse_digest(source, RulePart::Source, digest).map(Select::Digest)
            }
            None => parse_names(source, RulePart::Source, tags, dialect).map(Select::Named),
        },
    }
}
