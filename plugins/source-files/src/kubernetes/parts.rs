//! An image that is written in parts, as resources of operators and values of charts have it:
//! `image: { registry: quay.io, repository: team/app, tag: v1 }`.

use crate::yaml::{YamlNode, YamlValue};

/// The name that the parts make, and where its repository stands. None if this map describes no image.
pub(super) fn join(image: &YamlNode) -> Option<(String, &YamlNode)> {
    let repository = image.get("repository").filter(|node| matches!(node.resolved(), YamlValue::Scalar { .. }))?;
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

/// Returns the text of a part, also of a number, as in `tag: 1.27`. An empty text counts as missing.
fn part<'n>(image: &'n YamlNode, key: &str) -> Option<&'n str> {
    let node = image.get(key).filter(|node| !node.is_null())?;
    match node.resolved() {
        YamlValue::Scalar { text, .. } if !text.is_empty() => Some(text),
        _ => None,
    }
}
