//! A change of the registries by others, as a seed plans it.

/// A change by others.
#[derive(Clone, Debug)]
pub(crate) enum RegistryChange {
    /// A tag of a source stands for this version of its image from now on.
    Move { image: usize, version: usize },
    /// A tag of a source is deleted, with the content that no other manifest needs if this is true.
    Delete { image: usize, content: bool },
    /// A destination deletes the blobs that no manifest needs, and the manifests that no tag leads to if this is true.
    Collect { host: String, untagged: bool },
    /// A destination ends all uploads that were begun.
    EndUploads { host: String },
}

/// A change, and the number of requests after which it happens, counted over all processes.
#[derive(Clone, Debug)]
pub(crate) struct PlannedChange {
    pub(crate) at: u64,
    pub(crate) change: RegistryChange,
}
