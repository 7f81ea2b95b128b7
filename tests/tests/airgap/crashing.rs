//! Killed at any moment, the directory is a layout and everything that it lists is whole.

use std::time::{Duration, Instant};

use sealift_conformance::images::{Image, artifact, image};
use sealift_core::content::well_known;
use sealift_oci_layout::{Layout, REF_NAME};
use sealift_testkit::{
    content::Content,
    fault::FaultRegistry,
    program::skopeo_ok,
    proxy::{Network, Proxy},
    registry::Registry,
};

use crate::{folder, judged};

const IMAGES: usize = 12;

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stderr, reason = "whoever sees this fail needs the moments at which it was killed")]
async fn a_stage_that_is_killed_leaves_a_layout_and_goes_on_where_it_was() {
    let Some(from) = Registry::start() else { return };
    let source = Content::at(&from.url());
    for tag in 0..IMAGES {
        let own = format!("{tag} ").repeat(40_000);
        source.put("shop/app", &format!("v{tag}"), &image("linux/amd64", &["base", &own])).await;
    }
    let network = Network { bytes_per_second: 400_000, ..Network::default() };
    let slow = Proxy::start(from.addr(), network).await;
    let folder = folder();
    folder.write("images.yaml", &format!("{}/shop/app: h.io/app\n", slow.host()));
    let arguments = ["stage", "--images", "images.yaml", "--to", "bundle", "--proc", "3"];
    let dir = folder.path("bundle");

    let mut random = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos();
    let (mut killed, mut seen) = (0, 0);
    for _ in 0..12 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let after = Duration::from_millis(u64::from(random >> 16) % 1200);
        let mut child = folder.start(&arguments);
        let started = Instant::now();
        while started.elapsed() < after && child.try_wait().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let was_running = child.try_wait().unwrap().is_none();
        child.kill().unwrap();
        child.wait().unwrap();
        eprintln!("killed after {after:?}: {was_running}");
        killed += u32::from(was_running);
        // Its first files are made one after the other, the index last.
        if seen == 0 && !dir.join("index.json").exists() {
            continue;
        }
        let listed = judged(&dir).await.len();
        assert!(listed >= seen, "{listed} images after {seen}");
        seen = listed;
        if !was_running {
            break;
        }
    }
    assert!(killed > 0, "it was never killed while it ran");

    slow.change(Network::default());
    folder.run(&arguments).expect(0);
    assert_eq!(judged(&dir).await.len(), IMAGES);
    let parts = std::fs::read_dir(dir.join("blobs/sha256")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(parts.filter(|name| name.to_string_lossy().starts_with('.')).count(), 0, "nothing half-written stays");
    for entry in Layout::open(&dir).await.unwrap().entries() {
        let reference = format!("oci:{}:{}", dir.display(), entry.annotations[REF_NAME]);
        let Some(raw) = skopeo_ok(&["inspect", "--raw", &reference]) else { return };
        assert!(entry.digest.matches(raw.as_bytes()), "{reference}");
    }
}

const LAYER: u64 = 64 << 20;

/// An image with one large layer.
fn large() -> Image {
    let line = |at: u64| format!("{:016x}{:016x}\n", at.wrapping_mul(0x9e37_79b9_7f4a_7c15), at);
    let mut layer: String = (0..LAYER / 33).map(line).collect();
    layer.extend(std::iter::repeat_n('.', usize::try_from(LAYER).unwrap() - layer.len()));
    artifact(well_known::OCI_CONFIG, "{\"os\":\"linux\",\"architecture\":\"amd64\"}", &[&layer], &[])
}

fn line_of(bytes_per_second: u64) -> Network {
    Network { bytes_per_second, ..Network::default() }
}

/// Runs a program until `moved` says that 80 % of the layer arrived, and kills it.
async fn killed_at_80_percent(folder: &sealift_e2e::program::Folder, arguments: &[&str], moved: impl Fn() -> u64) {
    let mut child = folder.start(arguments);
    while moved() < LAYER * 8 / 10 {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was killed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_that_is_killed_in_a_large_blob_reads_only_the_rest_of_it_afterwards() {
    let Some(from) = Registry::start() else { return };
    Content::at(&from.url()).put("shop/app", "v1", &large()).await;
    let line = Proxy::start(from.addr(), line_of(30 << 20)).await;
    let folder = folder();
    let image = format!("{}/shop/app:v1", line.host());
    let arguments = ["stage", &image, "--to", "bundle", "--no-cache"];
    let blobs = folder.path("bundle/blobs/sha256");
    let largest = || {
        let files = std::fs::read_dir(&blobs).into_iter().flatten().flatten();
        files.filter_map(|file| file.metadata().ok()).map(|meta| meta.len()).max().unwrap_or_default()
    };
    killed_at_80_percent(&folder, &arguments, largest).await;

    line.change(line_of(10 << 20));
    let before = line.bytes_from_server();
    folder.run(&arguments).expect(0);
    let moved = line.bytes_from_server() - before;
    assert!(moved <= LAYER / 4, "{moved} of {LAYER} bytes were read again");
    assert_eq!(judged(&folder.path("bundle")).await.len(), 1);
    let parts = std::fs::read_dir(&blobs).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(parts.filter(|name| name.to_string_lossy().starts_with('.')).count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_killed_in_a_large_blob_moves_only_the_rest_of_it_afterwards() {
    let Some(from) = Registry::start() else { return };
    Content::at(&from.url()).put("shop/app", "v1", &large()).await;
    let line = Proxy::start(from.addr(), line_of(30 << 20)).await;
    let to = FaultRegistry::start().await;
    let folder = folder();
    let (source, target) = (format!("{}/shop/app:v1", line.host()), format!("{}/shop/app:v1", to.host()));
    let arguments = ["copy", &source, &target, "--cache-dir", "cache"];
    let received = || to.journal().of("PUT", "/blobs/uploads/").map(|put| put.received).max().unwrap_or_default();
    killed_at_80_percent(&folder, &arguments, received).await;

    line.change(line_of(10 << 20));
    to.forget();
    let before = line.bytes_from_server();
    folder.run(&arguments).expect(0);
    let (read, sent) = (line.bytes_from_server() - before, received());
    assert!(read <= LAYER / 4, "{read} of {LAYER} bytes were read again");
    assert!(sent <= LAYER / 4, "{sent} of {LAYER} bytes were sent again");
    Content::at(&to.url()).whole("shop/app", "v1").await;
}
