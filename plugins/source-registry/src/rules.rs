//! Builds the list: reads its rules, and reports every mistake at its key or its place in the file.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use sealift_core::{
    content::ImageRef,
    diagnostic::Diagnostic,
    error::{Error, ErrorKind},
    plugin::{BuildContext, ConfigError, Plugin, Purpose, StageConfig},
    stage::List,
};
use sealift_image_syncer::{Rule, RulePart, Variables, config_file, is_config_file, read as read_file, rules_file};
use sealift_registry_client::{Credentials, Registries};

use crate::{
    config::{ListConfig, RuleConfig},
    list::RegistryList,
};

sealift_core::inventory::submit! { Plugin::list::<ListConfig>("registry") }

impl StageConfig<dyn List> for ListConfig {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn List>, ConfigError> {
        match (read(&self, cx), cx.section::<Registries>()) {
            (Ok(ReadRules { rules, refused }), Ok(registries)) => {
                if cx.purpose() == Purpose::Check {
                    warn_of_shared_names(&rules, cx);
                }
                Ok(Box::new(RegistryList::new(registries.client(), rules).with_refused(refused)))
            }
            (Err(problem), Ok(_)) | (Ok(_), Err(problem)) => Err(problem),
            (Err(one), Err(other)) => Err(one.and(other)),
        }
    }
}

/// The rules of a list.
#[derive(Debug, Default)]
pub(crate) struct ReadRules {
    /// The rules that can be followed.
    pub(crate) rules: Vec<Rule>,
    /// The rules that are left out: position and error.
    pub(crate) refused: Vec<(Arc<str>, Error)>,
}

/// Reads the rules of a list.
pub(crate) fn read(config: &ListConfig, cx: &BuildContext<'_>) -> Result<ReadRules, ConfigError> {
    match (&config.rules, &config.images) {
        (Some(file), None) => from_file(file, config, cx),
        (None, Some(images)) => in_place(images, cx).map(|rules| ReadRules { rules, ..ReadRules::default() }),
        (Some(_), Some(_)) => {
            Err(ConfigError::new("`rules` and `images` exclude each other").at("images").hint("keep one of them"))
        }
        (None, None) => Err(ConfigError::new("the list names no image")
            .hint("name a file with `rules = \"images.yaml\"`, or write rules in place with `images = [{ from = \"nginx:1.27\", to = [\"harbor.corp/hub/nginx\"] }]`")),
    }
}

fn from_file(file: &str, config: &ListConfig, cx: &BuildContext<'_>) -> Result<ReadRules, ConfigError> {
    let text = read_file(&cx.path(file), file).map_err(ConfigError::from).map_err(|error| error.at("rules"))?;
    let variables = Variables::of(cx).in_dialect(config.dialect).with_empty_to(config.empty_to.as_deref());
    // What has no place in the file, such as that its name does not say what it is, is about the key.
    let at_the_key = |error: Vec<Diagnostic>| ConfigError::from(error).at("rules");
    let (rules, found) = if is_config_file(&text, file) {
        let (config, found) = config_file(&text, file, &variables).map_err(at_the_key)?;
        // One file that holds both may come without rules, as image-syncer has it; a file of rules may not.
        if !config.has_images && !cx.section::<Credentials>().is_ok_and(|logins| logins.are_from(file)) {
            let error = Diagnostic::error(format!("`{file}` holds no rules: there is no `images` in it"));
            return Err(at_the_key(vec![
                error.hint("a file of logins is given with `--auth`, one of both with `--config`"),
            ]));
        }
        (config.rules, found)
    } else {
        rules_file(&text, file, &variables).map_err(at_the_key)?
    };
    let (errors, warnings): (Vec<_>, Vec<_>) = found.into_iter().partition(Diagnostic::is_error);
    warnings.into_iter().for_each(|warning| cx.warn(warning));
    // Without a single rule nothing can run, so it is the file that is wrong.
    if rules.is_empty() && !errors.is_empty() {
        return Err(at_the_key(errors));
    }
    Ok(ReadRules { rules, refused: errors.into_iter().map(|error| refused(file, error)).collect() })
}

/// A rule that is left out, as a failure of the run.
fn refused(file: &str, error: Diagnostic) -> (Arc<str>, Error) {
    let place = error.location.map_or_else(|| file.to_owned(), |place| format!("{}:{}", place.file, place.line));
    let failure = Error::new(ErrorKind::Unsupported, error.message);
    (place.into(), error.hint.into_iter().fold(failure, |failure, hint| failure.with_hint(hint)))
}

