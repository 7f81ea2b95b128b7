//! Names at the destination: the targets of rules, or names below one prefix.

use sealift_core::{
    content::{ImageRef, ReferenceError, Repository},
    error::{Error, ErrorKind, Result},
    job::Job,
};

/// The names that a push gives to images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetNaming {
    /// The targets of the rule.
    Targets,
    /// Below a prefix, by the path that the image has at its source.
    Prefix(Prefix),
}

/// A registry, and a path there that may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    registry: String,
    path: String,
    /// The number of leading elements of the source's path that are left out; the last one always stays.
    drop: usize,
}

impl TargetNaming {
    /// Below `text`: a registry host, or a host and a path, such as `harbor.corp/mirror`.
    ///
    /// # Errors
    /// If that is no host, or no path of a repository.
    pub fn below(text: &str) -> Result<Self, ReferenceError> {
        let text = text.trim_end_matches('/');
        let (registry, path) = text.split_once('/').unwrap_or((text, ""));
        let full = if path.is_empty() { "x" } else { path };
        let checked = Repository::new(registry, full)?;
        Ok(Self::Prefix(Prefix { registry: checked.registry().to_owned(), path: path.to_owned(), drop: 0 }))
    }

    /// The same with the first `levels` elements of the source's path left out, but never the last one: at 1,
    /// `library/nginx` becomes `nginx`. Targets of rules stay as they are.
    #[must_use]
    pub fn flattened(self, levels: usize) -> Self {
        match self {
            Self::Prefix(prefix) => Self::Prefix(Prefix { drop: levels, ..prefix }),
            Self::Targets => self,
        }
    }

    pub(super) fn of(&self, job: &Job) -> Result<Vec<ImageRef>> {
        match self {
            Self::Targets if job.targets.is_empty() => {
                // The place of a rule in a file says where to look; the name of an image does not.
                let rule = if job.rule.contains('`') { String::new() } else { format!(" ({})", job.rule) };
                let what = format!("`{}` has no destination{rule}", job.source);
                Err(Error::new(ErrorKind::Unsupported, what)
                    .with_hint("give the rule a destination, or set `prefix` in [[push]]"))
            }
            Self::Targets => Ok(job.targets.clone()),
            Self::Prefix(prefix) => {
                let ImageRef { repository, reference: version } = job.called();
                Ok(vec![ImageRef { repository: prefix.before(&repository)?, reference: version }])
            }
        }
    }

    /// Returns the registry of a prefix.
    pub(super) fn registry(&self) -> Option<&str> {
        match self {
            Self::Targets => None,
            Self::Prefix(prefix) => Some(&prefix.registry),
        }
    }

    /// Returns true if images of different source paths, or of different versions, get different names, as far as their
    /// rules keep them apart.
    pub(super) fn keeps_apart(&self) -> bool {
        match self {
            Self::Targets => true,
            Self::Prefix(prefix) => prefix.drop == 0,
        }
    }

    /// Returns the repositories of images whose rule names these targets; none if there is no name for them.
    pub(super) fn repositories(&self, source: &Repository, targets: &[Repository]) -> Vec<Repository> {
        match self {
            Self::Targets => targets.to_vec(),
            Self::Prefix(prefix) => prefix.before(source).into_iter().collect(),
        }
    }
}

impl Prefix {
    fn before(&self, source: &Repository) -> Result<Repository, ReferenceError> {
        let mut source = source.path();
        for _ in 0..self.drop {
            source = source.split_once('/').map_or(source, |(_, rest)| rest);
        }
        let path = if self.path.is_empty() { source.to_owned() } else { format!("{}/{source}", self.path) };
        Repository::new(&self.registry, &path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(source: &str, targets: &[&str]) -> Job {
        let targets = targets.iter().map(|target| target.parse().unwrap()).collect();
        Job { targets, rule: "images.yaml:7".into(), ..Job::new(source.parse().unwrap()) }
    }

    fn placed(place: &TargetNaming, job: &Job) -> Vec<String> {
        place.of(job).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_prefix_keeps_the_path_of_the_source() {
        for (prefix, source, expected) in [
            ("harbor.corp/mirror", "quay.io/coreos/etcd:v3", "harbor.corp/mirror/coreos/etcd:v3"),
            ("harbor.corp/a/b/", "nginx:1.27", "harbor.corp/a/b/library/nginx:1.27"),
            ("localhost:5000", "nginx:1.27", "localhost:5000/library/nginx:1.27"),
        ] {
            let place = TargetNaming::below(prefix).unwrap();
            assert_eq!(placed(&place, &job(source, &["x.io/ignored:1"])), [expected]);
        }
        for bad in ["", "/x", "https://harbor.corp/x", "harbor.corp/Upper", "harbor.corp/a//b", "harbor.corp/a:tag"] {
            assert!(TargetNaming::below(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn leading_elements_are_left_out_but_never_the_last() {
        for (levels, expected) in [(0, "a/b/app"), (1, "b/app"), (2, "app"), (99, "app")] {
            let place = TargetNaming::below("harbor.corp/mirror").unwrap().flattened(levels);
            let expected = format!("harbor.corp/mirror/{expected}:v1");
            assert_eq!(placed(&place, &job("quay.io/a/b/app:v1", &[])), [expected]);
        }
    }

    #[test]
    fn targets_are_taken_as_they_are_and_must_be_there() {
        let two = ["a.io/x:1", "b.io/y:2"];
        assert_eq!(placed(&TargetNaming::Targets, &job("nginx:1", &two)), two);
        let error = TargetNaming::Targets.of(&job("nginx:1", &[])).unwrap_err();
        assert!(error.message().contains("has no destination (images.yaml:7)"), "{error}");
    }
}
