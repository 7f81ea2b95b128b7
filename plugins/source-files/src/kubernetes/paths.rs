//! Further places of images in manifests, as paths.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use sealift_core::plugin::ConfigError;

/// Paths from the root of a document.
#[derive(Default)]
pub(super) struct ImagePaths(GlobSet);

impl ImagePaths {
    /// Compiles paths such as `spec.components[].from`.
    ///
    /// # Errors
    /// Everything that is no path, at its key.
    pub(super) fn new(texts: &[String]) -> Result<Self, ConfigError> {
        let mut set = GlobSetBuilder::new();
        let mut errors = ConfigError::default();
        for (index, text) in texts.iter().enumerate() {
            let key = format!("paths[{index}]");
            let path = as_glob(text);
            if path.split('/').any(str::is_empty) {
                let error = ConfigError::new(format!("`{text}` is no path: there is a step without a name"));
                errors = errors.and(error.at(key).hint("a path is written as `spec.components[].image`"));
                continue;
            }
            match GlobBuilder::new(&path).literal_separator(true).build() {
                Ok(glob) => _ = set.add(glob),
                Err(error) => {
                    let message = format!("`{text}` is no path: {}", error.kind());
                    errors = errors.and(ConfigError::new(message).at(key));
                }
            }
        }
        let set = set.build().map_err(|error| ConfigError::new(error.to_string()).at("paths"))?;
        errors.or_ok(Self(set))
    }

    /// Returns true if these steps are one of the paths.
    pub(super) fn contain(&self, steps: &[String]) -> bool {
        !self.0.is_empty()
            && self.0.is_match(steps.iter().map(|step| step.replace('/', "|")).collect::<Vec<_>>().join("/"))
    }
}

/// Returns a path as a glob over steps that are joined by `/`, in which `.a`, `$.a` and `a[*]` are read as by JSONPath.
fn as_glob(text: &str) -> String {
    let text = text.trim().trim_start_matches('$').trim_start_matches('.');
    text.replace("[*]", ".*").replace("[]", ".*").replace('.', "/")
}
