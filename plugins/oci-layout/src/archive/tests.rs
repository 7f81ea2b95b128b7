use std::{io::Write, path::PathBuf, sync::Arc};

use sealift_core::error::ErrorKind;
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

use crate::{ImageCatalog, Inventory, Layout, Receipt, made::Made, verify};

/// A layout of one image with a layer, and the same as a tar file by a program that is not ours.
async fn packed() -> (Made, PathBuf) {
    let mut made = Made::new().await;
    let layer = made.layer("the layer").await;
    let image = made.with_layers("amd64", &[&layer]).await;
    made.named(&image, "q.io/app:v1");
    made.layout().await;
    let path = made.dir.path().join("bundle.tar");
    let mut tar = Builder::new(std::fs::File::create(&path).unwrap());
    tar.append_dir_all(".", made.path()).unwrap();
    tar.finish().unwrap();
    (made, path)
}

#[tokio::test]
async fn a_layout_in_a_tar_file_is_read_as_the_directory_is() {
    let (made, path) = packed().await;
    let (dir, file) = (Layout::open(made.path()).await.unwrap(), Layout::open(&path).await.unwrap());
    assert_eq!(dir.entries(), file.entries());
    let (one, two) = (Receipt::of_layout(&dir).await.unwrap(), Receipt::of_layout(&file).await.unwrap());
    assert_eq!((one.images(), one.blobs()), (two.images(), two.blobs()));
    let (one, two) = (Inventory::of(&dir).await.unwrap(), Inventory::of(&file).await.unwrap());
    assert_eq!(serde_json::to_value(one).unwrap(), serde_json::to_value(two).unwrap());
    assert!(file.has_image(&file.entries()[0]).await.unwrap());
    let found = verify(&path, Arc::default()).await.unwrap();
    assert!(found.is_whole() && found.images == 1, "{found:?}");

    // A byte of a blob is another one.
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(9).position(|bytes| bytes == b"the layer").unwrap();
    bytes[at] = b'T';
    std::fs::write(&path, &bytes).unwrap();
    let found = verify(&path, Arc::default()).await.unwrap();
    assert_eq!((found.damages.len(), &*found.broken[0]), (1, "q.io/app:v1"), "{found:?}");
}

async fn refusal(bytes: &[u8]) -> String {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("x.tar");
    std::fs::write(&path, bytes).unwrap();
    let error = Layout::open(&path).await.err().expect("it is refused");
    assert_eq!(error.kind(), ErrorKind::Storage);
    let name = format!("`{}` ", path.display());
    error.message().strip_prefix(&name).unwrap_or_else(|| panic!("{error}")).to_owned()
}

/// An archive of one entry, as its header says it.
fn one(kind: EntryType, name: &[u8], size: u64, content: &[u8]) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_size(size);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.write_all(content).unwrap();
    bytes.resize(bytes.len().next_multiple_of(512) + 1024, 0);
    bytes
}

/// One archive of several.
fn join(archives: &[Vec<u8>]) -> Vec<u8> {
    let inner = archives.iter().flat_map(|archive| &archive[..archive.len() - 1024]);
    inner.copied().chain([0; 1024]).collect()
}

/// A file with a name of this length.
fn long_name(length: usize) -> Vec<u8> {
    let name = one(EntryType::GNULongName, b"././@LongLink", length as u64, &vec![b'a'; length]);
    join(&[name, one(EntryType::Regular, b"a", 0, b"")])
}

#[tokio::test]
async fn hostile_archives_are_refused_in_words() {
    let file = EntryType::Regular;
    for (bytes, words) in [
        (one(file, b"../evil", 0, b""), "has a name that leads out of it"),
        (one(file, b"/etc/passwd", 0, b""), "has a name that leads out of it"),
        (one(file, b"index.json", 1 << 62, b""), "ends in the middle of a file"),
        (one(file, b"index.json", 5000, b"{"), "ends in the middle of a file"),
        (one(EntryType::Fifo, b"index.json", 0, b""), "which is neither a file nor a directory"),
        (one(EntryType::GNUSparse, b"index.json", 0, b""), "has a sparse file"),
        (one(EntryType::GNULongName, b"x", 100_000, &[b'a'; 100_000]), "has a name or attribute of 100000 bytes"),
        (one(EntryType::XHeader, b"x", 20, b"20 GNU.sparse.map=0\n"), "has a sparse file"),
        (one(EntryType::Symlink, b"index.json", 9, b""), "has neither"),
        (join(&[one(file, b"index.json", 2, b"{}"), one(file, b"./index.json", 2, b"{}")]), "has `index.json` twice"),
        (join(&vec![long_name(60_000); 140]), "has more files than a layout can have"),
        (one(file, b"readme", 0, b""), "has neither `index.json` nor `manifest.json`"),
        (b"\x1f\x8b\x08 and more".to_vec(), "is compressed"),
        (b"hello".to_vec(), "is neither a directory nor a tar file"),
        (Vec::new(), "is neither a directory nor a tar file"),
        (vec![7; 2048], "is neither a directory nor a tar file"),
    ] {
        let refused = refusal(&bytes).await;
        assert!(refused.starts_with(words) || refused.contains(words), "{words}: {refused}");
    }
    let mut damaged = one(file, b"readme", 0, b"");
    damaged.truncate(512);
    damaged.extend(vec![9; 512]);
    assert!(refusal(&damaged).await.contains("has a damaged header at byte 512"));
    // A link among the blobs.
    let mut linked = one(EntryType::Symlink, b"blobs/sha256/0", 0, b"");
    linked.truncate(512);
    linked.extend(one(file, b"index.json", 2, b"{}"));
    assert!(refusal(&linked).await.contains("has a link `blobs/sha256/0`"));
}

