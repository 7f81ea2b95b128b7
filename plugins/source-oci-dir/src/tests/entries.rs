//! Damaged entries of `index.json`, and one that lists nothing.

use sealift_conformance::{images::image, memory::Memory};
use sealift_core::{error::ErrorKind, report::FailedItem};
use serde_json::json;

use super::{engine::load, *};

/// Two images, and what `change` makes of the entry of the second.
async fn damaged(change: impl FnOnce(&mut Value)) -> Made {
    let mut made = Made::new().await;
    made.ours(&image("linux/amd64", &["1"]), "q.io/one:v1", "").await;
    made.ours(&image("linux/amd64", &["2"]), "q.io/two:v1", "").await;
    change(&mut made.entries[1]);
    let text = json!({ "schemaVersion": 2, "manifests": made.entries }).to_string();
    std::fs::write(made.path().join("index.json"), text).unwrap();
    made
}

/// Seen: the image stayed behind with a warning, and the exit code was 0.
#[tokio::test]
async fn a_damaged_entry_is_a_failure_and_the_others_are_loaded() {
    /// What is changed, how, and whether the name can still be read.
    type Damage = (&'static str, fn(&mut Value), bool);
    let changes: [Damage; 5] = [
        ("no digest", |entry| entry["digest"] = "sha256:xyz".into(), true),
        ("another algorithm", |entry| entry["digest"] = "blake3:00".into(), true),
        ("the length as text", |entry| entry["size"] = "7".into(), true),
        ("another type", |entry| entry["mediaType"] = "application/vnd.oci.imbge.manifest.v1+json".into(), true),
        ("nothing", |entry| *entry = Value::Null, false),
    ];
    for (what, change, has_name) in changes {
        let made = damaged(change).await;
        let registry = Memory::new("h.io");
        let report = load(json!({ "to": "h.io" }), &made.path(), &registry).await;
        assert_eq!((report.exit_code(), report.copied, report.failures.len()), (1, 1, 1), "{what}: {report:?}");
        assert!(registry.digest_of("one:v1").is_some());
        let failure = &report.failures[0];
        match (&failure.what, has_name) {
            (FailedItem::Image { source, .. }, true) => assert_eq!(source.to_string(), "q.io/two:v1"),
            (FailedItem::Listing { repository: None }, false) => {}
            (other, _) => panic!("{what}: {other:?}"),
        }
        assert!(failure.cause.contains("of `index.json`"), "{}", failure.cause);
        assert_eq!(report.passes, 0, "it is the same in every round");
    }
}

#[tokio::test]
async fn a_damaged_entry_of_something_that_is_not_wanted_is_a_warning() {
    let made = damaged(|entry| entry["size"] = Value::Null).await;
    for config in [
        json!({ "include": ["q.io/one"], "to": "h.io" }),
        json!({ "images": [{ "from": "q.io/one:v1", "to": ["h.io/one:v1"] }] }),
    ] {
        let all = listed(config, &made.path()).await.unwrap();
        assert_eq!((all.lines.len(), all.unusable.len(), all.warnings.len()), (1, 0, 1), "{all:?}");
        assert!(all.warnings[0].starts_with("the entry `q.io/two:v1` of `index.json` is damaged"), "{all:?}");
    }
    let all = listed(json!({ "include": ["q.io/two"], "to": "h.io" }), &made.path()).await.unwrap();
    assert_eq!((all.lines.len(), all.unusable.len()), (0, 1), "{all:?}");
    let error = refused(json!({ "images": [{ "from": "q.io/two:v1", "to": ["h.io/x:1"] }] }), &made.path()).await;
    assert!(error.message().contains("the entry `q.io/two:v1` of `index.json` is damaged"), "{error}");
    let made = damaged(|entry| *entry = Value::Null).await;
    let all = listed(json!({ "include": ["q.io/one"], "to": "h.io" }), &made.path()).await.unwrap();
    assert_eq!((all.lines.len(), all.unusable.len()), (1, 1), "it may have been one of those: {all:?}");
    let all = listed(json!({ "images": [{ "to": ["h.io/x:1"] }] }), &made.path()).await.unwrap();
    assert_eq!((all.lines.len(), all.unusable.len()), (1, 1), "it may not be the only one: {all:?}");
}

/// Seen: `docker save IMAGE@DIGEST` wrote `"manifests": null` beside the blobs, and `load` had "nothing to do".
#[tokio::test]
async fn an_index_that_lists_nothing_is_a_failure() {
    let mut made = Made::new().await;
    made.ours(&image("linux/amd64", &["1"]), "q.io/one:v1", "").await;
    for text in [r#"{"schemaVersion":2,"manifests":null}"#, r#"{"schemaVersion":2,"manifests":[]}"#] {
        std::fs::write(made.path().join("index.json"), text).unwrap();
        let error = refused(json!({ "to": "h.io" }), &made.path()).await;
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.message().ends_with("index.json` lists no image, and there are 3 blobs"), "{error}");
    }
    let empty = Made::new().await;
    let error = refused(json!({ "to": "h.io" }), &empty.path()).await;
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.message().ends_with("index.json` lists no image"), "{error}");
}
