//! Killed at any moment, the directory is a layout and everything that it lists is whole.

use std::time::{Duration, Instant};

use sealift_conformance::images::image;
use sealift_oci_layout::{Layout, REF_NAME};
use sealift_testkit::{
    content::Content,
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
        if !dir.join("oci-layout").exists() {
            continue; // it had not begun
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