#[tokio::test]
async fn what_docker_saved_before_it_knew_layouts_is_a_layout() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("saved.tar");
    let (base, own) = (b"the base layer".as_slice(), b"the own layer".as_slice());
    let [base_id, own_id] = [base, own].map(|layer| sealift_core::content::Digest::of(layer).to_string());
    let config = serde_json::json!({ "os": "linux", "architecture": "amd64",
        "rootfs": { "type": "layers", "diff_ids": [base_id, own_id, base_id] } })
    .to_string();
    let list = serde_json::json!([{ "Config": "c.json", "RepoTags": ["nginx:1.27", "q.io/web:v1"],
        "Layers": ["a/layer.tar", "b/layer.tar", "c/layer.tar"] }])
    .to_string();
    let mut tar = Builder::new(std::fs::File::create(&path).unwrap());
    let mut add = |name: &str, bytes: &[u8]| {
        let mut header = Header::new_ustar();
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, name, bytes).unwrap();
    };
    add("a/layer.tar", base);
    add("b/layer.tar", own);
    add("c.json", config.as_bytes());
    add("manifest.json", list.as_bytes());
    let mut link = Header::new_ustar();
    link.set_entry_type(EntryType::Symlink);
    link.set_size(0);
    tar.append_link(&mut link, "c/layer.tar", "../a/layer.tar").unwrap();
    tar.finish().unwrap();

    let layout = Layout::open(&path).await.unwrap();
    let catalog = ImageCatalog::read(&layout).await.unwrap();
    let names: Vec<&str> = catalog.images().iter().map(|image| image.name.as_str()).collect();
    assert_eq!(names, ["docker.io/library/nginx:1.27", "q.io/web:v1"]);
    let found = verify(&path, Arc::default()).await.unwrap();
    assert!(found.is_whole() && found.files == 4, "{found:?}");
    let inventory = Inventory::of(&layout).await.unwrap();
    assert_eq!(inventory.images[0].platforms, ["linux/amd64"]);
    let again = Layout::open(&path).await.unwrap();
    assert_eq!(layout.entries(), again.entries(), "the same content has the same digest");
}

/// Returns what [`verify`] says of a file: none if it is refused.
async fn verified(path: &std::path::Path, bytes: &[u8]) -> Option<crate::Verification> {
    std::fs::write(path, bytes).unwrap();
    verify(path, Arc::default()).await.ok()
}

#[tokio::test]
async fn an_archive_that_is_cut_off_or_changed_never_passes_for_whole() {
    let (made, path) = packed().await;
    let bytes = std::fs::read(&path).unwrap();
    let whole = verified(&path, &bytes).await.unwrap();
    assert!(whole.is_whole());
    // The last member ends before two empty blocks, which some programs leave out.
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    let other = made.dir.path().join("other.tar");
    for cut in (0..end).step_by(200).chain([end]) {
        let found = verified(&other, &bytes[..cut]).await;
        let missed =
            found.as_ref().is_none_or(|found| !found.is_whole() || found.images == 0 || found.files == whole.files);
        assert!(missed, "cut at {cut}: {found:?}");
    }
    for at in (0..end).step_by(61).filter(|at| bytes[*at] != 0) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        if let Some(found) = verified(&other, &changed).await.filter(crate::Verification::is_whole) {
            assert_eq!((found.images, found.files), (whole.images, whole.files), "changed at {at}");
        }
    }
}

#[tokio::test]
async fn archives_of_every_kind_of_tar_are_read() {
    let made = packed().await.0;
    let dir = Layout::open(made.path()).await.unwrap();
    for format in ["v7", "oldgnu", "gnu", "ustar", "posix"] {
        let path = made.dir.path().join(format);
        let mut tar = std::process::Command::new("tar");
        let ran = tar.arg("-C").arg(made.path()).arg(format!("--format={format}")).arg("-cf").arg(&path).arg(".");
        if !ran.status().is_ok_and(|status| status.success()) {
            return; // not GNU tar
        }
        assert_eq!(Layout::open(&path).await.unwrap().entries(), dir.entries(), "{format}");
        assert!(verify(&path, Arc::default()).await.unwrap().is_whole(), "{format}");
    }
}

// A header may say anything; the bytes need not be there if the file has holes.
#[tokio::test]
async fn a_list_of_ten_gibibytes_is_not_read() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("x.tar");
    let marker = crate::marker::MARKER_TEXT;
    let marker = one(EntryType::Regular, b"oci-layout", marker.len() as u64, marker);
    let archive = join(&[marker, one(EntryType::Regular, b"index.json", 10 << 30, b"")]);
    std::fs::write(&path, &archive).unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_len(archive.len() as u64 + (10 << 30)).unwrap();
    let error = Layout::open(&path).await.err().unwrap();
    assert!(error.message().contains("is longer than 16777216 bytes"), "{error}");
}

#[tokio::test]
async fn a_list_that_would_make_endless_manifests_is_refused() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("x.tar");
    let id = sealift_core::content::Digest::of(b"l").to_string();
    let config = serde_json::json!({ "rootfs": { "diff_ids": vec![id; 2000] } }).to_string();
    let image = serde_json::json!({ "Config": "c", "Layers": vec!["l"; 2000] });
    let list = serde_json::to_vec(&vec![image; 200]).unwrap();
    let file = |name: &[u8], content: &[u8]| one(EntryType::Regular, name, content.len() as u64, content);
    let archive = join(&[file(b"l", b"l"), file(b"c", config.as_bytes()), file(b"manifest.json", &list)]);
    std::fs::write(&path, archive).unwrap();
    let error = Layout::open(&path).await.err().unwrap();
    assert!(error.message().contains("has too many images"), "{error}");
}