fn in_place(images: &[RuleConfig], cx: &BuildContext<'_>) -> Result<Vec<Rule>, ConfigError> {
    let variables = Variables::of(cx);
    let mut problems = ConfigError::default();
    let mut rules = Vec::with_capacity(images.len());
    for (at, wanted) in images.iter().enumerate() {
        let label = format!("images[{at}]");
        let to: Vec<&str> = wanted.to.iter().map(String::as_str).collect();
        let parsed = if to.is_empty() {
            Rule::untargeted(&wanted.from, label.as_str()).map(|rule| (rule, Vec::new()))
        } else {
            Rule::parse(&wanted.from, &to, label.as_str(), &variables)
        };
        match parsed {
            Ok((rule, warnings)) => {
                for warning in warnings {
                    let diagnostic =
                        Diagnostic::warning(warning.message).note(format!("in {}", key(&label, warning.part)));
                    cx.warn(Diagnostic { hint: warning.hint, ..diagnostic });
                }
                rules.push(rule);
            }
            Err(errors) => {
                for error in errors {
                    let problem = ConfigError::new(error.message).at(key(&label, error.part));
                    let problem = match error.hint {
                        Some(hint) => problem.hint(hint),
                        None => problem,
                    };
                    problems = problems.and(problem);
                }
            }
        }
    }
    problems.or_ok(rules)
}

/// Warns of names that two rules give to different images, as far as rules name their versions. A run tells them as well.
fn warn_of_shared_names(rules: &[Rule], cx: &BuildContext<'_>) {
    let mut owners: HashMap<ImageRef, (ImageRef, &Rule)> = HashMap::new();
    let mut told = HashSet::new();
    for rule in rules.iter().filter(|rule| !rule.needs_tags()) {
        for candidate in rule.listing(&[]).candidates {
            let source = ImageRef { repository: rule.source.clone(), reference: candidate.reference.clone() };
            for target in candidate.targets {
                let (first, other) = owners.entry(target.clone()).or_insert_with(|| (source.clone(), rule));
                if *first == source || !told.insert((Arc::clone(&other.label), Arc::clone(&rule.label))) {
                    continue;
                }
                let message = format!(
                    "`{target}` is given to two images: `{first}` ({}), and `{source}` ({})",
                    other.label, rule.label
                );
                let warning = Diagnostic::warning(message)
                    .hint("a name holds one image: let one of the two rules write another name");
                match &rule.place {
                    Some(place) => cx.warn(warning.at(place.clone())),
                    None => cx.warn_at(key(&rule.label, RulePart::Destinations), warning),
                }
            }
        }
    }
}

fn key(label: &str, part: RulePart) -> String {
    match part {
        RulePart::Source => format!("{label}.from"),
        RulePart::Destinations => format!("{label}.to"),
        RulePart::Destination(at) => format!("{label}.to[{at}]"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sealift_core::plugin::Purpose;

    use super::*;

    fn cx(dir: &std::path::Path) -> BuildContext<'static> {
        BuildContext::new(Arc::new(|_| None), dir, Purpose::Run)
    }

    fn wanted(from: &str, to: &[&str]) -> RuleConfig {
        RuleConfig { from: from.to_owned(), to: to.iter().map(|to| (*to).to_owned()).collect() }
    }

    #[test]
    fn rules_in_place_are_those_of_a_file() {
        let images = vec![wanted("quay.io/a/b:/^v3/", &["h.io/a/b"]), wanted("nginx:1,2", &[])];
        let rules = in_place(&images, &cx(".".as_ref())).unwrap();
        assert_eq!(
            rules.iter().map(Rule::from).collect::<Vec<_>>(),
            ["quay.io/a/b:/^v3/", "docker.io/library/nginx:1,2"]
        );
        assert_eq!(&*rules[0].label, "images[0]");
        assert!(rules[1].targets.is_empty());
    }

    #[test]
    fn every_mistake_is_said_with_its_key() {
        let images =
            vec![wanted("quay.io/A/b", &["h.io/a"]), wanted("", &["h.io/a"]), wanted("a:1,2", &["h.io/a", "h.io/a:x"])];
        let problems = in_place(&images, &cx(".".as_ref())).unwrap_err().into_problems();
        let keys: Vec<_> = problems.iter().map(|problem| problem.key.as_deref().unwrap()).collect();
        assert_eq!(keys, ["images[0].from", "images[1].from", "images[2].to[1]"]);
    }

    #[test]
    fn exactly_one_kind_of_rules_is_needed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("images.yaml"), "nginx:1: h.io/a\n").unwrap();
        let config = |rules: Option<&str>, images| ListConfig {
            rules: rules.map(str::to_owned),
            images,
            ..ListConfig::default()
        };
        let read =
            |config| read(&config, &cx(dir.path())).map(|read| read.rules.len()).map_err(|error| error.into_problems());
        assert_eq!(read(config(Some("images.yaml"), None)).ok(), Some(1));
        assert_eq!(read(config(None, Some(vec![]))).ok(), Some(0));
        assert!(read(config(None, None)).unwrap_err()[0].diagnostic.message.contains("names no image"));
        assert!(read(config(Some("x"), Some(vec![]))).is_err());
        assert_eq!(read(config(Some("no.yaml"), None)).unwrap_err()[0].key.as_deref(), Some("rules"));
    }

    #[test]
    fn mistakes_in_a_file_have_its_places() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("images.yaml"), "nginx:1: h.io/a\nquay.io/A: h.io/b\n").unwrap();
        let problems = from_file("images.yaml", &ListConfig::default(), &cx(dir.path())).unwrap_err().into_problems();
        assert_eq!(problems[0].diagnostic.location.as_ref().unwrap().line, 2);
    }
}
