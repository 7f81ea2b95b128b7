use sealift_conformance::{
    images::{Image, artifact, index},
    memory::{Memory, Op},
};
use sealift_core::content::MediaType;
use serde_json::json;

use super::*;

async fn date_of(image: &Image) -> (Option<String>, Memory) {
    let memory = Memory::new("from.io");
    memory.add("app:v1", image);
    let repository = "from.io/app".parse().unwrap();
    let time = created(&image.manifest, &repository, &memory).await.unwrap();
    (time.map(|time| time.to_string()), memory)
}

fn dated(config: &str) -> Image {
    artifact(well_known::OCI_CONFIG, config, &["layer"], &[])
}

#[tokio::test]
async fn the_config_says_when_an_image_was_created() {
    let (time, _) = date_of(&dated(r#"{"created": "2024-05-06T07:08:09.123456789+02:00"}"#)).await;
    assert_eq!(time.as_deref(), Some("2024-05-06T05:08:09.123456789Z"));
}

#[tokio::test]
async fn the_annotation_counts_first_and_saves_a_read() {
    let annotations = json!({ "org.opencontainers.image.created": "2023-01-01T00:00:00Z" });
    let config = r#"{"created": "2024-01-01T00:00:00Z"}"#;
    let image = artifact(well_known::OCI_CONFIG, config, &[], &[("annotations", annotations)]);
    let (time, memory) = date_of(&image).await;
    assert_eq!(time.as_deref(), Some("2023-01-01T00:00:00Z"));
    assert!(memory.calls().is_empty());
}

#[tokio::test]
async fn an_index_is_as_old_as_its_first_image() {
    let (old, new) = (dated(r#"{"created": "2020-01-01T00:00:00Z"}"#), dated(r#"{"created": "2024-01-01T00:00:00Z"}"#));
    let attestation = dated(r#"{"created": "2019-01-01T00:00:00Z"}"#);
    let inner = index(&[("unknown/unknown", &attestation), ("linux/amd64", &old), ("linux/arm64", &new)]);
    let (time, memory) = date_of(&index(&[("", &inner)])).await;
    assert_eq!(time.as_deref(), Some("2020-01-01T00:00:00Z"));
    assert_eq!((memory.count(Op::Manifest), memory.count(Op::Blob)), (2, 1));
}

#[tokio::test]
async fn dates_that_reproducible_builds_put_in_are_none() {
    for date in ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1980-01-01T00:00:01Z", "", "yesterday"] {
        let (time, _) = date_of(&dated(&json!({ "created": date }).to_string())).await;
        assert_eq!(time, None, "{date}");
    }
    for config in ["{}", r#"{"created": null}"#, "[]", "not JSON", r#"{"created": 7}"#] {
        let (time, _) = date_of(&dated(config)).await;
        assert_eq!(time, None, "{config}");
    }
}

#[tokio::test]
async fn configs_of_other_artifacts_are_not_read() {
    let helm = MediaType::from_static("application/vnd.cncf.helm.config.v1+json");
    let (time, memory) = date_of(&artifact(helm, r#"{"created": "2024-01-01T00:00:00Z"}"#, &[], &[])).await;
    assert_eq!((time, memory.count(Op::Blob)), (None, 0));
    let (time, _) = date_of(&index(&[])).await;
    assert_eq!(time, None);
}
