//! Operations, displayed as the beginning of an error: "cannot read …".

use std::fmt;

use sealift_core::content::{Digest, ImageRef, Repository};

/// One request to a registry, as its user would describe it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation<'a> {
    /// Read what a name points to, or the manifest of it.
    ReadManifest(&'a ImageRef),
    /// Page through tags.
    ListTags(&'a Repository),
    /// List the repositories of a registry, with the login for this one.
    ListCatalog(&'a Repository),
    /// List what is about a manifest.
    ListReferrers(&'a Repository, &'a Digest),
    /// Read a blob.
    ReadBlob(&'a Repository, &'a Digest),
    /// Look at what a destination has.
    CheckManifest(&'a ImageRef),
    /// Look whether a destination has a blob.
    CheckBlob(&'a Repository, &'a Digest),
    /// Write a blob.
    PushBlob(&'a Repository, &'a Digest),
    /// Write a manifest.
    PushManifest(&'a ImageRef),
    /// Delete a manifest.
    DeleteManifest(&'a ImageRef),
    /// Find out whether the login for a repository is taken.
    LogIn(&'a Repository),
    /// Use the API that the product has beside the registry, for something that concerns a repository.
    ProductApi(&'a Repository),
}

impl Operation<'_> {
    /// The repository that it is about.
    pub(crate) fn repository(&self) -> &Repository {
        match self {
            Self::ReadManifest(image)
            | Self::CheckManifest(image)
            | Self::PushManifest(image)
            | Self::DeleteManifest(image) => &image.repository,
            Self::ListTags(repository)
            | Self::ListCatalog(repository)
            | Self::ListReferrers(repository, _)
            | Self::ReadBlob(repository, _)
            | Self::CheckBlob(repository, _)
            | Self::PushBlob(repository, _)
            | Self::LogIn(repository)
            | Self::ProductApi(repository) => repository,
        }
    }

    /// Returns true if it reads what is to be copied, and not what a destination has.
    pub(crate) fn reads_content(&self) -> bool {
        matches!(
            self,
            Self::ReadManifest(_)
                | Self::ReadBlob(..)
                | Self::ListTags(_)
                | Self::ListCatalog(_)
                | Self::ListReferrers(..)
        )
    }

    /// Returns true if it pushes something.
    pub(crate) fn writes(&self) -> bool {
        matches!(self, Self::PushBlob(..) | Self::PushManifest(_))
    }
}

impl fmt::Display for Operation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReadManifest(image) => write!(f, "cannot read `{image}`"),
            Self::ListTags(repository) => write!(f, "cannot list the tags of `{repository}`"),
            Self::ListCatalog(repository) => write!(f, "cannot list the repositories of `{}`", repository.registry()),
            Self::ListReferrers(repository, subject) => {
                write!(f, "cannot list what refers to `{}` in `{repository}`", subject.short())
            }
            Self::ReadBlob(repository, digest) => write!(f, "cannot read the blob `{digest}` of `{repository}`"),
            Self::CheckManifest(image) => write!(f, "cannot look at `{image}`"),
            Self::CheckBlob(repository, digest) => {
                write!(f, "cannot look for the blob `{digest}` in `{repository}`")
            }
            Self::PushBlob(repository, digest) => write!(f, "cannot push the blob `{digest}` to `{repository}`"),
            Self::PushManifest(image) => write!(f, "cannot push `{image}`"),
            Self::DeleteManifest(image) => write!(f, "cannot delete `{image}`"),
            Self::LogIn(repository) => write!(f, "cannot log in at `{}`", repository.registry()),
            Self::ProductApi(repository) => write!(f, "cannot use the API of `{}`", repository.registry()),
        }
    }
}

/// Returns the first element of a repository's path, which is the project at Harbor.
pub(crate) fn project_of(at: &Repository) -> &str {
    at.path().split('/').next().unwrap_or_default()
}
