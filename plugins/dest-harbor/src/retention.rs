//! Policies for retention: the written images that the next run of a policy may delete.
//!
//! Harbor goes through the repositories that the scope of a rule has. In each of them such rules name the images that stay,
//! each rule among those that have one of its tags; all others are deleted. A repository in no scope is left alone
//! (`pkg/retention/launcher.go`, `pkg/retention/policy`). What a rule counts or measures changes until the policy runs, so
//! this tells what may happen, and is silent only where nothing can.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sealift_core::content::Digest;
use serde::Deserialize;

use crate::{
    api::{Api, Lookup},
    rule::RetentionRule,
};

/// The images that a run wrote to a project, with the tags that it wrote: by repository, without the project.
pub(crate) type WrittenImages = BTreeMap<String, BTreeMap<Digest, BTreeSet<String>>>;

/// A policy, as the API has it (`RetentionPolicy`).
#[derive(Debug, Deserialize)]
pub(crate) struct RetentionPolicy {
    #[serde(default)]
    rules: Vec<RetentionRule>,
    #[serde(default)]
    trigger: Trigger,
}

#[derive(Debug, Default, Deserialize)]
struct Trigger {
    #[serde(default)]
    settings: Option<Settings>,
}

#[derive(Debug, Deserialize)]
struct Settings {
    #[serde(default)]
    cron: Option<String>,
}

/// Written images that a policy may delete.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EndangeredImages {
    pub(crate) count: usize,
    /// The repository of one of them, without the project, and its tag or digest.
    pub(crate) example: (String, String),
    /// The images that the policy keeps, and when it runs, in words.
    pub(crate) policy: String,
}

impl RetentionPolicy {
    /// Returns the images that no rule is sure to keep, if there are any. `announced` is the number of images that the run
    /// is about in a repository, whether or not they were there already.
    pub(crate) fn endangers(
        &self,
        written: &WrittenImages,
        announced: &HashMap<String, usize>,
    ) -> Option<EndangeredImages> {
        let (mut count, mut example, mut keeps) = (0, None, Vec::new());
        for (repository, images) in written {
            let rules: Vec<&RetentionRule> = self.rules.iter().filter(|rule| rule.concerns(repository)).collect();
            let announced = announced.get(repository).copied().unwrap_or_default();
            let is_kept = |tags| rules.iter().any(|rule| rule.selects(tags) && rule.keeps_all(images, announced));
            let mut lost = images.iter().filter(|(_, tags)| !rules.is_empty() && !is_kept(*tags));
            let Some((digest, tags)) = lost.next() else { continue };
            count += 1 + lost.count();
            let name = tags.first().map_or_else(|| format!("@{digest}"), |tag| format!(":{tag}"));
            example.get_or_insert((repository.clone(), name));
            for words in rules.iter().map(|rule| rule.words()) {
                if !keeps.contains(&words) {
                    keeps.push(words);
                }
            }
        }
        let policy = format!("of each repository it keeps {}; {}", keeps.join(", and "), self.runs());
        Some(EndangeredImages { count, example: example?, policy })
    }

    fn runs(&self) -> String {
        let cron = self.trigger.settings.as_ref().and_then(|settings| settings.cron.as_deref());
        match cron.filter(|cron| !cron.is_empty()) {
            Some(cron) => format!("it runs by the schedule `{cron}`"),
            None => "it has no schedule, and runs when it is started by hand".to_owned(),
        }
    }
}

impl Api<'_> {
    /// Returns a policy, if the login may read it. Developers and robots that only push may not.
    pub(crate) async fn retention(&self, id: &str) -> Option<RetentionPolicy> {
        match self.get(&format!("retentions/{id}")).await {
            Ok(Lookup::Is(policy)) => Some(policy),
            Ok(Lookup::Missing | Lookup::Closed) => None,
            Err(error) => {
                tracing::debug!(host = self.at.registry(), id, %error, "a policy for retention cannot be read");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
