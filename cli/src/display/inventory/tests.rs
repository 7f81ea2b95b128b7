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
        about: None,
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

#[test]
fn tags_about_an_image_stand_in_its_row() {
    let mut inventory = inventory();
    let subject = inventory.images[1].digest.clone();
    let name = format!("docker.io/library/nginx:sha256-{}.sig", subject.hex());
    let tag = InventoryImage { about: Some(subject), ..image(&name, &["linux/amd64"], 2862, 2862) };
    inventory.images.push(tag);
    let (short, long) = (text(&inventory, false), text(&inventory, true));
    assert!(!short.contains(".sig") && short.contains("3 images"), "{short}");
    assert!(short.contains("1 tag is about one of them"), "{short}");
    assert!(long.contains(&name) && !long.contains("is about"), "{long}");
}

#[test]
fn tables_of_other_programs_get_every_image_in_a_line() {
    let mut inventory = inventory();
    inventory.images[0].name = "quay.io/a,\"b\":v1".into();
    insta::assert_snapshot!(csv(&inventory));
}
