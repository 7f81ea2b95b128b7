//! The source of Sealift for a new crate: a checkout, or the published version.

use std::path::{Path, PathBuf};

use sealift_core::diagnostic::Diagnostic;

use crate::usage_error::UsageError;

/// The source of Sealift for a new crate.
pub(super) enum Crates {
    /// In a checkout, seen from the folder of the new crate.
    Checkout(PathBuf),
    /// The version of this program.
    Published,
}

/// Sealift's crates that a new one depends on, with their folders.
const FOLDERS: [(&str, &str); 4] = [
    ("sealift-core", "core"),
    ("sealift-cli", "cli"),
    ("sealift-plugins", "plugins"),
    ("sealift-conformance", "conformance"),
];

impl Crates {
    pub(super) fn published() -> Self {
        Self::Published
    }

    /// # Errors
    /// If there is no checkout.
    pub(super) fn of_checkout(path: &Path) -> Result<Self, UsageError> {
        for (name, folder) in FOLDERS {
            let manifest = std::fs::read_to_string(path.join(folder).join("Cargo.toml")).unwrap_or_default();
            if !manifest.contains(&format!("name = \"{name}\"")) {
                let message =
                    format!("`{}` is no checkout of Sealift: there is no `{folder}` with `{name}`", path.display());
                let hint = "give the folder that has Sealift's `Cargo.toml`";
                return Err(Diagnostic::error(message).hint(hint).into());
            }
        }
        // One folder down from here; `join` leaves an absolute path alone.
        Ok(Self::Checkout(Path::new("..").join(path)))
    }

    /// The right side of a dependency. The command line comes without the built-in binary.
    pub(super) fn dependency(&self, name: &str) -> String {
        let folder = FOLDERS.iter().find(|(other, _)| *other == name).map_or(name, |(_, folder)| folder);
        let from = match self {
            Self::Checkout(path) => {
                format!("path = {}", toml::Value::from(path.join(folder).to_string_lossy().into_owned()))
            }
            Self::Published => format!("version = \"{}\"", env!("CARGO_PKG_VERSION")),
        };
        match name {
            "sealift-cli" => format!("{{ {from}, default-features = false }}"),
            _ => format!("{{ {from} }}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_checkout_is_seen_from_the_new_folder() {
        let crates = Crates::Checkout(Path::new("..").join("vendor/sealift"));
        assert_eq!(crates.dependency("sealift-core"), "{ path = \"../vendor/sealift/core\" }");
        let crates = Crates::Checkout(PathBuf::from("/src/sealift"));
        let expected = "{ path = \"/src/sealift/cli\", default-features = false }";
        assert_eq!(crates.dependency("sealift-cli"), expected);
    }

    #[test]
    fn what_is_no_checkout_is_refused() {
        let Err(UsageError(said)) = Crates::of_checkout(Path::new("no/such/place")) else { panic!("it was taken") };
        assert!(said[0].message.contains("no/such/place") && said[0].hint.is_some());
    }
}
