//! The kinds of files that name images, to tell a file that is given as one of another kind.

use std::sync::Arc;

use sealift_core::{
    content::Repository,
    diagnostic::{Diagnostic, Location},
};

use crate::{
    input::Input,
    yaml::{Documents, YamlNode, YamlValue},
};

/// A kind of file that names images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    Kubernetes,
    Compose,
    /// Rules of image-syncer.
    Rules,
    /// One image in a line.
    Text,
}

impl FileKind {
    /// Returns the kind of a file, if something in it tells.
    pub(crate) fn of(documents: &Documents<'_>) -> Option<Self> {
        let roots = documents.roots.iter().filter(|root| !root.is_null());
        let kinds: Vec<_> = roots.map(|root| kind_of(root)).collect();
        // Resources may stand beside something else.
        if kinds.contains(&Some(Self::Kubernetes)) {
            return Some(Self::Kubernetes);
        }
        let first = (*kinds.first()?)?;
        kinds.iter().all(|kind| *kind == Some(first)).then_some(first)
    }

    /// Returns the error for a file of this kind where one with something else is expected.
    pub(crate) fn unexpected(self, input: &Input, expected: &str) -> Diagnostic {
        let name = &input.name;
        let (holds, flag, list) = match self {
            Self::Kubernetes => ("manifests of Kubernetes", "--kubernetes", "use = \"kubernetes\""),
            Self::Compose => ("services of Compose", "--compose", "use = \"compose\""),
            Self::Rules => ("rules of image-syncer", "--images", "use = \"registry\"` and `rules"),
            Self::Text => ("lines of text", "--file", "use = \"text\""),
        };
        Diagnostic::error(format!("these are {holds}, and {expected} are expected"))
            .at(Location::at(Arc::clone(name), &input.text, 1, 1))
            .hint(format!("give it to `sealift stage` by `{flag} {name}`; a list of a pipeline reads it by `{list}`"))
    }
}

fn kind_of(root: &YamlNode) -> Option<FileKind> {
    match root.resolved() {
        YamlValue::Scalar { is_plain: true, .. } => Some(FileKind::Text),
        YamlValue::Map(_) if root.get("kind").is_some() || root.get("apiVersion").is_some() => {
            Some(FileKind::Kubernetes)
        }
        YamlValue::Map(_) if root.get("services").is_some_and(|services| is_map_of_maps(services)) => {
            Some(FileKind::Compose)
        }
        YamlValue::Map(entries) => {
            let is_source = |key: &YamlNode| key.text().is_some_and(|key| Repository::parse_prefix(key).is_ok());
            let is_path = |key: &YamlNode| key.text().is_some_and(|key| key.contains('/'));
            let is_target = |value: &YamlNode| match value.resolved() {
                YamlValue::List(items) => items.iter().all(|item| item.text().is_some()),
                YamlValue::Scalar { .. } => true,
                _ => false,
            };
            let all = entries.iter().all(|(key, value)| is_source(key) && is_target(value));
            (all && entries.iter().any(|(key, _)| is_path(key))).then_some(FileKind::Rules)
        }
        _ => None,
    }
}

fn is_map_of_maps(node: &YamlNode) -> bool {
    match node.resolved() {
        YamlValue::Map(entries) => entries.iter().all(|(_, value)| matches!(value.resolved(), YamlValue::Map(_))),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> Option<FileKind> {
        let input = Input { name: "x".into(), text: text.to_owned(), directory: ".".into(), named: true };
        FileKind::of(&Documents::parse(&input).0)
    }

    #[test]
    fn files_tell_their_kind() {
        for (text, expected) in [
            ("kind: Pod\n", Some(FileKind::Kubernetes)),
            ("---\n# nothing\n---\napiVersion: v1\nitems: []\n", Some(FileKind::Kubernetes)),
            ("{\"kind\": \"List\", \"services\": {}}", Some(FileKind::Kubernetes)),
            ("services:\n  a: {image: b}\n", Some(FileKind::Compose)),
            ("quay.io/a/b:v1: h.io/x/b\nnginx: [h.io/y]\n", Some(FileKind::Rules)),
            ("# ours\nquay.io/a/b:1\nnginx\n", Some(FileKind::Text)),
            // Values of a chart, and others that name images under `image`.
            ("image: {repository: a/b}\n", None),
            ("services: 3\n", None),
            ("- image: a\n", None),
            ("", None),
        ] {
            assert_eq!(kind(text), expected, "{text}");
        }
    }
}
