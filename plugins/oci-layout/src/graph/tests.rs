use bytes::Bytes;
use sealift_core::content::{Descriptor, MediaType, well_known};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::{Catalog, Layout, REF_NAME, Writer, WriterOptions};

async fn put(writer: &Writer, media_type: MediaType, text: &str) -> Descriptor {
    let item = Descriptor::to(media_type, text.as_bytes());
    writer.put_bytes(&item, Bytes::from(text.to_owned())).await.unwrap();
    item
}

async fn image(writer: &Writer, layers: &[&Descriptor]) -> Descriptor {
    let config = put(writer, well_known::OCI_CONFIG, "{}").await;
    let text = json!({ "schemaVersion": 2, "config": config, "layers": layers }).to_string();
    put(writer, well_known::OCI_MANIFEST, &text).await
}

/// A layout with these images, named `v0`, `v1` …
async fn graph(images: &[Descriptor], dir: &TempDir) -> Graph {
    let entry = |(at, image): (usize, &Descriptor)| {
        let annotations = [(REF_NAME.to_owned(), format!("v{at}"))].into();
        json!(Descriptor { annotations, ..image.clone() })
    };
    let entries: Vec<Value> = images.iter().enumerate().map(entry).collect();
    let text = json!({ "schemaVersion": 2, "manifests": entries }).to_string();
    std::fs::write(dir.path().join("index.json"), text).unwrap();
    let layout = Layout::open(dir.path()).await.unwrap();
    let catalog = Catalog::read(&layout).await.unwrap();
    Graph::read(&layout, &catalog).await.unwrap()
}

async fn empty() -> (TempDir, Writer) {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::create(dir.path(), WriterOptions { sync: false }).await.unwrap();
    (dir, writer)
}

fn sizes(graph: &Graph) -> Vec<Vec<u64>> {
    let mut walker = Walker::default();
    let walk = |root: &Root| {
        let mut sizes = Vec::new();
        graph.walk(root.node, &mut walker, |at| sizes.push(graph.node(at).size));
        sizes
    };
    graph.roots().iter().map(walk).collect()
}

#[tokio::test]
async fn everything_is_there_once_and_each_walk_sees_all_of_its_own() {
    let (dir, writer) = empty().await;
    let layer = put(&writer, well_known::OCI_LAYER_GZIP, "shared").await;
    let own = put(&writer, well_known::OCI_LAYER_GZIP, "own").await;
    let (one, two) = (image(&writer, &[&layer, &layer]).await, image(&writer, &[&layer, &own]).await);
    let text = json!({ "schemaVersion": 2, "manifests": [one, two] }).to_string();
    let index = put(&writer, well_known::OCI_INDEX, &text).await;
    let graph = graph(&[index.clone(), two.clone()], &dir).await;
    assert_eq!(graph.nodes().count(), 6, "config, two layers, two manifests, one index");
    assert_eq!(sizes(&graph), [vec![index.size, one.size, 2, 6, two.size, 3], vec![two.size, 2, 6, 3]]);
    assert!(graph.nodes().all(|(_, node)| matches!(node.state, State::There)));
}

#[tokio::test]
async fn what_is_wrong_is_known_without_reading_blobs() {
    let (dir, writer) = empty().await;
    let gone = Descriptor::to(well_known::OCI_LAYER_GZIP, b"gone");
    let foreign =
        Descriptor::to(MediaType::of("application/vnd.oci.image.layer.nondistributable.v1.tar"), b"somewhere else");
    let short = put(&writer, well_known::OCI_LAYER_GZIP, "short").await;
    let longer = Descriptor { size: 6, ..short.clone() };
    let root = image(&writer, &[&gone, &foreign, &longer]).await;
    let other = image(&writer, &[&short]).await;
    let damaged = image(&writer, &[&gone]).await;
    std::fs::write(writer.blob_path(&damaged.digest), vec![b' '; damaged.size as usize]).unwrap();
    let graph = graph(&[root, other, damaged.clone()], &dir).await;
    let state = |item: &Descriptor| &graph.node(graph.find(&item.digest).unwrap()).state;
    assert!(matches!(state(&gone), State::Absent));
    assert!(matches!(state(&foreign), State::Absent));
    assert!(graph.node(graph.find(&foreign.digest).unwrap()).is_optional());
    let State::Broken(error) = state(&short) else { panic!("{:?}", state(&short)) };
    assert!(error.message().ends_with("has 5 bytes instead of 6"), "{error}");
    let State::Broken(error) = state(&damaged) else { panic!("{:?}", state(&damaged)) };
    assert!(error.message().contains("has digest"), "{error}");
}

#[tokio::test]
async fn pointers_that_disagree_are_noticed_whoever_is_right() {
    let (dir, writer) = empty().await;
    let layer = put(&writer, well_known::OCI_LAYER_GZIP, "layer").await;
    let wrong = Descriptor { size: 4, ..layer.clone() };
    let (good, bad) = (image(&writer, &[&layer]).await, image(&writer, &[&wrong]).await);
    let graph = graph(&[good, bad], &dir).await;
    let node = graph.node(graph.find(&layer.digest).unwrap());
    let State::Broken(error) = &node.state else { panic!("{:?}", node.state) };
    assert!(error.message().ends_with("has 5 bytes, another one 4"), "{error}");
}
