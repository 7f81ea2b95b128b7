use sealift_core::content::{FullReference, well_known};

use super::*;
use crate::{Layout, RefStyle, verify};

fn blob(content: &'static [u8], fails: bool) -> Blob {
    let item = Descriptor::of_bytes(well_known::OCI_LAYER_GZIP, content);
    let chunks = content.chunks(3).map(|chunk| Ok(Bytes::from(chunk)));
    let chunks: Vec<Result<Bytes>> = match fails {
        true => chunks.take(1).chain([Err(Error::new(ErrorKind::Unavailable, "gone"))]).collect(),
        false => chunks.collect(),
    };
    Blob::new(item, futures::stream::iter(chunks))
}

async fn image(writer: &ArchiveWriter, name: &str, layers: &[&'static [u8]]) -> Manifest {
    let config = br#"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}"#;
    for content in layers.iter().copied().chain([&config[..]]) {
        if !writer.has(&Descriptor::of_bytes(well_known::OCI_LAYER_GZIP, content)) {
            writer.put_blob(blob(content, false)).await.unwrap();
        }
    }
    let layers: Vec<_> = layers.iter().map(|layer| Descriptor::of_bytes(well_known::OCI_LAYER_GZIP, layer)).collect();
    let config = Descriptor::of_bytes(well_known::OCI_CONFIG, config);
    let text = serde_json::json!({ "schemaVersion": 2, "config": config, "layers": layers }).to_string();
    let manifest = Manifest::parse(text.into_bytes(), &well_known::OCI_MANIFEST).unwrap();
    writer.put_manifest(&manifest).await.unwrap();
    let name = FullReference::parse_or_latest(name).unwrap().image;
    let entry = NamedEntry::new(manifest.descriptor(), &name.repository.to_string(), &name.reference, RefStyle::Full);
    writer.set(&manifest, entry).await.unwrap();
    manifest
}

#[tokio::test]
async fn what_is_written_is_read_and_a_blob_that_failed_leaves_nothing_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/bundle.tar");
    let writer = ArchiveWriter::create(&path, false).await.unwrap();
    assert!(writer.put_blob(blob(b"a blob that fails at the end", true)).await.is_err());
    let end = writer.0.state().end;
    assert!(writer.put_blob(blob(b"a blob that fails at the end", true)).await.is_err());
    assert_eq!(writer.0.state().end, end);
    // One that fails while another one is behind it.
    let (failing, other) = (writer.0.reserve("x", 700).unwrap(), writer.clone());
    image(&other, "q.io/app:v1", &[b"one", b"two"]).await;
    writer.0.release(failing, 700);
    let second = image(&writer, "q.io/app:v2", &[b"one", b"three"]).await;
    assert!(writer.has(&second.descriptor()) && !path.exists());
    writer.finish(StagingRequest::default(), StagingEnd::default()).await.unwrap();

    let layout = Layout::open(&path).await.unwrap();
    assert_eq!(layout.entries().len(), 2);
    let found = verify(&path, Default::default()).await.unwrap();
    assert!(found.is_whole() && found.images == 2 && found.files == 6, "{found:?}");
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no hidden file is left");
    // Another program reads the same.
    let mut tar = tar::Archive::new(File::open(&path).unwrap());
    let names: Vec<String> =
        tar.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect();
    assert_eq!((names.first().unwrap().as_str(), names.last().unwrap().as_str()), ("oci-layout", "index.json"));
    let error = ArchiveWriter::create(&path, false).await.err().unwrap();
    assert!(error.message().contains("is there already"), "{error}");
}

#[tokio::test]
async fn without_an_image_there_is_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bundle.tar");
    let writer = ArchiveWriter::create(&path, false).await.unwrap();
    writer.put_blob(blob(b"stray", false)).await.unwrap();
    writer.finish(StagingRequest::default(), StagingEnd::default()).await.unwrap();
    drop(writer);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    assert!(
        ArchiveWriter::create(dir.path().join("b.tar.gz"), false).await.err().unwrap().message().contains("compressed")
    );
}

