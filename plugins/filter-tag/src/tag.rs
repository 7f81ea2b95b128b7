//! The `tag` filter: which tags are wanted, by name alone.

use schemars::JsonSchema;
use sealift_core::{
    job::Listing,
    plugin::{BuildContext, ConfigError, Plugin, StageConfig},
    stage::Filter,
};
use serde::Deserialize;

use crate::{pattern::TagPattern, range::VersionRange, version::TagVersion};

/// Keeps the tags that match patterns and a range of versions.
///
/// A tag is kept if one of `include` matches it, and it is in the range of `semver`, and none of `exclude` matches it;
/// a key that is left out asks for nothing. Only names are looked at, so this filter costs no request. Images that are
/// asked for by digest have no tag and are kept.
///
/// A pattern is a glob for the whole tag (`*`, `?`, `[a-z]`, `{a,b}`), or an expression between slashes, which may
/// match anywhere in it: `1.27.*`, `/^v3\./`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("examples" = [{ "exclude": ["*-rc*"] }]))]
pub struct TagFilter {
    /// Keep only tags that match at least one of these patterns, such as `1.27.*` or `/^v3\./`. Default: all.
    #[schemars(example = ["1.27.*"])]
    pub include: Vec<String>,
    /// Drop tags that match one of these patterns, such as `*-rc*`. They win over `include`. Default: none.
    #[schemars(example = ["*-rc*"])]
    pub exclude: Vec<String>,
    /// Keep only tags that are versions in this range, such as `>=1.20, <2`, as Cargo writes them: `1.2` means at least
    /// 1.2.0 and less than 2. Several ranges are joined by `||`. Tags may be looser than semver: `v1`, `1.2`, and
    /// `1.2.3-alpine`, which is in a range whenever `1.2.3` is. Tags that are no versions, such as `latest`, are
    /// dropped. Default: any tag.
    #[schemars(example = &">=1.20, <2")]
    pub semver: Option<String>,
    /// Lets `semver` take prereleases such as `1.3.0-rc1` wherever they lie in the range. Without this a range takes only
    /// those of a version that it names as prerelease itself, as in `>=1.3.0-beta`. Default: false.
    pub prereleases: bool,
}

struct CompiledTags {
    include: Vec<TagPattern>,
    exclude: Vec<TagPattern>,
    range: Option<VersionRange>,
    summary: String,
}

impl StageConfig<dyn Filter> for TagFilter {
    fn build(self, _: &BuildContext<'_>) -> Result<Box<dyn Filter>, ConfigError> {
        let mut errors = ConfigError::default();
        let include = patterns(&self.include, "include", &mut errors);
        let exclude = patterns(&self.exclude, "exclude", &mut errors);
        let range = self.semver.as_deref().and_then(|text| range(text, self.prereleases, &mut errors));
        if self.include.is_empty() && self.exclude.is_empty() && self.semver.is_none() {
            let nothing = ConfigError::new("the filter drops nothing: `include`, `exclude` and `semver` are left out");
            errors = errors.and(nothing.hint("say which tags you want, or remove the filter"));
        } else if self.prereleases && self.semver.is_none() {
            let alone = ConfigError::new("`prereleases` has no effect without `semver`");
            errors = errors.and(alone.at("prereleases"));
        }
        errors.or_ok(Box::new(CompiledTags { include, exclude, range, summary: self.summary() }))
    }
}

impl TagFilter {
    /// Returns what it keeps, in the words of the pipeline.
    fn summary(&self) -> String {
        let kept = if self.include.is_empty() { "all".to_owned() } else { self.include.join(", ") };
        let kept = match &self.semver {
            Some(range) => format!("{kept} in {range}"),
            None => kept,
        };
        match &self.exclude[..] {
            [] => kept,
            excluded => format!("{kept} without {}", excluded.join(", ")),
        }
    }
}

fn patterns(texts: &[String], key: &str, errors: &mut ConfigError) -> Vec<TagPattern> {
    let mut patterns = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        match TagPattern::parse(text) {
            Ok(pattern) => patterns.push(pattern),
            Err(error) => *errors = std::mem::take(errors).and(error.at(format!("{key}[{index}]"))),
        }
    }
    patterns
}

fn range(text: &str, prereleases: bool, errors: &mut ConfigError) -> Option<VersionRange> {
    VersionRange::parse(text, prereleases)
        .map_err(|reason| {
            let error = ConfigError::new(format!("`{text}` is not a range of versions: {reason}"));
            let error = error.at("semver").hint("write for example `>=1.20, <2` or `1.27 || ~1.25.3`");
            *errors = std::mem::take(errors).and(error);
        })
        .ok()
}

impl CompiledTags {
    fn wants(&self, tag: &str) -> bool {
        let any = |patterns: &[TagPattern]| patterns.iter().any(|pattern| pattern.matches(tag));
        let in_range = |range: &VersionRange| TagVersion::of(tag).is_some_and(|version| range.takes(&version));
        (self.include.is_empty() || any(&self.include))
            && self.range.as_ref().is_none_or(in_range)
            && !any(&self.exclude)
    }
}

impl Filter for CompiledTags {
    fn filter_tags(&self, listing: &mut Listing) {
        listing.retain(|candidate| candidate.tag().is_none_or(|tag| self.wants(tag)));
    }

    fn may_leave_nothing(&self) -> bool {
        self.include.is_empty() && self.range.is_none() // what `exclude` names is known to be unwanted
    }

    fn summary(&self) -> Option<String> {
        Some(self.summary.clone())
    }

    fn drops_entries(&self) -> bool {
        false
    }
}

sealift_core::inventory::submit! { Plugin::filter::<TagFilter>("tag") }

#[cfg(test)]
mod tests;
