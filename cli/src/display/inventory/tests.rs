use sealift_core::content::Digest;

use super::*;

fn image(name: &str, platforms: &[&str], size: u64, own: u64) -> InventoryImage {
    InventoryImage {
        name: name.to_owned(),
        digest: Digest::of(name.as_bytes()),
        platforms: platforms.iter().map(|platform| (*platform).to_owned()).collect(),
        size,
        own,
        referrers: 0,
        missing: 0,
        damaged: 0,
        left_out: 0,
        targets: Vec::new(),
    }
}

fn inventory() -> Inventory {
    let mut nginx = image("docker.io/library/nginx:1.27", &["linux/amd64", "linux/arm64"], 75_600_000, 12_600_000);
    nginx.referrers = 2;
    nginx.targets = vec!["harbor.example.com/mirror/nginx:1.27".into()];
    let mut etcd = image("quay.io/coreos/etcd:v3.5.0", &["a/b", "c/d", "e/f", "g/h"], 200_000_000, 200_000_000);
    (etcd.missing, etcd.left_out) = (1, 3);
    let chart = image("@sha256:0123456789ab", &[], 4096, 4096);
    Inventory { images: vec![etcd, nginx, chart], blobs: 17, bytes: 230_000_000, broken: Vec::new(), notes: Vec::new() }
}

#[test]
fn images_are_a_table_in_the_order_of_their_names() {
    insta::assert_snapshot!(text(&inventory(), false));
}

#[test]
fn where_they_go_is_told_on_demand() {
    insta::assert_snapshot!(text(&inventory(), true));
}

#[test]
fn a_directory_without_images_says_so() {
    let empty = Inventory { images: Vec::new(), blobs: 0, bytes: 0, broken: Vec::new(), notes: Vec::new() };
    insta::assert_snapshot!(text(&empty, false));
}
