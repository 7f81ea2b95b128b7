//! The headers of a tar file: which file is where.

use std::{collections::HashMap, fs::File, os::unix::fs::FileExt, path::Path};

use sealift_core::{
    content::Digest,
    error::{Error, Result},
};
use tar::{EntryType, Header, PaxExtensions};

use crate::{
    fault::{broken, fault},
    index,
    marker::MARKER,
    storage::blob_name,
};

/// A block of a tar file.
const BLOCK: u64 = 512;

/// Longer names and attributes than these are refused.
const MAX_ATTRIBUTES: u64 = 64 << 10;

/// The file by which Docker lists the images.
pub(super) const DOCKER_LIST: &str = "manifest.json";

/// More files than an index can list.
const MAX_FILES: usize = 400_000;

/// The bytes of all names but those of blobs, so that memory stays below a bound whatever an archive has in it.
const MAX_NAMES: usize = 8 << 20;

/// Files that stand in an archive once. Programs differ in which one of several counts.
const SINGLE: [&str; 3] = [MARKER, index::FILE, DOCKER_LIST];

/// A file in the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) start: u64,
    pub(super) length: u64,
}

/// The content of an archive. Of other files than [`SINGLE`] that stand twice the last one counts.
#[derive(Debug, Default)]
pub(super) struct TarIndex {
    /// Files with the name of a blob: one that is not what its name says is found by whoever reads it.
    pub(super) blobs: HashMap<Digest, Region>,
    pub(super) files: HashMap<String, Region>,
    pub(super) links: HashMap<String, String>,
    /// The bytes of the names in `files` and `links`.
    names: usize,
}

/// What the entries before a file say of it.
#[derive(Default)]
struct Attributes {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
}

impl TarIndex {
    /// Reads all headers of a file of this length.
    pub(super) fn read(file: &File, length: u64, path: &Path) -> Result<Self> {
        let reader = HeaderReader { file, length, path };
        reader.check_kind()?;
        let (mut index, mut at, mut attributes) = (Self::default(), 0, Attributes::default());
        while let Some(header) = reader.header(at)? {
            let start = at + BLOCK;
            let size = match (header.entry_type(), attributes.size.take()) {
                // Their size says nothing (POSIX, pax, "ustar Interchange Format"); no content follows.
                (EntryType::Directory | EntryType::Symlink | EntryType::Link, _) => 0,
                (_, Some(size)) => size,
                _ => header.entry_size().map_err(|error| reader.wrong(at, &error))?,
            };
            let end = start.checked_add(size).filter(|end| *end <= length).ok_or_else(|| reader.truncated())?;
            at = end.checked_next_multiple_of(BLOCK).ok_or_else(|| reader.truncated())?;
            match header.entry_type() {
                EntryType::XHeader => reader.pax(start, size, &mut attributes)?,
                EntryType::XGlobalHeader => {}
                EntryType::GNULongName => attributes.name = Some(reader.attribute(start, size)?),
                EntryType::GNULongLink => attributes.link = Some(reader.attribute(start, size)?),
                kind => {
                    let Attributes { name, link, .. } = std::mem::take(&mut attributes);
                    let name = reader.name(&name.unwrap_or_else(|| header.path_bytes().into_owned()))?;
                    let link = link.or_else(|| header.link_name_bytes().map(|link| link.into_owned()));
                    index.take(&reader, kind, name, link.unwrap_or_default(), Region { start, length: size })?;
                }
            }
        }
        Ok(index)
    }

    fn take(
        &mut self,
        reader: &HeaderReader<'_>,
        kind: EntryType,
        name: String,
        link: Vec<u8>,
        at: Region,
    ) -> Result<()> {
        let path = reader.path;
        match kind {
            EntryType::Directory => return Ok(()),
            // Earlier formats have no type for directories.
            EntryType::Regular if name.ends_with('/') => return Ok(()),
            EntryType::Regular | EntryType::Continuous => match blob_of(&name) {
                Some(digest) => drop(self.blobs.insert(digest, at)),
                None if SINGLE.contains(&&*name) && self.files.contains_key(&name) => {
                    return Err(broken(path, format_args!("has `{name}` twice")).with_hint(AGAIN));
                }
                None => {
                    self.names += name.len();
                    self.files.insert(name, at);
                }
            },
            EntryType::Symlink | EntryType::Link => {
                self.names += name.len() + link.len();
                self.links.insert(name, String::from_utf8_lossy(&link).into_owned());
            }
            EntryType::GNUSparse => return Err(sparse(path)),
            _ => {
                let what = "which is neither a file nor a directory";
                return Err(broken(path, format_args!("has `{}`, {what}", name.escape_debug())));
            }
        }
        match self.blobs.len() + self.files.len() + self.links.len() > MAX_FILES || self.names > MAX_NAMES {
            true => Err(broken(path, "has more files than a layout can have")),
            false => Ok(()),
        }
    }
}

