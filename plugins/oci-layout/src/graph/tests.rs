use sealift_core::content::{Descriptor, MediaType, well_known};

use super::*;
use crate::made::{Made, annotated};

fn sizes(graph: &Graph) -> Vec<Vec<u64>> {
    let mut walker = Walker::default();
    let walk = |root: &GraphRoot| {
        let mut sizes = Vec::new();
        graph.walk(root.node, &mut walker, |at| sizes.push(graph.node(at).size));
        sizes
    };
    graph.roots().iter().map(walk).collect()
}

#[tokio::test]
async fn everything_is_there_once_and_each_walk_sees_all_of_its_own() {
    let mut made = Made::new().await;
    let layer = made.layer("shared").await;
    let own = made.layer("own").await;
    let (one, two) =
        (made.with_layers("amd64", &[&layer, &layer]).await, made.with_layers("amd64", &[&layer, &own]).await);
    let index = made.index(&[annotated(&one, &[]), annotated(&two, &[])]).await;
    made.named(&index, "v0");
    made.named(&two, "v1");
    let graph = made.graph().await;
    assert_eq!(graph.nodes().count(), 6, "config, two layers, two manifests, one index");
    assert_eq!(sizes(&graph), [vec![index.size, one.size, 37, 6, two.size, 3], vec![two.size, 37, 6, 3]]);
    assert!(graph.nodes().all(|(_, node)| matches!(node.state, FileState::Present)));
}

#[tokio::test]
async fn what_is_wrong_is_known_without_reading_blobs() {
    let mut made = Made::new().await;
    let gone = Descriptor::of_bytes(well_known::OCI_LAYER_GZIP, b"gone");
    let foreign = MediaType::from_static("application/vnd.oci.image.layer.nondistributable.v1.tar");
    let foreign = Descriptor {
        urls: vec!["https://example.com/layer".to_owned()],
        ..Descriptor::of_bytes(foreign, b"somewhere else")
    };
    let short = made.layer("short").await;
    let longer = Descriptor { size: 6, ..short.clone() };
    let root = made.with_layers("amd64", &[&gone, &foreign, &longer]).await;
    let other = made.with_layers("amd64", &[&short]).await;
    let damaged = made.with_layers("amd64", &[&gone]).await;
    std::fs::write(made.file(&damaged), vec![b' '; damaged.size as usize]).unwrap();
    [root, other, damaged.clone()].iter().for_each(|image| made.entry(image, &[]));
    let graph = made.graph().await;
    let state = |item: &Descriptor| &graph.node(graph.find(&item.digest).unwrap()).state;
    assert!(matches!(state(&gone), FileState::Absent));
    assert!(matches!(state(&foreign), FileState::Absent));
    assert!(graph.node(graph.find(&foreign.digest).unwrap()).is_optional());
    let FileState::Broken(error) = state(&short) else { panic!("{:?}", state(&short)) };
    assert!(error.message().ends_with("has 5 bytes instead of 6"), "{error}");
    let FileState::Broken(error) = state(&damaged) else { panic!("{:?}", state(&damaged)) };
    assert!(error.message().contains("has digest"), "{error}");
}

#[tokio::test]
async fn pointers_that_disagree_are_noticed_whoever_is_right() {
    let mut made = Made::new().await;
    let layer = made.layer("layer").await;
    let wrong = Descriptor { size: 4, ..layer.clone() };
    let (good, bad) = (made.with_layers("amd64", &[&layer]).await, made.with_layers("amd64", &[&wrong]).await);
    made.named(&good, "v0");
    made.named(&bad, "v1");
    let graph = made.graph().await;
    let node = graph.node(graph.find(&layer.digest).unwrap());
    let FileState::Broken(error) = &node.state else { panic!("{:?}", node.state) };
    assert!(error.message().ends_with("has 5 bytes, another one 4"), "{error}");
}
