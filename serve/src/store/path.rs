//! The names of a layout as repository paths.

use sealift_core::content::Repository;

/// Where entries are served that are only a tag.
const UNNAMED: &str = "image";

/// The path under which a name is served; none if nothing can be made of it.
///
/// Most names are paths already. In others, a registry's port for example, each character that cannot stand in a path
/// becomes `_`, and capitals become small.
pub(super) fn served(name: &str) -> Option<String> {
    let valid = |path: &str| Repository::new("localhost", path).is_ok();
    if name.is_empty() {
        return Some(UNNAMED.to_owned());
    }
    if valid(name) {
        return Some(name.to_owned());
    }
    let made: String = name
        .chars()
        .map(|sign| match sign.to_ascii_lowercase() {
            sign @ ('a'..='z' | '0'..='9' | '.' | '_' | '-' | '/') => sign,
            _ => '_',
        })
        .collect();
    let made = made.split('/').map(|element| element.trim_matches(['.', '_', '-'])).collect::<Vec<_>>().join("/");
    valid(&made).then_some(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_paths() {
        for (name, path) in [
            ("docker.io/library/nginx", Some("docker.io/library/nginx")),
            ("localhost:5000/a/b", Some("localhost_5000/a/b")),
            ("[::1]:5000/a", Some("1__5000/a")),
            ("REG.example.com/a", Some("reg.example.com/a")),
            ("", Some("image")),
            ("a//b", None),
        ] {
            assert_eq!(served(name).as_deref(), path, "{name}");
        }
    }
}
