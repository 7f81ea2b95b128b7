//! A layout with as many images as a large site has.

use sealift_conformance::images::image;
use sealift_core::content::{Descriptor, well_known};
use serde_json::json;

use super::*;

#[tokio::test]
async fn five_thousand_images_are_listed_in_a_moment() {
    let mut made = Made::new().await;
    let shared = image("linux/amd64", &["base"]);
    made.content(&shared).await;
    let entry = shared.manifest.descriptor();
    for number in 0..5000 {
        let name = format!("docker.io/team-{}/app-{number}:v{number}", number % 50);
        let entry = Descriptor { annotations: [(CONTAINERD_NAME.to_owned(), name)].into(), ..entry.clone() };
        made.entries.push(json!(entry));
    }
    // One without a name makes it look at what belongs to what.
    made.entries.push(json!(Descriptor::of_bytes(well_known::OCI_MANIFEST, b"missing")));
    let text = json!({ "schemaVersion": 2, "manifests": made.entries }).to_string();
    std::fs::write(made.path().join("index.json"), text).unwrap();
    let started = std::time::Instant::now();
    let all = listed(json!({ "to": "h.io/p" }), &made.path()).await.unwrap();
    assert_eq!(all.lines.len(), 5001);
    assert!(all.exclusive);
    assert!(started.elapsed() < std::time::Duration::from_secs(5), "{:?}", started.elapsed());
}
