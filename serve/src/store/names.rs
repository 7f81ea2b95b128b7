//! Under which names repositories are found.
//!
//! An image of `docker.io/library/nginx` is also found as `library/nginx`, as long as no other registry's image has
//! that path. Both names lead to one repository, for reading and for writing. Repositories without a manifest do not
//! count: a push that was begun, or refused, must not change what others find.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{ServedRepository, path};

/// The repositories by their paths, and the short paths that lead to them.
#[derive(Default)]
pub(super) struct RepositoryNames {
    pub(super) by_path: BTreeMap<String, Arc<ServedRepository>>,
    /// From a path without a registry to those with one.
    short: BTreeMap<String, BTreeSet<String>>,
}

/// A path that images of several registries have, so that it means none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameClash {
    /// The path without a registry: `library/nginx`.
    pub path: String,
    /// The paths that are served instead: `docker.io/library/nginx`, `quay.io/library/nginx`.
    pub repositories: Vec<String>,
}

impl RepositoryNames {
    /// The repository with this path, made if there is none. `name` is how the index writes it, perhaps otherwise.
    pub(super) fn make(&mut self, name: &str, path: &str) -> Arc<ServedRepository> {
        if let Some(short) = path::without_registry(name) {
            self.short.entry(short.to_owned()).or_default().insert(path.to_owned());
        }
        Arc::clone(self.by_path.entry(path.to_owned()).or_insert_with(|| Arc::new(ServedRepository::new(path))))
    }

    /// Lets these take the place of others, which are asked where these know nothing.
    pub(super) fn succeed(&self, before: &Self) {
        for (path, repository) in &before.by_path {
            if let Some(now) = self.by_path.get(path) {
                now.succeed(repository);
            }
        }
    }

    fn has(&self, path: &str) -> bool {
        self.by_path.get(path).is_some_and(|repository| !repository.is_empty())
    }

    /// The path of the repository that is meant. `registry` is the one whose mirror a client takes this one for.
    ///
    /// # Errors
    /// If several registries have such a path.
    pub(super) fn find(&self, path: &str, registry: Option<&str>) -> Result<String, NameClash> {
        if let Some(registry) = registry
            && let Some(full) = path::served(&format!("{registry}/{path}"))
            && self.has(&full)
        {
            return Ok(full);
        }
        // Who asks for one registry's image must not get that of another.
        if self.has(path) || registry.is_some() {
            return Ok(path.to_owned());
        }
        let full = self.full(path);
        match full.len() {
            0 => Ok(path.to_owned()),
            1 => Ok(full[0].to_owned()),
            _ => Err(clash(path, &full)),
        }
    }

    /// The paths with a registry that this one without is short for.
    fn full(&self, path: &str) -> Vec<&str> {
        self.short.get(path).into_iter().flatten().map(String::as_str).filter(|full| self.has(full)).collect()
    }

    /// The short paths that mean nothing because they would mean several repositories.
    pub(super) fn clashes(&self) -> Vec<NameClash> {
        let without = self.short.keys().filter(|path| !self.has(path));
        let several = without.map(|path| (path, self.full(path))).filter(|(_, full)| full.len() > 1);
        several.map(|(path, full)| clash(path, &full)).collect()
    }
}

fn clash(path: &str, full: &[&str]) -> NameClash {
    NameClash { path: path.to_owned(), repositories: full.iter().map(|&path| path.to_owned()).collect() }
}

impl std::fmt::Display for NameClash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let repositories: Vec<_> = self.repositories.iter().map(|path| format!("`{path}`")).collect();
        write!(f, "`{}` could be {}", self.path, repositories.join(" or "))
    }
}

#[cfg(test)]
mod tests;
