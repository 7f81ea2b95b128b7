//! The selection of repositories.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use sealift_core::plugin::ConfigError;

/// The selection of repositories by path.
#[derive(Debug)]
pub(crate) struct RepositorySelection {
    /// With a slash at the end.
    pub(crate) below: Option<String>,
    pub(crate) include: Option<GlobSet>,
    pub(crate) exclude: GlobSet,
}

impl RepositorySelection {
    pub(crate) fn wants(&self, path: &str) -> bool {
        self.below.as_ref().is_none_or(|below| path.starts_with(below))
            && self.include.as_ref().is_none_or(|globs| globs.is_match(path))
            && !self.exclude.is_match(path)
    }
}

/// Compiles globs.
///
/// # Errors
/// All that cannot be compiled, at their keys.
pub(crate) fn globs(texts: &[String], key: &str) -> Result<GlobSet, ConfigError> {
    let mut errors = ConfigError::default();
    let mut set = GlobSetBuilder::new();
    for (index, text) in texts.iter().enumerate() {
        let glob = match GlobBuilder::new(text).literal_separator(true).build() {
            Ok(_) if text.is_empty() => Err("it is empty".to_owned()),
            Ok(glob) => Ok(glob),
            Err(error) => Err(error.kind().to_string()),
        };
        match glob {
            Ok(glob) => _ = set.add(glob),
            Err(reason) => {
                let error = ConfigError::new(format!("`{text}` is not a glob: {reason}"));
                errors = errors.and(error.at(format!("{key}[{index}]")));
            }
        }
    }
    let set = set.build().map_err(|error| ConfigError::new(error.to_string()).at(key))?;
    errors.or_ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(below: &str, include: &[&str], exclude: &[&str]) -> RepositorySelection {
        let set =
            |globs: &[&str]| super::globs(&globs.iter().map(ToString::to_string).collect::<Vec<_>>(), "k").unwrap();
        RepositorySelection {
            below: (!below.is_empty()).then(|| below.to_owned()),
            include: (!include.is_empty()).then(|| set(include)),
            exclude: set(exclude),
        }
    }

    #[test]
    fn one_star_is_one_level() {
        let one = wanted("", &["team/*"], &[]);
        assert!(one.wants("team/a") && !one.wants("team/a/b") && !one.wants("steam/a") && !one.wants("team"));
        let all = wanted("", &["team/**"], &["**/test-*"]);
        assert!(all.wants("team/a/b") && !all.wants("team/a/test-b") && !all.wants("team/test-b"));
    }

    #[test]
    fn below_a_path_is_not_beside_it() {
        let below = wanted("team/", &[], &[]);
        assert!(below.wants("team/a") && !below.wants("team2/a") && !below.wants("team"));
    }
}
