//! The `age` filter: which images are wanted, by when they were created.

use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use sealift_core::{
    async_trait,
    error::Result,
    job::Resolved,
    plugin::{BuildContext, ConfigError, Plugin, StageConfig},
    stage::{Fetch, Filter, ResolveMode, Verdict},
};
use serde::Deserialize;

use crate::{
    created::{cannot_tell, created, pushed},
    period::Period,
};

/// Keeps images of a certain age, such as those that had a week to show their faults.
///
/// The age is what the image says: the annotation `org.opencontainers.image.created`, else `created` in its config. That
/// is when it was built, not when it was pushed, and a builder can write any date there. An index is as old as
/// its first image. Dates before 2013, which reproducible builds put in, count as none. With `by = "pushed"` the time of the
/// push counts instead, which some registries tell.
///
/// Only images that are not at the destination already are asked; each costs one or two small reads, which the copy
/// does not repeat.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("examples" = [{ "at_least": "7d" }]))]
pub struct Age {
    /// Drop images that are younger, such as `7d` or `12h`. Units: `w`, `d`, `h`, `m`, `s`. Default: no limit.
    #[schemars(example = &"7d")]
    pub at_least: Option<Period>,
    /// Drop images that are older, such as `90d`. Default: no limit.
    #[schemars(example = &"90d")]
    pub at_most: Option<Period>,
    /// The date that counts. Default: `created`.
    pub by: AgeBy,
    /// Treatment of images without a date. Default: `drop`.
    pub undated: Undated,
}

/// The date that the age of an image is measured by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgeBy {
    /// The date at which it was created, as it says itself.
    #[default]
    Created,
    /// The time at which its tag was last pushed to the source. Docker Hub, Harbor, Quay, Google's registries and
    /// Azure Container Registry tell it, a hundred tags or more in one request; so do ECR, SWR and Alibaba's registries
    /// to the logins of their clouds.
    Pushed,
}

/// Treatment of images without a date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Undated {
    /// They are skipped: only what is known to have the right age goes on.
    #[default]
    Drop,
    /// They go on.
    Keep,
}

/// Compares with the time at which it was built, so that all images of a run are measured alike.
struct Ages {
    config: Age,
    now: Timestamp,
}

impl StageConfig<dyn Filter> for Age {
    fn build(self, _: &BuildContext<'_>) -> Result<Box<dyn Filter>, ConfigError> {
        match (self.at_least, self.at_most) {
            (None, None) => {
                let error = ConfigError::new("the filter drops nothing: `at_least` and `at_most` are left out");
                Err(error.hint("set one of them, such as `at_least = \"7d\"`, or remove the filter"))
            }
            (Some(least), Some(most)) if least > most => {
                let message = format!("no image is at least `{least}` and at most `{most}` old");
                Err(ConfigError::new(message).at("at_most"))
            }
            _ => Ok(Box::new(Ages { config: self, now: Timestamp::now() })),
        }
    }
}

impl Ages {
    async fn created(&self, image: &Resolved, from: &dyn Fetch) -> Result<Option<Timestamp>> {
        let manifest = match &image.manifest {
            Some(manifest) => manifest.clone(),
            None => match from.resolve(&image.image, ResolveMode::Manifest).await?.manifest {
                Some(manifest) => manifest,
                None => from.manifest(&image.image.repository, &image.descriptor).await?,
            },
        };
        created(&manifest, &image.image.repository, from).await.map_err(cannot_tell(&image.image))
    }

    fn judge(&self, date: Option<Timestamp>) -> Verdict {
        let Some(date) = date else {
            let reason = match self.config.by {
                AgeBy::Created => "it does not say when it was created",
                AgeBy::Pushed => "it is not known when it was pushed",
            };
            return match self.config.undated {
                Undated::Keep => Verdict::Keep,
                Undated::Drop => Verdict::Drop { reason: reason.to_owned() },
            };
        };
        // An image from the future, by a clock that is wrong, is brand new.
        let age = Period::from(Duration::try_from(self.now.duration_since(date)).unwrap_or_default());
        match (self.config.at_least, self.config.at_most) {
            (Some(least), _) if age < least => Verdict::Drop { reason: format!("it is {age} old, less than {least}") },
            (_, Some(most)) if age > most => Verdict::Drop { reason: format!("it is {age} old, more than {most}") },
            _ => Verdict::Keep,
        }
    }
}

#[async_trait]
impl Filter for Ages {
    async fn check(&self, image: &Resolved, from: &dyn Fetch) -> Result<Verdict> {
        let date = match self.config.by {
            AgeBy::Created => self.created(image, from).await?,
            AgeBy::Pushed => pushed(&image.image, from).await?,
        };
        Ok(self.judge(date))
    }

    fn may_leave_nothing(&self) -> bool {
        true // in some nights there is nothing new, or nothing old enough
    }

    fn summary(&self) -> Option<String> {
        let least = self.config.at_least.map(|least| format!("at least {least} old"));
        let most = self.config.at_most.map(|most| format!("at most {most} old"));
        Some(least.into_iter().chain(most).collect::<Vec<_>>().join(" and "))
    }

    fn drops_entries(&self) -> bool {
        false
    }
}

sealift_core::inventory::submit! { Plugin::filter::<Age>("age") }

#[cfg(test)]
mod tests;