/// Returns the digest of the blob that has this name in a layout.
pub(super) fn blob_of(name: &str) -> Option<Digest> {
    let (algorithm, hex) = name.strip_prefix("blobs/")?.split_once('/')?;
    let digest: Digest = format!("{algorithm}:{hex}").parse().ok()?;
    (blob_name(&digest) == name).then_some(digest)
}

fn sparse(path: &Path) -> Error {
    broken(path, "has a sparse file, which an archive of images may not have")
        .with_hint("write it again without `--sparse`")
}

struct HeaderReader<'a> {
    file: &'a File,
    length: u64,
    path: &'a Path,
}

impl HeaderReader<'_> {
    /// Refuses what is compressed, with the way on.
    fn check_kind(&self) -> Result<()> {
        let mut start = [0; 6];
        let read = self.file.read_at(&mut start, 0).map_err(|error| fault("read", self.path, error))?;
        let program = match start[..read] {
            [0x1f, 0x8b, ..] => "gunzip",
            [0x28, 0xb5, 0x2f, 0xfd, ..] => "unzstd",
            [b'B', b'Z', b'h', ..] => "bunzip2",
            [0xfd, b'7', b'z', b'X', b'Z', ..] => "unxz",
            _ => return Ok(()),
        };
        Err(broken(self.path, "is compressed, and blobs are read at their places").with_hint(format!(
            "run `{program} -c {} > unpacked.tar` and give that file; layers inside are compressed already",
            self.path.display()
        )))
    }

    /// The header at a place; none at the end of the archive.
    fn header(&self, at: u64) -> Result<Option<Header>> {
        if at == self.length && at > 0 {
            return Ok(None); // some programs leave out the empty blocks
        }
        let mut header = Header::new_old();
        let bytes = header.as_mut_bytes();
        self.file.read_exact_at(bytes, at).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof if at == 0 => self.no_archive(),
            std::io::ErrorKind::UnexpectedEof => self.truncated(),
            _ => fault("read", self.path, error),
        })?;
        if bytes.iter().all(|byte| *byte == 0) {
            return if at == 0 { Err(self.no_archive()) } else { Ok(None) };
        }
        // The field of the sum counts as spaces (POSIX, pax, "ustar Interchange Format").
        let sum: u32 = bytes
            .iter()
            .enumerate()
            .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) })
            .sum();
        match header.cksum() {
            Ok(stated) if stated == sum => Ok(Some(header)),
            _ if at == 0 => Err(self.no_archive()),
            _ => Err(broken(self.path, format_args!("has a damaged header at byte {at}")).with_hint(AGAIN)),
        }
    }

    fn pax(&self, start: u64, size: u64, attributes: &mut Attributes) -> Result<()> {
        let bytes = self.attribute(start, size)?;
        for extension in PaxExtensions::new(&bytes) {
            let extension = extension.map_err(|error| self.wrong(start, &error))?;
            match extension.key_bytes() {
                b"path" => attributes.name = Some(extension.value_bytes().to_vec()),
                b"linkpath" => attributes.link = Some(extension.value_bytes().to_vec()),
                b"size" => {
                    let size = extension.value().ok().and_then(|size| size.parse().ok());
                    attributes.size = Some(size.ok_or_else(|| broken(self.path, "has a size that is no number"))?);
                }
                key if key.starts_with(b"GNU.sparse") => {
                    return Err(sparse(self.path));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn attribute(&self, start: u64, size: u64) -> Result<Vec<u8>> {
        if size > MAX_ATTRIBUTES {
            return Err(broken(self.path, format_args!("has a name or attribute of {size} bytes")));
        }
        let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
        self.file.read_exact_at(&mut bytes, start).map_err(|error| fault("read", self.path, error))?;
        Ok(bytes)
    }

    /// A name inside the archive, without `./` in front. That of a directory may end in `/`.
    fn name(&self, bytes: &[u8]) -> Result<String> {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_end_matches('\0');
        let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        if text.starts_with('/') || parts.contains(&"..") {
            return Err(broken(self.path, format_args!("has a name that leads out of it: `{}`", text.escape_debug())));
        }
        Ok(parts.join("/") + if text.ends_with('/') { "/" } else { "" })
    }

    fn no_archive(&self) -> Error {
        broken(self.path, "is neither a directory nor a tar file")
            .with_hint("give an OCI image layout as a directory or a tar file, or what `docker save` writes")
    }

    fn truncated(&self) -> Error {
        broken(self.path, "ends in the middle of a file").with_hint(AGAIN)
    }

    fn wrong(&self, at: u64, error: &std::io::Error) -> Error {
        broken(self.path, format_args!("has a damaged header at byte {at}: {error}")).with_hint(AGAIN)
    }
}

/// The hint for an archive that is damaged.
const AGAIN: &str = "bring the file again from where it was written";
