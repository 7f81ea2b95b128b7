use std::{collections::BTreeMap, io::Read};

use sealift_core::content::{Digest, Manifest};

use super::*;

fn all() -> Vec<Sample> {
    assortment().into_iter().chain(Recipe::default().images()).collect()
}

fn images(sample: &Sample) -> impl Iterator<Item = &Manifest> {
    sample.image.children().iter().chain([sample.image.root()])
}

#[test]
fn they_are_the_same_each_time() {
    let digests = || all().iter().map(|sample| sample.image.root().digest().clone()).collect::<Vec<_>>();
    assert_eq!(digests(), digests());
}

#[test]
fn everything_that_is_pointed_to_is_there() {
    for sample in all() {
        let blobs: BTreeMap<_, _> = sample.image.blobs().iter().map(|(item, bytes)| (&item.digest, bytes)).collect();
        let children: Vec<_> = sample.image.children().iter().map(Manifest::digest).collect();
        for manifest in images(&sample) {
            for blob in manifest.blobs() {
                let bytes = blobs[&blob.digest];
                assert!(blob.digest.matches(bytes));
                assert_eq!(blob.size, bytes.len() as u64);
            }
            assert!(manifest.children().all(|child| children.contains(&&child.digest)));
        }
    }
}

#[test]
fn layers_are_archives_and_configs_know_them() {
    #[derive(serde::Deserialize)]
    struct Config {
        rootfs: RootFs,
    }
    #[derive(serde::Deserialize)]
    struct RootFs {
        diff_ids: Vec<Digest>,
    }
    let mut seen = 0;
    for sample in all() {
        let blobs: BTreeMap<_, _> = sample.image.blobs().iter().map(|(item, bytes)| (&item.digest, bytes)).collect();
        for manifest in images(&sample).filter(|manifest| manifest.config().is_some()) {
            let layers: Vec<_> =
                manifest.blobs().skip(1).filter(|layer| layer.media_type.as_str().contains("tar")).collect();
            let Ok(config) = serde_json::from_slice::<Config>(blobs[&manifest.config().unwrap().digest]) else {
                continue;
            };
            for (layer, diff_id) in layers.iter().zip(&config.rootfs.diff_ids) {
                let mut archive = Vec::new();
                flate2::read::GzDecoder::new(&blobs[&layer.digest][..]).read_to_end(&mut archive).unwrap();
                assert!(diff_id.matches(&archive));
                assert_eq!(tar::Archive::new(&archive[..]).entries().unwrap().map(Result::unwrap).count(), 2);
                seen += 1;
            }
        }
    }
    assert!(seen > 20);
}

#[test]
fn the_assortment_is_small_and_has_one_of_each_kind() {
    let samples = assortment();
    let unique: BTreeMap<_, _> =
        samples.iter().flat_map(|sample| sample.image.blobs()).map(|(item, _)| (&item.digest, item.size)).collect();
    let bytes: u64 = unique.values().sum();
    assert!((1 << 20..5 << 20).contains(&bytes), "{bytes}");
    let roots: Vec<_> = samples.iter().map(|sample| sample.image.root()).collect();
    assert!(roots.iter().any(|root| root.subject().is_some()));
    assert!(roots.iter().any(|root| root.media_type().as_str().contains("manifest.list")));
    assert!(roots.iter().any(|root| root.children().any(|child| child.media_type.is_index())));
    assert!(roots.iter().any(|root| root.children().any(|child| child.attested_digest().is_some())));
}

#[test]
fn shared_layers_are_shared() {
    let recipe = Recipe { repositories: 5, tags: 4, ..Recipe::default() };
    let samples: Vec<_> = recipe.images().collect();
    let mut layers: Vec<_> = samples.iter().flat_map(images).flat_map(|image| image.blobs().skip(1)).collect();
    assert_eq!(layers.len(), 20 * 2 * 3);
    layers.sort_by_key(|layer| &layer.digest);
    layers.dedup_by_key(|layer| &layer.digest);
    assert_eq!(layers.len(), 2 * 2 + 20 * 2);
}
