//! Layers.

use std::io::Write;

use bytes::Bytes;
use flate2::{Compression, GzBuilder};
use sealift_core::content::Digest;

/// A gzipped tar archive.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The archive as it travels.
    pub bytes: Bytes,
    /// The digest of the archive before it was compressed, as it stands in a config.
    pub diff_id: Digest,
}

/// A layer of about `length` bytes. The name decides what is in it: another name gives another layer.
pub fn layer(name: &str, length: usize) -> Layer {
    let archive = archive(name, length);
    let diff_id = Digest::of(&archive);
    // Without a name or a time of its own, so that it is the same each time.
    let mut gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::fast());
    gzip.write_all(&archive).expect("writing to memory does not fail");
    Layer { bytes: gzip.finish().expect("writing to memory does not fail").into(), diff_id }
}

fn archive(name: &str, length: usize) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::with_capacity(length + 4096));
    let mut add = |path: String, content: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        archive.append_data(&mut header, path, content).expect("writing to memory does not fail");
    };
    add(format!("opt/{name}/README"), format!("A sample layer called {name}.\n").as_bytes());
    add(format!("opt/{name}/data"), &noise(name, length));
    archive.into_inner().expect("writing to memory does not fail")
}

/// Bytes that cannot be compressed (xorshift64*), so that a layer is about as long as was asked for.
fn noise(name: &str, length: usize) -> Vec<u8> {
    let seed = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let mut state = seed | 1;
    let mut words = std::iter::repeat_with(move || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    });
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&words.next().unwrap_or_default().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
