//! The manifests below others.

use std::collections::HashSet;

use sealift_core::content::{Descriptor, Digest};

use crate::layout::Layout;

/// The result of [`below`].
pub(super) struct Reachable {
    /// All manifests, the roots included.
    pub(super) all: HashSet<Digest>,
    /// The entries of indexes among them.
    pub(super) children: HashSet<Digest>,
}

/// Reads all indexes below `roots`, and below the manifests that `referrers` returns for each one. Those that cannot be
/// read have no children.
pub(super) async fn below<'a>(
    layout: &Layout,
    roots: Vec<Descriptor>,
    referrers: impl Fn(&Digest) -> &'a [Descriptor],
) -> Reachable {
    let mut found = Reachable { all: HashSet::new(), children: HashSet::new() };
    let mut open = roots;
    while let Some(item) = open.pop() {
        if !found.all.insert(item.digest.clone()) {
            continue;
        }
        open.extend(referrers(&item.digest).iter().cloned());
        // Only indexes have manifests below them.
        if (item.media_type.is_index() || item.media_type.is_empty())
            && let Ok(manifest) = layout.manifest(&item).await
        {
            found.children.extend(manifest.children().map(|child| child.digest.clone()));
            open.extend(manifest.children().cloned());
        }
    }
    found
}
