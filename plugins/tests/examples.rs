//! The pipelines under `examples/` are right: each loads without a complaint.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use sealift_core::{
    cache::Cache,
    plugin::Purpose,
    spec::{LoadOptions, load},
};
use sealift_plugins as _;

fn pipelines() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/pipelines");
    let files = fs::read_dir(dir).expect("the examples are there").map(|entry| entry.expect("readable").path());
    files.filter(|file| file.extension().is_some_and(|suffix| suffix == "toml")).collect()
}

#[test]
fn every_example_loads_without_a_complaint() {
    let pipelines = pipelines();
    assert!(!pipelines.is_empty());
    for file in pipelines {
        let text = fs::read_to_string(&file).expect("readable");
        let name = file.file_name().expect("a file").to_string_lossy();
        let settings = LoadOptions {
            base: file.parent().expect("a directory").to_owned(),
            environment: Arc::new(|_| Some("set".to_owned())),
            purpose: Purpose::Check,
            cache: Cache::default(),
            extensions: Default::default(),
        };
        match load(&text, &name, &settings) {
            Ok(loaded) => assert!(loaded.warnings.is_empty(), "{name}: {:#?}", loaded.warnings),
            Err(problems) => panic!("{problems:#?}"),
        }
    }
}
