//! Arguments that name an image.

use std::path::Path;

use sealift_core::{content::FullReference, diagnostic::Diagnostic};

use crate::usage_error::UsageError;

/// Returns the full name of the image that an argument names; without tag or digest it is `latest`.
///
/// # Errors
/// If it names none. A file of that name is told as one, with `files` as the hint.
pub(super) fn parse(text: &str, files: &str) -> Result<String, UsageError> {
    refuse_host(text)?;
    refuse_transport(text)?;
    let parsed = FullReference::parse_or_latest(text);
    let path = Path::new(text);
    if path.is_file() && (parsed.is_err() || path.extension().is_some()) {
        return Err(Diagnostic::error(format!("`{text}` is a file, and an image is expected")).hint(files).into());
    }
    match parsed {
        Ok(image) => Ok(image.to_string()),
        Err(error) => Err(Diagnostic::error(error.to_string()).note(format!("from `{text}`")).into()),
    }
}

/// Prefixes by which skopeo and podman name images that are at no registry, and how to name them here.
const TRANSPORTS: [(&str, &str); 4] = [
    ("oci:", "write `oci-dir:DIR[:IMAGE]` for a directory"),
    ("dir:", "let `skopeo copy dir:DIR oci:OTHER` write a layout, and name that: `oci-dir:OTHER`"),
    ("docker-daemon:", "let `docker save -o FILE IMAGE` write a file, and name that: `docker-archive:FILE`"),
    (
        "containers-storage:",
        "let `podman save --format oci-archive -o FILE IMAGE` write a file, and name that: `oci-archive:FILE`",
    ),
];

/// Refuses what reads as an image of Docker Hub and is meant for something else.
fn refuse_transport(text: &str) -> Result<(), UsageError> {
    match TRANSPORTS.into_iter().find(|(prefix, _)| text.starts_with(prefix)) {
        None => Ok(()),
        Some((prefix, hint)) => Err(Diagnostic::error(format!("`{prefix}` names no registry here"))
            .note(format!("from `{text}`"))
            .hint(hint)
            .into()),
    }
}

/// Refuses a registry without a repository, which reads as an image of Docker Hub: `127.0.0.1:5000`.
///
/// # Errors
/// If the argument is one.
pub(super) fn refuse_host(text: &str) -> Result<(), UsageError> {
    let name = text.split_once(':').map_or(text, |(name, _)| name);
    let rest = text.strip_prefix(name).unwrap_or_default();
    let has_port = rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    let is_address = name.parse::<std::net::Ipv4Addr>().is_ok() || text.starts_with('[');
    let is_domain =
        name.rsplit_once('.').is_some_and(|(_, top)| !top.is_empty() && top.chars().all(char::is_alphabetic));
    let is_host = is_address || (has_port && name == "localhost") || (is_domain && (has_port || rest.is_empty()));
    if text.contains('/') || !is_host || Path::new(text).exists() {
        return Ok(());
    }
    Err(Diagnostic::error(format!("`{text}` is a registry, and no repository is named there"))
        .hint(format!("write the repository as well: `{text}/team/app`"))
        .into())
}
