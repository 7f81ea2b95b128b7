//! Configuration files that list what to copy, in the format of each contender.

use std::fmt::Write as _;

use super::{Place, Way};
use crate::corpus::Corpus;

/// A pipeline beside the rules: the destination computes the digests.
pub(super) const TRUSTING: &str = "\
name = \"trusting\"

[run]
verify = \"destination\"
referrers = false

[list]
use = \"registry\"
rules = \"images.yaml\"
";

/// image-syncer's rules, which are ours as well.
pub(super) fn rules(corpus: &Corpus, way: &Way, literal: bool) -> String {
    let Place::Host(from) = &way.from else { return String::new() };
    let mut text = String::new();
    for (repository, tags) in &corpus.repositories {
        let tags = if literal { format!(":{}", tags.join(",")) } else { String::new() };
        // Staging takes the name of a registry that receives no requests: loading sets another name.
        let to = way.to.iter().map(|to| if let Place::Host(to) = to { to } else { "inside.example.com" });
        let to: Vec<String> = to.map(|to| format!("{to}/{repository}")).collect();
        let _ = writeln!(text, "\"{from}/{repository}{tags}\": [{}]", to.join(", "));
    }
    text
}

/// image-syncer's logins: which hosts speak plain http.
pub(super) fn insecure(way: &Way) -> String {
    let insecure = !way.is_tls();
    way.hosts().map(|host| format!("\"{host}\": {{insecure: {insecure}}}\n")).collect()
}

pub(super) fn regsync(corpus: &Corpus, way: &Way, literal: bool) -> String {
    let mut text = "version: 1\ncreds:\n".to_owned();
    for host in way.hosts() {
        let _ = writeln!(text, "  - registry: {host}\n    tls: {}", if way.is_tls() { "enabled" } else { "disabled" });
    }
    text.push_str("defaults:\n  parallel: 8\nsync:\n");
    let mut hosts = way.hosts();
    let from = hosts.next().unwrap_or_default();
    for to in hosts {
        for (repository, tags) in &corpus.repositories {
            let mut entry = |tag: &str, kind: &str| {
                let _ = writeln!(
                    text,
                    "  - source: {from}/{repository}{tag}\n    target: {to}/{repository}{tag}\n    type: {kind}"
                );
            };
            match literal {
                true => tags.iter().for_each(|tag| entry(&format!(":{tag}"), "image")),
                false => entry("", "repository"),
            }
        }
    }
    text
}

pub(super) fn ocync(corpus: &Corpus, way: &Way) -> String {
    let mut hosts = way.hosts();
    let scheme = if way.is_tls() { "https" } else { "http" };
    let mut text = format!("registries:\n  src: {{ url: \"{scheme}://{}\" }}\n", hosts.next().unwrap_or_default());
    let mut targets = Vec::new();
    for (number, to) in hosts.enumerate() {
        let _ = writeln!(text, "  dst{number}: {{ url: \"{scheme}://{to}\" }}");
        targets.push(format!("dst{number}"));
    }
    text.push_str("mappings:\n");
    for (repository, _) in &corpus.repositories {
        let _ = writeln!(
            text,
            "  - from: {repository}\n    to: {repository}\n    source: src\n    targets: [{}]\n    tags: {{ glob: \"*\" }}",
            targets.join(", ")
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_name_tags_only_if_they_shall() {
        let corpus = Corpus { repositories: vec![("a/b".to_owned(), vec!["v1".to_owned(), "v2".to_owned()])] };
        let way = Way {
            from: Place::Host("f:1".to_owned()),
            to: vec![Place::Host("t:1".to_owned()), Place::Host("t:2".to_owned())],
            authority: None,
        };
        assert_eq!(rules(&corpus, &way, false), "\"f:1/a/b\": [t:1/a/b, t:2/a/b]\n");
        assert_eq!(rules(&corpus, &way, true), "\"f:1/a/b:v1,v2\": [t:1/a/b, t:2/a/b]\n");
        assert!(regsync(&corpus, &way, true).contains("target: t:2/a/b:v2\n    type: image"));
    }
}
