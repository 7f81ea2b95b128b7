//! Arguments such as `oci-dir:DIR[:REF]`: the name of an image in a directory, as skopeo writes `oci:DIR[:REF]`.

use sealift_core::diagnostic::Diagnostic;

use crate::usage_error::UsageError;

/// A directory, and the image in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OciDirArgument<'a> {
    /// The directory. It has no colon, because the first one ends it.
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
        let Some(rest) = text.strip_prefix("oci-dir:") else { return Ok(None) };
        let (path, image) = rest.split_once(':').map_or((rest, None), |(path, image)| (path, Some(image)));
        if path.is_empty() || image == Some("") {
            let what = if path.is_empty() { "directory" } else { "image after the colon" };
            return Err(Diagnostic::error(format!("`{text}` names no {what}"))
                .hint(
                    "write `oci-dir:DIR` or `oci-dir:DIR:IMAGE`, such as `oci-dir:bundle:docker.io/library/nginx:1.27`",
                )
                .into());
        }
        Ok(Some(Self { path, image }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_colon_ends_the_directory() {
        let parse = |text| OciDirArgument::parse(text).unwrap();
        assert_eq!(parse("oci-dir:/a/b"), Some(OciDirArgument { path: "/a/b", image: None }));
        let image = Some("q.io:5000/x:v1");
        assert_eq!(parse("oci-dir:b:q.io:5000/x:v1"), Some(OciDirArgument { path: "b", image }));
        assert_eq!(parse("nginx:1.27"), None);
        assert!(OciDirArgument::parse("oci-dir:").is_err());
        assert!(OciDirArgument::parse("oci-dir:b:").is_err());
    }
}
