//! A layout with as many images as a large site has: time and memory stay within bounds.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use sealift_core::content::{Descriptor, MediaType, well_known};
use sealift_oci_layout::{CONTAINERD_NAME, Inventory, Layout, Progress, Receipt, verify};
use serde_json::{Value, json};

const IMAGES: usize = 5000;
const SHARED: usize = 50;

fn put(dir: &Path, media_type: MediaType, bytes: &[u8]) -> Descriptor {
    let item = Descriptor::of_bytes(media_type, bytes);
    std::fs::write(dir.join("blobs/sha256").join(item.digest.hex()), bytes).unwrap();
    item
}

/// 5,000 images that share 50 layers, each with a config of its own.
fn fill(dir: &Path) {
    std::fs::create_dir_all(dir.join("blobs/sha256")).unwrap();
    std::fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let shared: Vec<_> =
        (0..SHARED).map(|at| put(dir, well_known::OCI_LAYER_GZIP, format!("shared layer {at}").as_bytes())).collect();
    let entry = |at: usize| {
        let config = json!({ "os": "linux", "architecture": "amd64", "image": at }).to_string();
        let config = put(dir, well_known::OCI_CONFIG, config.as_bytes());
        let manifest = json!({ "schemaVersion": 2, "config": config, "layers": shared }).to_string();
        let mut entry = put(dir, well_known::OCI_MANIFEST, manifest.as_bytes());
        entry.annotations.insert(CONTAINERD_NAME.to_owned(), format!("q.io/team-{}/app-{at}:v1", at % 100));
        json!(entry)
    };
    let entries: Vec<Value> = (0..IMAGES).map(entry).collect();
    let index = json!({ "schemaVersion": 2, "manifests": entries }).to_string();
    std::fs::write(dir.join("index.json"), index).unwrap();
}

/// The most memory that this process had, in MiB; none where the system does not tell.
fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? / 1024)
}

#[tokio::test]
async fn five_thousand_images_are_verified_counted_and_listed_in_little_memory() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path());
    let before = peak_mib();
    let started = Instant::now();

    let found = verify(dir.path(), Arc::new(Progress::default())).await.unwrap();
    assert!(found.is_whole());
    assert_eq!((found.images, found.files), (IMAGES, (2 * IMAGES + SHARED) as u64));

    let layout = Layout::open(dir.path()).await.unwrap();
    let inventory = Inventory::of(&layout).await.unwrap();
    assert_eq!(inventory.images.len(), IMAGES);
    assert_eq!(inventory.images[7].platforms, ["linux/amd64"]);

    let receipt = Receipt::of_layout(&layout).await.unwrap();
    assert_eq!((receipt.images().len(), receipt.blobs().len()), (IMAGES, IMAGES + SHARED));

    // Bounds for a busy machine and a program that was not optimised; they catch what grows with the square.
    assert!(started.elapsed() < Duration::from_secs(120), "{:?}", started.elapsed());
    if let (Some(before), Some(after)) = (before, peak_mib()) {
        assert!(after - before < 96, "{before} MiB before, {after} MiB at most");
    }

    let layer = Descriptor::of_bytes(well_known::OCI_LAYER_GZIP, b"shared layer 0");
    std::fs::remove_file(dir.path().join("blobs/sha256").join(layer.digest.hex())).unwrap();
    let found = verify(dir.path(), Arc::new(Progress::default())).await.unwrap();
    assert_eq!((found.damages.len(), found.damages[0].images.len(), found.broken.len()), (1, IMAGES, IMAGES));
}
