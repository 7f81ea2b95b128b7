//! An image that is written in parts, as resources of operators and values of charts have it:
//! `image: { registry: quay.io, repository: team/app, tag: v1 }`.

use crate::yaml::{Node, Value};

/// The name that the parts make, and where its repository stands. None if this map describes no image.
pub(super) fn join(image: &Node) -> Option<(String, &Node)> {
    let repository = image.get("repository").filter(|node| matches!(node.resolved(), Value::Scalar { .. }))?;
    let mut name = part(image, "repository").unwrap_or_default().to_owned();
    if let Some(registry) = part(image, "registry") {
        name = format!("{}/{name}", registry.trim_end_matches('/'));
    }
    if let Some(tag) = part(image, "tag") {
        name = format!("{name}:{tag}");
    }
    if let Some(digest) = part(image, "digest") {
        name = format!("{name}@{digest}");
    }
    Some((name, repository))
}

/// What is written for a part, also where YAML takes it for a number, as in `tag: 1.27`. Nothing counts as left out.
fn part<'n>(image: &'n Node, key: &str) -> Option<&'n str> {
    let node = image.get(key).filter(|node| !node.is_null())?;
    match node.resolved() {
        Value::Scalar { text, .. } if !text.is_empty() => Some(text),
        _ => None,
    }
}
