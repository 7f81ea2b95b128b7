use serde_json::json;

use super::*;
use crate::{REF_NAME, dir::journal, made::Made, verify};

/// Two images that share a layer, and a signature of the first one.
async fn two() -> (Made, [Descriptor; 3]) {
    let mut made = Made::new().await;
    let (shared, own) = (made.layer("shared").await, made.layer("own").await);
    let one = made.with_layers("amd64", &[&shared, &own]).await;
    let two = made.with_layers("arm64", &[&shared]).await;
    let subject = json!({ "mediaType": one.media_type, "digest": one.digest, "size": one.size });
    made.put(sealift_core::content::well_known::OCI_CONFIG, json!({})).await;
    let signature = made.manifest(json!({ "subject": subject })).await;
    made.named(&one, "q.io/app:one");
    made.named(&two, "q.io/app:two");
    let name = format!("q.io/app@{}", signature.digest);
    made.named(&signature, &name);
    made.layout().await;
    made.writer.refresh().await.unwrap();
    (made, [own, shared, signature])
}

async fn is_whole(made: &Made) -> bool {
    verify(made.path(), Default::default()).await.unwrap().is_whole()
}

#[tokio::test]
async fn an_image_goes_with_what_only_it_needs() {
    let (made, [own, shared, signature]) = two().await;
    let sweep = Sweep::of_images(&made.writer, &["q.io/app:one".to_owned()]).await.unwrap();
    assert_eq!((&sweep.images[..], sweep.referrers), (&["q.io/app:one".to_owned()][..], 1));
    assert!(made.file(&own).exists(), "nothing is removed yet");
    made.writer.sweep(&sweep).await.unwrap();
    assert!(!made.file(&own).exists() && !made.file(&signature).exists());
    assert!(made.file(&shared).exists());
    assert_eq!(made.writer.entries().len(), 1);
    assert!(is_whole(&made).await);
    let error = Sweep::of_images(&made.writer, &["q.io/app:tw".to_owned()]).await.unwrap_err();
    assert_eq!(error.hint(), Some("did you mean `q.io/app:two`?"));
}

#[tokio::test]
async fn the_index_is_on_the_disk_before_the_first_blob_goes() {
    let (made, [own, ..]) = two().await;
    let sweep = Sweep::of_images(&made.writer, &["q.io/app:one".to_owned()]).await.unwrap();
    // The directory of the index cannot be written to: nothing else may be touched then.
    std::fs::rename(made.path(), made.dir.path().join("away")).unwrap();
    assert!(made.writer.sweep(&sweep).await.is_err());
    std::fs::rename(made.dir.path().join("away"), made.path()).unwrap();
    assert!(made.file(&own).exists() && is_whole(&made).await);
    let _ = journal::take();
}

#[tokio::test]
async fn blobs_of_no_image_go_unless_something_listed_cannot_be_read() {
    let (made, [own, shared, _]) = two().await;
    let stray = made.layer("of no image").await;
    let sweep = Sweep::of_orphans(&made.writer).await.unwrap();
    assert_eq!((sweep.blobs, sweep.bytes, sweep.images.len()), (1, stray.size, 0));
    made.writer.sweep(&sweep).await.unwrap();
    assert!(!made.file(&stray).exists());
    assert!(made.file(&own).exists() && made.file(&shared).exists());
    assert!(Sweep::of_orphans(&made.writer).await.unwrap().is_empty());

    let two = made.writer.find("q.io/app:two").unwrap();
    std::fs::remove_file(made.file(&two)).unwrap();
    let error = Sweep::of_orphans(&made.writer).await.unwrap_err();
    assert!(error.message().starts_with("it is not known which blobs are needed"), "{error}");
    // The damaged one itself can be removed.
    let sweep = Sweep::of_images(&made.writer, &["q.io/app:two".to_owned()]).await.unwrap();
    made.writer.sweep(&sweep).await.unwrap();
    assert!(made.file(&shared).exists() && is_whole(&made).await);
}

#[tokio::test]
async fn what_is_listed_meanwhile_keeps_its_blobs() {
    let (mut made, _) = two().await;
    let stray = made.layer("stray").await;
    let image = made.with_layers("riscv64", &[&stray]).await;
    let sweep = Sweep::of_orphans(&made.writer).await.unwrap();
    made.named(&image, "q.io/app:new");
    made.layout().await;
    made.writer.sweep(&sweep).await.unwrap();
    assert!(made.file(&stray).exists() && is_whole(&made).await);
}

