//! Names that a list leaves out.

use globset::{Glob, GlobSet, GlobSetBuilder};
use sealift_core::{content::FullReference, plugin::ConfigError};

/// Globs over names of images.
#[derive(Debug, Default)]
pub(crate) struct Excluded(GlobSet);

impl Excluded {
    /// Compiles the globs of the key `exclude`.
    ///
    /// # Errors
    /// Everything that is no glob, at its key.
    pub(crate) fn new(texts: &[String]) -> Result<Self, ConfigError> {
        let mut set = GlobSetBuilder::new();
        let mut errors = ConfigError::default();
        for (index, text) in texts.iter().enumerate() {
            match Glob::new(text) {
                Ok(glob) => _ = set.add(glob),
                Err(error) => {
                    let message = format!("`{text}` is not a glob: {}", error.kind());
                    errors = errors.and(ConfigError::new(message).at(format!("exclude[{index}]")));
                }
            }
        }
        let set = set.build().map_err(|error| ConfigError::new(error.to_string()).at("exclude"))?;
        errors.or_ok(Self(set))
    }

    /// Returns true for a name that is left out: as it is written, or in full, with its version or without it.
    pub(crate) fn has(&self, written: &str) -> bool {
        let Self(globs) = self;
        if globs.is_empty() {
            return false;
        }
        let full = || FullReference::parse_or_latest(written).ok();
        globs.is_match(written)
            || globs.is_match(without_version(written))
            || full().is_some_and(|full| {
                globs.is_match(full.to_string()) || globs.is_match(full.image.repository.to_string())
            })
    }
}

/// Returns a name without its tag and digest.
fn without_version(name: &str) -> &str {
    let name = name.split('@').next().unwrap_or_default();
    match name.rfind(':') {
        Some(colon) if !name[colon..].contains('/') => &name[..colon],
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(glob: &str, name: &str) -> bool {
        Excluded::new(&[glob.to_owned()]).ok().unwrap().has(name)
    }

    #[test]
    fn a_glob_is_over_the_name_as_it_is_written_and_in_full() {
        for (glob, name) in [
            ("nginx", "nginx:1.27"),
            ("docker.io/library/*", "nginx:1.27"),
            ("docker.io/library/nginx:latest", "nginx"),
            ("*:1.27", "nginx:1.27"),
            ("h.io:5000/a", "h.io:5000/a"),
            ("h.io:5000/*", "h.io:5000/a/b:1@sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"),
            ("No *", "No Name"),
        ] {
            assert!(has(glob, name), "{glob} {name}");
        }
        for (glob, name) in
            [("nginx", "nginx-unit:1"), ("quay.io/*", "nginx"), ("*:1.27", "nginx:1.28"), ("a", "h.io/a")]
        {
            assert!(!has(glob, name), "{glob} {name}");
        }
        let none = Excluded::new(&["[".to_owned(), "ok".to_owned()]).err().unwrap().into_problems();
        assert_eq!(none[0].key.as_deref(), Some("exclude[0]"));
    }
}
