//! From the disk to a text, with a bound on its size.

use std::{fs::File, io::Read, path::Path};

use sealift_core::{diagnostic::Diagnostic, error::io_message};

use crate::text::MAX_BYTES;

/// Reads a file. `shown` is its name for diagnostics, as the user wrote it.
///
/// # Errors
/// If it cannot be read, is no UTF-8, or is larger than 16 MiB.
pub fn read(path: &Path, shown: &str) -> Result<String, Vec<Diagnostic>> {
    let fail = |why: String| vec![Diagnostic::error(format!("cannot read `{shown}`: {why}"))];
    let file = File::open(path).map_err(|error| fail(io_message(&error)))?;
    let mut bytes = Vec::new();
    // One byte more than allowed tells "just fits" from "too large", also where the size is not known beforehand.
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| fail(io_message(&error)))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(fail(format!("it is larger than the {} MiB that are accepted", MAX_BYTES >> 20)));
    }
    if let Some(text) = utf_16(&bytes) {
        return text.ok_or_else(|| fail("it begins as UTF-16 and is none".to_owned()));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..good].iter().filter(|byte| **byte == b'\n').count() + 1;
        fail(format!("it is not UTF-8 (line {line})"))
    })
}

/// The text of a file that begins with a byte order mark of UTF-16, as some editors write it. The inner value is none if
/// what follows is no UTF-16.
fn utf_16(bytes: &[u8]) -> Option<Option<String>> {
    let unit: fn([u8; 2]) -> u16 = match bytes {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return None,
    };
    let (units, rest) = bytes[2..].as_chunks::<2>();
    let text = char::decode_utf16(units.iter().map(|bytes| unit(*bytes))).collect::<Result<_, _>>().ok();
    Some(text.filter(|_| rest.is_empty()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_cannot_be_read_is_said_by_the_name_that_the_user_gave() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.yaml");
        let said = |path: &Path| read(path, "x.yaml").unwrap_err()[0].message.clone();
        assert!(said(&path).starts_with("cannot read `x.yaml`: no such file"), "{}", said(&path));
        assert!(said(dir.path()).starts_with("cannot read `x.yaml`: is a directory"), "{}", said(dir.path()));
        fs::write(&path, b"a: b\nc: \xff\n").unwrap();
        assert_eq!(said(&path), "cannot read `x.yaml`: it is not UTF-8 (line 2)");
        fs::write(&path, vec![b'#'; MAX_BYTES as usize + 1]).unwrap();
        assert_eq!(said(&path), "cannot read `x.yaml`: it is larger than the 16 MiB that are accepted");
        fs::write(&path, vec![b'#'; MAX_BYTES as usize]).unwrap();
        assert_eq!(read(&path, "x.yaml").unwrap().len() as u64, MAX_BYTES);
    }

    #[test]
    fn utf_16_is_read_by_its_mark() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.yaml");
        let text = "a/b:v1: h.io/é\n";
        for order in [u16::to_le_bytes, u16::to_be_bytes] {
            let bytes: Vec<u8> = "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(order).collect();
            fs::write(&path, &bytes).unwrap();
            assert_eq!(read(&path, "x.yaml").unwrap(), text);
            fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
            assert!(read(&path, "x.yaml").is_err());
        }
    }

    #[test]
    fn a_file_that_never_ends_is_too_large() {
        if Path::new("/dev/zero").exists() {
            assert!(read(Path::new("/dev/zero"), "zero.yaml").unwrap_err()[0].message.contains("16 MiB"));
        }
    }
}
