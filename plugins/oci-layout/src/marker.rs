//! The files by which a directory is recognised as an image layout.

use sealift_core::{content::Algorithm, error::Result};
use serde::Deserialize;

use crate::{
    dir::Dir,
    fault::broken,
    index,
    storage::{LayoutDir, Storage},
};

/// The file that makes a directory a layout.
pub(crate) const MARKER: &str = "oci-layout";

/// The content of that file.
pub(crate) const MARKER_TEXT: &[u8] = b"{\"imageLayoutVersion\":\"1.0.0\"}";

/// The directory for files of this program; readers of layouts ignore it.
pub(crate) const OURS: &str = ".sealift";

/// Checks the content of `oci-layout`.
///
/// # Errors
/// [`ErrorKind::Storage`](sealift_core::error::ErrorKind::Storage) if it is missing, not readable or of another version.
pub(crate) fn check_marker(root: &dyn Storage) -> Result<()> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Marker {
        image_layout_version: String,
    }
    let path = root.path().join(MARKER);
    let Some((bytes, _)) = root.read(MARKER, 64 << 10)? else {
        if root.has("manifest.json") && !root.has(index::FILE) {
            return Err(broken(root.path(), "is what `docker save` writes, and no OCI image layout")
                .with_hint("give the tar file itself, as `docker save` wrote it"));
        }
        return Err(broken(root.path(), "is no OCI image layout: it has no file `oci-layout`")
            .with_hint("name the directory that has `oci-layout`, `index.json` and `blobs`"));
    };
    match serde_json::from_slice::<Marker>(&bytes) {
        Ok(marker) if marker.image_layout_version == "1.0.0" => Ok(()),
        Ok(marker) => {
            let version = marker.image_layout_version.escape_debug().to_string();
            Err(broken(&path, format_args!("has version `{version}`, only `1.0.0` is known")))
        }
        Err(error) => Err(broken(&path, format_args!("cannot be read: {error}"))),
    }
}

/// Does what [`check_marker`] does, but lets a directory pass that is a layout but for that file, as hauler writes it.
pub(crate) fn check_readable(root: &dyn Storage) -> Result<()> {
    if lacks_marker(root) { Ok(()) } else { check_marker(root) }
}

/// Returns true for a layout without its file `oci-layout`.
pub(crate) fn lacks_marker(root: &dyn Storage) -> bool {
    !root.has(MARKER) && root.has(index::FILE) && root.has("blobs")
}

/// Checks that a directory is a layout, or contains nothing of one and can become one.
pub(crate) fn check_kind(root: &LayoutDir) -> Result<()> {
    if root.has(MARKER) {
        return check_marker(root);
    }
    if root.has("blobs") || root.has(index::FILE) {
        return Err(broken(root.path(), "has parts of an OCI image layout, but no file `oci-layout`")
            .with_hint("if it is one, write `{\"imageLayoutVersion\":\"1.0.0\"}` into `oci-layout` there"));
    }
    Ok(())
}

/// Returns true if the creation of this layout was interrupted before its first `index.json`: there are no blobs, so
/// no image can have been lost.
pub(crate) fn is_incomplete(root: &Dir) -> Result<bool> {
    if root.has(index::FILE) {
        return Ok(false);
    }
    let blobs = root.sub("blobs")?.map_or(Ok(None), |blobs| blobs.sub(Algorithm::Sha256.name()))?;
    blobs.map_or(Ok(true), |blobs| blobs.is_empty())
}

/// Does something with each directory that writers write to.
pub(crate) fn each_written(dir: &LayoutDir, mut act: impl FnMut(&Dir) -> Result<()>) -> Result<()> {
    act(&dir.root)?;
    if let Some(ours) = dir.root.sub(OURS)? {
        act(&ours)?;
    }
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        if let Some(blobs) = dir.blob_dir(algorithm)? {
            act(blobs)?;
        }
    }
    Ok(())
}
