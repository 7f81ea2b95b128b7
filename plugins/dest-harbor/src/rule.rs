//! One rule of a policy for retention (`pkg/retention/policy/rule`).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use globset::GlobBuilder;
use sealift_core::content::Digest;
use serde::Deserialize;
use serde_json::Value;

/// A rule, as the API has it (`RetentionRule`).
#[derive(Debug, Deserialize)]
pub(crate) struct RetentionRule {
    #[serde(default)]
    disabled: bool,
    #[serde(default)]
    template: String,
    #[serde(default)]
    params: Option<HashMap<String, Value>>,
    #[serde(default)]
    tag_selectors: Option<Vec<Selector>>,
    #[serde(default)]
    scope_selectors: Option<HashMap<String, Vec<Selector>>>,
}

/// A choice of repositories or tags (`lib/selector/selectors/doublestar`).
#[derive(Debug, Deserialize)]
struct Selector {
    #[serde(default)]
    decoration: String,
    #[serde(default)]
    pattern: String,
    /// JSON: `{"untagged":true}`.
    #[serde(default)]
    extras: String,
}

#[derive(Deserialize)]
struct RuleExtras {
    untagged: bool,
}

impl RetentionRule {
    /// Returns true if a policy applies the rule to a repository, given without its project.
    pub(crate) fn concerns(&self, repository: &str) -> bool {
        let mut selectors = self.repositories();
        !self.disabled && selectors.all(|selector| selector.selects_name(repository).unwrap_or(true))
    }

    /// Returns true if the rule is sure to have a say on an image with these tags.
    pub(crate) fn selects(&self, tags: &BTreeSet<String>) -> bool {
        self.tags().all(|selector| selector.selects_image(tags).unwrap_or(false))
    }

    /// Returns true if the rule is sure to keep all that it selects of these images of one repository, when a policy runs
    /// after them. What a run wrote are the images pushed last; how often they are pulled is not known.
    pub(crate) fn keeps_all(&self, images: &BTreeMap<Digest, BTreeSet<String>>, announced: usize) -> bool {
        match (self.template.as_str(), self.number()) {
            ("always", _) => true,
            ("latestPushedK", Some(number)) => {
                let selected = images.values().filter(|tags| self.selects(tags)).count();
                // Those that were there already are older; a rule for some tags may not be about them.
                let about = if self.tags().all(Selector::selects_everything) { announced } else { 0 };
                usize::try_from(number).is_ok_and(|number| number >= selected.max(about))
            }
            _ => false,
        }
    }

    /// Tells what the rule keeps.
    pub(crate) fn words(&self) -> String {
        let images = |last: &str, number: u64| match number {
            1 => format!("the image {last} last"),
            _ => format!("the {number} images {last} last"),
        };
        let days = |what: &str, number: u64| match number {
            1 => format!("images {what} within 1 day"),
            _ => format!("images {what} within {number} days"),
        };
        let mut words = match (self.template.as_str(), self.number()) {
            ("always", _) => "all images".to_owned(),
            ("latestPushedK", Some(number)) => images("pushed", number),
            ("latestPulledN", Some(number)) => images("pulled", number),
            ("latestActiveK", Some(number)) => images("pushed or pulled", number),
            ("nDaysSinceLastPush" | "lastXDays", Some(number)) => days("pushed", number),
            ("nDaysSinceLastPull", Some(number)) => days("pulled", number),
            (other, _) => format!("what its rule `{other}` says, which is unknown here"),
        };
        for selector in self.tags().filter(|selector| !selector.selects_everything()) {
            let but = if selector.excludes() { "a tag other than " } else { "a tag " };
            words += &format!(" with {but}`{}`", selector.pattern);
        }
        for selector in self.repositories().filter(|selector| !selector.selects_everything()) {
            let but = if selector.excludes() { "not in " } else { "in " };
            words += &format!(" ({but}`{}`)", selector.pattern);
        }
        words
    }

    /// The number that the template takes; its parameter has its name.
    fn number(&self) -> Option<u64> {
        self.params.as_ref()?.get(&self.template)?.as_u64()
    }

    fn tags(&self) -> impl Iterator<Item = &Selector> {
        self.tag_selectors.iter().flatten()
    }

    fn repositories(&self) -> impl Iterator<Item = &Selector> {
        self.scope_selectors.iter().filter_map(|scopes| scopes.get("repository")).flatten()
    }
}

impl Selector {
    fn excludes(&self) -> bool {
        self.decoration.ends_with("xcludes")
    }

    fn selects_everything(&self) -> bool {
        !self.excludes() && matches!(self.pattern.as_str(), "" | "**")
    }

    /// Returns whether a name is selected; none if the pattern cannot be read.
    fn selects_name(&self, name: &str) -> Option<bool> {
        if self.pattern.is_empty() {
            return Some(!self.excludes());
        }
        let glob = GlobBuilder::new(&self.pattern).literal_separator(true).build().ok()?;
        Some(glob.compile_matcher().is_match(name) != self.excludes())
    }

    /// Returns whether an image is selected: one of its tags is enough.
    fn selects_image(&self, tags: &BTreeSet<String>) -> Option<bool> {
        if tags.is_empty() {
            let extras: Option<RuleExtras> = serde_json::from_str(&self.extras).ok();
            let untagged = extras.map_or(!self.excludes(), |extras| extras.untagged);
            return Some(untagged != self.excludes());
        }
        let answers: Option<Vec<bool>> = tags.iter().map(|tag| self.selects_name(tag)).collect();
        answers.map(|answers| answers.contains(&true))
    }
}