#[tokio::test]
async fn docker_gets_a_list_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("saved.tar");
    let writer = ArchiveWriter::create(&path, true).await.unwrap();
    let manifest = image(&writer, "q.io/app:v1", &[b"one"]).await;
    writer.finish(StagingRequest::default(), StagingEnd::default()).await.unwrap();
    let (listed, _) = crate::locate::open(&path).unwrap().unwrap().read("manifest.json", 9999).unwrap().unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&listed).unwrap();
    let paths = |digest: &Digest| format!("blobs/sha256/{}", digest.hex());
    assert_eq!(
        listed,
        serde_json::json!([{ "Config": paths(&manifest.config().unwrap().digest), "RepoTags": ["q.io/app:v1"],
            "Layers": [paths(&Digest::of(b"one"))] }])
    );
}

#[tokio::test]
async fn one_program_writes_a_file_and_what_a_killed_one_left_is_taken_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bundle.tar");
    let first = ArchiveWriter::create(&path, false).await.unwrap();
    let error = ArchiveWriter::create(&path, false).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    drop(first);
    // A killed one leaves its file without a lock; one that is a link elsewhere is not written to.
    let (part, other) = (dir.path().join(".bundle.tar.part"), dir.path().join("other"));
    std::fs::write(&part, [1; 9000]).unwrap();
    std::fs::hard_link(&part, &other).unwrap();
    let writer = ArchiveWriter::create(&path, false).await.unwrap();
    image(&writer, "q.io/app:v1", &[b"one"]).await;
    writer.finish(StagingRequest::default(), StagingEnd::default()).await.unwrap();
    assert_eq!(std::fs::read(&other).unwrap(), [1; 9000]);
    assert!(!part.exists() && verify(&path, Default::default()).await.unwrap().is_whole());
    drop(writer);
    assert!(path.exists(), "a finished file stays");
    std::os::unix::fs::symlink(&other, dir.path().join(".x.tar.part")).unwrap();
    assert!(ArchiveWriter::create(dir.path().join("x.tar"), false).await.is_err());
}

#[tokio::test]
async fn what_two_tasks_bring_is_in_the_file_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bundle.tar");
    let writer = ArchiveWriter::create(&path, false).await.unwrap();
    let (one, two) = tokio::join!(writer.put_blob(blob(b"one", false)), writer.put_blob(blob(b"one", false)));
    one.and(two).unwrap();
    image(&writer, "q.io/app:v1", &[b"one"]).await;
    writer.finish(StagingRequest::default(), StagingEnd::default()).await.unwrap();
    let mut tar = tar::Archive::new(File::open(&path).unwrap());
    let names = tar.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string());
    let blobs = names.filter(|name| name.starts_with("blobs/")).count();
    assert_eq!(blobs, 3, "the layer, the config, the manifest");
}

#[tokio::test]
async fn a_manifest_before_its_blobs_is_no_image() {
    let dir = tempfile::tempdir().unwrap();
    let writer = ArchiveWriter::create(dir.path().join("x.tar"), false).await.unwrap();
    let config = Descriptor::of_bytes(well_known::OCI_CONFIG, b"{}");
    let text = serde_json::json!({ "schemaVersion": 2, "config": config, "layers": [] }).to_string();
    let manifest = Manifest::parse(text.into_bytes(), &well_known::OCI_MANIFEST).unwrap();
    writer.put_manifest(&manifest).await.unwrap();
    assert!(!writer.has(&manifest.descriptor()));
    writer.put_blob(blob(b"{}", false)).await.unwrap();
    writer.put_manifest(&manifest).await.unwrap();
    assert!(writer.has(&manifest.descriptor()));
}

// The second place was given back, and remembered: what was read there was another manifest.
#[tokio::test]
async fn a_manifest_that_several_tasks_bring_is_read_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let writer = ArchiveWriter::create(dir.path().join("bundle.tar"), true).await.unwrap();
    let manifests: Vec<Manifest> = (100..200)
        .map(|number| {
            let text = format!(r#"{{"schemaVersion":2,"manifests":[],"annotations":{{"number":"{number}"}}}}"#);
            Manifest::parse(text, &well_known::OCI_INDEX).unwrap()
        })
        .collect();
    for pair in manifests.chunks(2) {
        let all = pair.iter().chain(pair).chain(pair).map(|manifest| writer.put_manifest(manifest));
        futures::future::join_all(all).await.into_iter().for_each(Result::unwrap);
    }
    for manifest in &manifests {
        let read = writer.0.manifest(&manifest.descriptor()).unwrap().unwrap();
        assert_eq!(read.bytes(), manifest.bytes());
    }
}
