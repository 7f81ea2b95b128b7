//! An image that is written in parts, as resources of operators and values of charts have it:
//! `image: { registry: quay.io, repository: team/app, tag: v1 }`.

use crate::yaml::{YamlNode, YamlValue};

/// An image in parts.
pub(super) enum ImageParts<'n> {
    /// The name that the parts make, and where its repository stands.
    Name(String, &'n YamlNode),
    /// A part that is a list or a map, and its key.
    Unreadable(&'static str, &'n YamlNode),
}

/// Joins the parts. None if this map describes no image.
pub(super) fn join(image: &YamlNode) -> Option<ImageParts<'_>> {
    let repository = image.get("repository").filter(|node| matches!(node.resolved(), YamlValue::Scalar { .. }))?;
    let mut texts = [None; 3];
    for (text, key) in texts.iter_mut().zip(["registry", "tag", "digest"]) {
        *text = match part(image, key) {
            Ok(found) => found,
            Err(node) => return Some(ImageParts::Unreadable(key, node)),
        };
    }
    let [registry, tag, digest] = texts;
    let mut name = part(image, "repository").ok().flatten().unwrap_or_default().to_owned();
    if let Some(registry) = registry {
        name = format!("{}/{name}", registry.trim_end_matches('/'));
    }
    if let Some(tag) = tag {
        name = format!("{name}:{tag}");
    }
    if let Some(digest) = digest {
        name = format!("{name}@{digest}");
    }
    Some(ImageParts::Name(name, repository))
}

/// Returns the text of a part, also of a number, as in `tag: 1.27`. An empty text counts as missing.
///
/// # Errors
/// The part, if it is a list or a map.
fn part<'n>(image: &'n YamlNode, key: &str) -> Result<Option<&'n str>, &'n YamlNode> {
    let Some(node) = image.get(key).filter(|node| !node.is_null()) else { return Ok(None) };
    match node.resolved() {
        YamlValue::Scalar { text, .. } => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        _ => Err(node),
    }
}