#[tokio::test]
async fn everything_but_some_names_goes() {
    let (mut made, [own, ..]) = two().await;
    let nameless = made.image("nameless").await;
    made.entry(&nameless, &[]);
    made.entry(&nameless, &[(REF_NAME, "other")]);
    made.layout().await;
    made.writer.refresh().await.unwrap();
    let kept = BTreeSet::from(["q.io/app:two".to_owned()]);
    let sweep = Sweep::of_all_but(&made.writer, &kept, ComingContent::default()).await.unwrap();
    made.writer.sweep(&sweep).await.unwrap();
    let left: Vec<String> = made.writer.entries().iter().filter_map(entry_name).map(str::to_owned).collect();
    assert_eq!(left, ["q.io/app:two"]);
    assert!(!made.file(&own).exists() && !made.file(&nameless).exists());
    assert!(is_whole(&made).await && Sweep::of_orphans(&made.writer).await.unwrap().is_empty());
    // Signatures of what stays, stay.
    let (made, [_, _, signature]) = two().await;
    let sweep = Sweep::of_all_but(&made.writer, &BTreeSet::from(["q.io/app:one".to_owned()]), ComingContent::default())
        .await
        .unwrap();
    made.writer.sweep(&sweep).await.unwrap();
    assert!(made.file(&signature).exists() && is_whole(&made).await);
}

/// The record of a layout, with these images in it.
fn recorded(made: &Made, change: impl FnOnce(&mut StagingRecord)) -> String {
    StagingRecord::change(made.writer.layout().0.dir(), false, change).unwrap();
    std::fs::read_to_string(made.path().join(".sealift/staged")).unwrap()
}

// A kill between the two files left images in the record that the index did not have any more: the layout was damaged,
// and the same command did not mend it.
#[tokio::test]
async fn a_removal_that_was_cut_off_is_no_damage_and_is_done_by_the_same_command() {
    for is_listed in [true, false] {
        let (made, [own, _, signature]) = two().await;
        let about = format!("q.io/app@{}", signature.digest);
        let gone = ["q.io/app:one", about.as_str()];
        recorded(&made, |record| {
            for entry in made.writer.entries() {
                record.arrived.insert(entry_name(&entry).unwrap().to_owned(), entry.digest);
            }
        });
        let text = recorded(&made, |record| record.leave(gone.into_iter()));
        assert_eq!(text.matches("removing sha256:").count(), 2, "{text}");
        if !is_listed {
            let file = made.path().join("index.json");
            let mut index: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            index["manifests"].as_array_mut().unwrap().retain(|entry| entry.to_string().contains("app:two"));
            std::fs::write(&file, index.to_string()).unwrap();
        }
        made.writer.refresh().await.unwrap();
        assert!(is_whole(&made).await && Sweep::of_orphans(&made.writer).await.is_ok(), "{is_listed}");
        let sweep = Sweep::of_images(&made.writer, &["q.io/app:one".to_owned()]).await.unwrap();
        assert_eq!(sweep.forgotten.is_empty(), is_listed);
        made.writer.sweep(&sweep).await.unwrap();
        assert!(!made.file(&own).exists() && !made.file(&signature).exists(), "{is_listed}");
        assert!(is_whole(&made).await);
        let text = std::fs::read_to_string(made.path().join(".sealift/staged")).unwrap();
        assert!(!text.contains("removing") && !text.contains("app:one"), "{text}");
    }
}

// The order of the two files is what the test above depends on.
#[tokio::test]
async fn a_record_that_cannot_be_written_keeps_what_is_listed() {
    let (made, [own, ..]) = two().await;
    let sweep = Sweep::of_images(&made.writer, &["q.io/app:one".to_owned()]).await.unwrap();
    std::fs::create_dir_all(made.path().join(".sealift/staged")).unwrap();
    assert!(made.writer.sweep(&sweep).await.is_err());
    assert_eq!(Layout::open(made.path()).await.unwrap().entries().len(), 3);
    assert!(made.file(&own).exists());
}

#[tokio::test]
async fn what_refers_to_no_image_here_is_told_and_can_be_removed() {
    let (mut made, [_, _, signature]) = two().await;
    assert_eq!(made.catalog().await.warnings(), [""; 0]);
    let one = made.writer.find("q.io/app:one").unwrap();
    made.entries.retain(|entry| !entry.to_string().contains("app:one"));
    let layout = made.layout().await;
    made.writer.refresh().await.unwrap();
    let told = made.catalog().await.warnings().to_vec();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with(&format!("`{}` refers to `{}`", signature.digest, one.digest)), "{told:?}");
    assert!(told[0].contains(&format!("`sealift rm {} @{}` ", layout.path().display(), signature.digest)), "{told:?}");
    let mut sweep = Sweep::default();
    for name in [format!("@{}", signature.digest), format!("q.io/app@{}", signature.digest)] {
        sweep = Sweep::of_images(&made.writer, &[name]).await.unwrap();
        assert_eq!((sweep.images.len(), sweep.referrers, sweep.blobs), (0, 1, 2));
    }
    // Where nothing else is, that is no image.
    made.entries.retain(|entry| !entry.to_string().contains("app:two"));
    let error = made.layout().await.without_images().await.unwrap();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.message().contains("its entry is none"), "{error}");
    made.writer.refresh().await.unwrap();
    made.writer.sweep(&sweep).await.unwrap();
    assert!(!made.file(&signature).exists() && made.writer.entries().is_empty());
}
