//! Arguments such as `oci-dir:DIR[:REF]`: the name of an image in a directory or file, as skopeo writes `oci:DIR[:REF]`.

use std::path::Path;

use sealift_core::diagnostic::Diagnostic;

use crate::usage_error::UsageError;

/// The kinds of places on the disk.
const KINDS: [&str; 3] = ["oci-dir", "oci-archive", "docker-archive"];

/// A directory or file, and the image in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OciDirArgument<'a> {
    /// The kind: a directory, or a tar file.
    pub(crate) kind: &'static str,
    /// The directory or file. It has no colon, because the first one ends it.
    pub(crate) path: &'a str,
    /// The image; none means the only one, or that it keeps its name.
    pub(crate) image: Option<&'a str>,
}

impl<'a> OciDirArgument<'a> {
    /// Parses it; none if the text is something else, such as a reference.
    ///
    /// # Errors
    /// If the directory or the image has no name.
    pub(crate) fn parse(text: &'a str) -> Result<Option<Self>, UsageError> {
        let of_kind = |kind: &&str| text.strip_prefix(*kind).is_some_and(|rest| rest.starts_with(':'));
        let Some(kind) = KINDS.into_iter().find(of_kind) else { return Ok(None) };
        let rest = &text[kind.len() + 1..];
        let (path, image) = rest.split_once(':').map_or((rest, None), |(path, image)| (path, Some(image)));
        if path.is_empty() || image == Some("") {
            let what = if path.is_empty() {
                if kind == "oci-dir" { "directory" } else { "file" }
            } else {
                "image after the colon"
            };
            return Err(Diagnostic::error(format!("`{text}` names no {what}"))
                .hint(
                    "write `oci-dir:DIR` or `oci-dir:DIR:IMAGE`, such as `oci-dir:bundle:docker.io/library/nginx:1.27`",
                )
                .into());
        }
        Ok(Some(Self { kind, path, image }))
    }

    /// Parses a place that is written as a path or with its kind before a colon: `bundle`, `bundle.tar`,
    /// `docker-archive:image.tar`.
    ///
    /// # Errors
    /// If it names an image as well, or what is neither a directory nor a tar file.
    pub(crate) fn place(text: &'a str) -> Result<(&'static str, &'a str), UsageError> {
        match Self::parse(text)? {
            None if text == "-" => Err(Diagnostic::error("images are not written to stdout")
                .hint("name a directory, or a file that ends in `.tar`")
                .into()),
            None => match misread(text) {
                Some(hint) if !Path::new(text).is_dir() => {
                    let message = format!("`{text}` would be a directory of this name");
                    Err(Diagnostic::error(message).hint(hint).into())
                }
                _ => Ok(("oci-dir", text)),
            },
            Some(Self { kind, path, image: None }) => Ok((kind, path)),
            Some(Self { kind, path, image: Some(image) }) => Err(Diagnostic::error(format!(
                "`{text}` names the image `{image}`, and staged images keep their names"
            ))
            .hint(format!("write `{kind}:{path}`; `sealift copy IMAGE {text}` gives one image that name"))
            .into()),
        }
    }

    /// Refuses to write images of all platforms for `docker load`, before any of them is read.
    ///
    /// # Errors
    /// If the kind is that of Docker and no platform is chosen.
    pub(crate) fn check_platforms(kind: &str, are_chosen: bool) -> Result<(), UsageError> {
        if kind != "docker-archive" || are_chosen {
            return Ok(());
        }
        Err(Diagnostic::error("`docker load` takes images of one platform, and none is chosen")
            .hint("add the platform of the machine that loads them, such as `--platform linux/amd64`")
            .into())
    }

    /// Returns the format of a kind that is a tar file.
    pub(crate) fn archive(kind: &str) -> Option<&'static str> {
        match kind {
            "oci-archive" => Some("oci"),
            "docker-archive" => Some("docker"),
            _ => None,
        }
    }
}

/// Returns the advice for a new place that other programs would not take for a directory.
fn misread(text: &str) -> Option<String> {
    const OTHERS: [&str; 6] = ["oci", "dir", "docker", "docker-daemon", "containers-storage", "ostree"];
    const PACKED: [&str; 6] = ["zip", "tgz", "gz", "bz2", "xz", "zst"];
    match text.split_once(':') {
        Some(("oci" | "dir", path)) if !path.is_empty() => Some(format!("write `{path}`, or `oci-dir:{path}`")),
        Some((kind, _)) if OTHERS.contains(&kind) => Some("name a directory, or a file that ends in `.tar`".to_owned()),
        _ => {
            let path = Path::new(text);
            let is_packed = path.extension().is_some_and(|end| PACKED.iter().any(|packed| end == *packed));
            let plain = path.with_extension("");
            let plain = plain.to_string_lossy();
            is_packed.then(|| format!("write `{}.tar`; layers are compressed already", plain.trim_end_matches(".tar")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_colon_ends_the_directory() {
        let parse = |text| OciDirArgument::parse(text).unwrap();
        assert_eq!(parse("oci-dir:/a/b"), Some(OciDirArgument { kind: "oci-dir", path: "/a/b", image: None }));
        let image = Some("q.io:5000/x:v1");
        assert_eq!(parse("oci-dir:b:q.io:5000/x:v1"), Some(OciDirArgument { kind: "oci-dir", path: "b", image }));
        let tar = OciDirArgument { kind: "docker-archive", path: "x.tar", image: Some("v1") };
        assert_eq!(parse("docker-archive:x.tar:v1"), Some(tar));
        for (text, place) in [
            ("oci-archive:x", ("oci-archive", "x")),
            ("docker-archive:x", ("docker-archive", "x")),
            ("bundle", ("oci-dir", "bundle")),
        ] {
            assert_eq!(OciDirArgument::place(text).unwrap(), place);
        }
        assert!(OciDirArgument::place("docker-archive:x:v1").is_err());
        assert!(OciDirArgument::place("-").is_err());
        let hint = |text: &str| OciDirArgument::place(text).unwrap_err().0[0].hint.clone().unwrap();
        assert_eq!(hint("oci:n3"), "write `n3`, or `oci-dir:n3`");
        assert_eq!(hint("n.tar.gz"), "write `n.tar`; layers are compressed already");
        assert!(OciDirArgument::place("docker-daemon:x").is_err());
        assert_eq!(parse("nginx:1.27"), None);
        assert!(OciDirArgument::parse("oci-dir:").is_err());
        assert!(OciDirArgument::parse("oci-dir:b:").is_err());
    }
}
