use std::os::unix::fs::{MetadataExt, symlink};

use futures::stream;
use sealift_core::content::{Digest, Reference, well_known};
use tempfile::TempDir;

use super::*;
use crate::{
    dir::journal,
    name::{REF_NAME, RefStyle},
};

const QUICK: WriterOptions = WriterOptions { sync: false };

async fn writer(dir: &TempDir) -> Writer {
    Writer::create(dir.path(), QUICK).await.unwrap()
}

fn layer(content: &[u8]) -> Descriptor {
    Descriptor::of_bytes(well_known::OCI_LAYER_GZIP, content)
}

fn entry(content: &[u8], tag: &str) -> NamedEntry {
    let manifest = Descriptor::of_bytes(well_known::OCI_MANIFEST, content);
    NamedEntry::new(manifest, "q.io/a", &Reference::Tag(tag.parse().unwrap()), RefStyle::Full)
}

/// All files of a layout, by their path in it; what is ours is left out.
fn files(dir: &TempDir) -> Vec<String> {
    fn walk(dir: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
            match entry.path() {
                path if path.ends_with(OURS) => {}
                path if path.is_dir() && !path.is_symlink() => walk(&path, found),
                path => found.push(path.display().to_string()),
            }
        }
    }
    let mut found = Vec::new();
    walk(dir.path(), &mut found);
    let prefix = format!("{}/", dir.path().display());
    found.iter_mut().for_each(|path| *path = path.replace(&prefix, ""));
    found.sort();
    found
}

fn blob_file(dir: &TempDir, content: &[u8]) -> PathBuf {
    dir.path().join("blobs/sha256").join(Digest::of(content).hex())
}

#[tokio::test]
async fn a_new_layout_is_one_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let inside = dir.path().join("not/there/yet");
    let _writer = Writer::create(&inside, WriterOptions::default()).await.unwrap();
    assert_eq!(Layout::open(&inside).await.unwrap().entries(), []);
}

#[tokio::test]
async fn a_blob_is_there_whole() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(&dir).await;
    let blob = Blob::from_bytes(layer(b"hello"), Bytes::from_static(b"hello"));
    writer.put_blob(blob).await.unwrap();
    assert!(writer.has(&layer(b"hello")).await.unwrap());
    let read = writer.blob(&layer(b"hello")).await.unwrap().read_to_end(10).await.unwrap();
    assert_eq!(&read[..], b"hello");
    let mode = std::fs::metadata(blob_file(&dir, b"hello")).unwrap().mode();
    assert_eq!(mode & 0o777, 0o644, "others may read it");
}

#[tokio::test]
async fn a_bad_blob_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(&dir).await;
    let before = files(&dir);
    for bad in [b"hellO", b"hell\0"] {
        let chunks = stream::iter(bad.chunks(2).map(|chunk| Ok(Bytes::from_static(chunk))));
        let error = writer.put_blob(Blob::new(layer(b"hello"), chunks)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
    let mut incoming = writer.begin().await.unwrap();
    incoming.write(Bytes::from_static(b"hello")).await.unwrap();
    assert_eq!(incoming.commit(&Digest::of(b"other")).await.unwrap_err().kind(), ErrorKind::Corrupt);
    drop(writer.begin().await.unwrap());
    assert_eq!(files(&dir), before);
}

#[tokio::test]
async fn sha512_content_has_a_place_too() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(&dir).await;
    let mut hasher = Algorithm::Sha512.hasher();
    hasher.update(b"hello");
    let digest = hasher.finish();
    let mut incoming = writer.begin().await.unwrap();
    incoming.write(Bytes::from_static(b"hello")).await.unwrap();
    incoming.commit(&digest).await.unwrap();
    assert!(dir.path().join("blobs/sha512").join(digest.hex()).is_file());
    assert!(writer.has(&Descriptor::new(well_known::OCI_LAYER_GZIP, digest, 5)).await.unwrap());
}

#[tokio::test]
async fn what_stands_under_a_digest_is_not_believed_unseen() {
    let dir = tempfile::tempdir().unwrap();
    drop(writer(&dir).await);
    for wrong in [&b""[..], b"hel", b"hellO", b"hello!"] {
        std::fs::write(blob_file(&dir, b"hello"), wrong).unwrap();
        let writer = writer(&dir).await;
        assert!(!writer.has(&layer(b"hello")).await.unwrap(), "{wrong:?}");
        writer.put_bytes(&layer(b"hello"), Bytes::from_static(b"hello")).await.unwrap();
        assert!(writer.has(&layer(b"hello")).await.unwrap());
        assert_eq!(std::fs::read(blob_file(&dir, b"hello")).unwrap(), b"hello");
    }
}

#[tokio::test]
async fn a_second_writer_is_told_who_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let first = writer(&dir).await;
    let error = Writer::create(dir.path(), QUICK).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let me = format!("process {} on `", std::process::id());
    assert!(error.message().starts_with(&me), "{error}");
    drop(first);
    writer(&dir).await;
}

#[tokio::test]
async fn what_an_interrupted_writer_left_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    drop(writer(&dir).await);
    let before = files(&dir);
    std::fs::write(dir.path().join("blobs/sha256/.blob.1.7.part"), b"half").unwrap();
    std::fs::write(dir.path().join(".index.json.1.8.part"), b"half").unwrap();
    std::fs::write(dir.path().join("blobs/sha256/.notes"), b"of somebody else").unwrap();
    drop(writer(&dir).await);
    let after: Vec<_> = files(&dir).into_iter().filter(|file| !file.ends_with(".notes")).collect();
    assert_eq!(after, before);
    assert!(dir.path().join("blobs/sha256/.notes").exists());
}

#[tokio::test]
async fn making_a_layout_can_be_interrupted_anywhere() {
    for there in [&["oci-layout"][..], &["oci-layout", "blobs"], &["oci-layout", "blobs", "blobs/sha256"]] {
        let dir = tempfile::tempdir().unwrap();
        for name in there {
            match *name {
                "oci-layout" => std::fs::write(dir.path().join(name), MARKER_TEXT).unwrap(),
                _ => std::fs::create_dir(dir.path().join(name)).unwrap(),
            }
        }
        // A stage looks at what is there before it makes a writer; that found `index.json` missing once.
        assert!(Layout::open_existing(dir.path()).await.unwrap().is_none(), "{there:?}");
        assert_eq!(writer(&dir).await.entries(), []);
    }
}

#[tokio::test]
async fn what_cannot_be_understood_is_left_as_it_is() {
    for (file, content, says) in [
        ("index.json", &b"{\"schemaVersion\":2,\"manif"[..], "is no image index"),
        ("index.json", b"", "is no image index"),
        ("oci-layout", b"{\"imageLayoutVersion\":\"9\"}", "has version `9`"),
        ("oci-layout", b"", "cannot be read"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        drop(writer(&dir).await);
        std::fs::write(dir.path().join(file), content).unwrap();
        let error = Writer::create(dir.path(), QUICK).await.err().unwrap();
        assert!(error.message().contains(says), "{error}");
        assert!(Layout::open(dir.path()).await.is_err());
        assert_eq!(std::fs::read(dir.path().join(file)).unwrap(), content);
    }
}

#[tokio::test]
async fn a_layout_that_lost_a_part_is_not_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let with_blob = writer(&dir).await;
    with_blob.put_bytes(&layer(b"x"), Bytes::from_static(b"x")).await.unwrap();
    drop(with_blob);
    std::fs::remove_file(dir.path().join("index.json")).unwrap();
    assert!(Writer::create(dir.path(), QUICK).await.err().unwrap().message().contains("is missing"));
    std::fs::remove_file(dir.path().join("oci-layout")).unwrap();
    assert!(Writer::create(dir.path(), QUICK).await.err().unwrap().message().contains("no file `oci-layout`"));
}

#[tokio::test]
async fn an_index_that_is_too_long_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    drop(writer(&dir).await);
    let long = std::fs::File::options().write(true).open(dir.path().join("index.json")).unwrap();
    long.set_len(index::MAX_BYTES + 1).unwrap();
    assert!(Layout::open(dir.path()).await.err().unwrap().message().contains("is longer than 16777216 bytes"));
}

#[tokio::test]
async fn links_in_a_layout_are_refused() {
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("file"), b"hello").unwrap();
    for name in ["index.json", "oci-layout", "blobs", "blobs/sha256"] {
        let dir = tempfile::tempdir().unwrap();
        drop(writer(&dir).await);
        let (path, moved) = (dir.path().join(name), elsewhere.path().join(name.replace('/', "-")));
        std::fs::rename(&path, &moved).unwrap();
        symlink(&moved, &path).unwrap();
        let error = Writer::create(dir.path(), QUICK).await.err().unwrap();
        assert!(error.message().contains("symbolic link"), "{name}: {error}");
    }
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(&dir).await;
    symlink(elsewhere.path().join("file"), blob_file(&dir, b"hello")).unwrap();
    assert!(writer.blob(&layer(b"hello")).await.unwrap_err().message().contains("symbolic link"));
    assert!(writer.has(&layer(b"hello")).await.is_err());
}

#[tokio::test]
async fn the_directory_itself_may_be_reached_by_a_link() {
    let dir = tempfile::tempdir().unwrap();
    let link = dir.path().join("link");
    std::fs::create_dir(dir.path().join("real")).unwrap();
    symlink(dir.path().join("real"), &link).unwrap();
    Writer::create(&link, QUICK).await.unwrap();
    assert!(dir.path().join("real/index.json").is_file());
}

#[tokio::test]
async fn a_file_is_no_place_for_a_layout() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, b"x").unwrap();
    for path in [file.clone(), file.join("below")] {
        let error = Writer::create(&path, QUICK).await.err().unwrap();
        assert!(error.message().contains("is not a directory"), "{error}");
    }
    assert_eq!(Layout::open(dir.path().join("none")).await.err().unwrap().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_blob_that_cannot_fit_is_refused_before_its_first_byte() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(&dir).await;
    let before = files(&dir);
    let huge = Descriptor { size: 1 << 60, ..layer(b"x") };
    let never = Blob::new(huge, stream::poll_fn(|_| panic!("nothing should be read")));
    let error = writer.put_blob(never).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.message().contains("1152921504606846976 bytes are needed"), "{error}");
    assert_eq!(files(&dir), before);
}

#[tokio::test]
async fn what_somebody_else_wrote_meanwhile_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(&dir).await;
    writer.set(entry(b"1", "v1")).unwrap();
    writer.commit().await.unwrap();
    // As skopeo does: the whole file, in place, without our entry or lock.
    let NamedEntry(theirs) = entry(b"theirs", "v9");
    let text = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, serde_json::to_string(&theirs).unwrap());
    std::fs::write(dir.path().join("index.json"), text).unwrap();
    writer.set(entry(b"2", "v2")).unwrap();
    writer.commit().await.unwrap();
    let names: Vec<_> = Layout::open(dir.path()).await.unwrap().entries();
    let names: Vec<_> = names.iter().map(|entry| entry.annotations[REF_NAME].as_str()).collect();
    assert_eq!(names, ["q.io/a:v9", "q.io/a:v1", "q.io/a:v2"], "and what was lost by that is put back");
}

/// What another tool makes of an `index.json` that it had read: the same with its own entry.
fn with_theirs(text: &str) -> String {
    let mut index = Index::parse(text.as_bytes(), Path::new("index.json")).unwrap();
    index.apply(&IndexChange::Put(Box::new(entry(b"theirs", "theirs").0)));
    index.render()
}

fn names(layout: &Layout) -> Vec<String> {
    layout.entries().iter().map(|entry| entry.annotations[REF_NAME].clone()).collect()
}

/// Seen: a stage committed v2, another tool wrote back what it had read before that, and the stage ended with 0 and
/// without v2.
#[tokio::test]
async fn a_name_that_another_tool_wrote_away_is_put_back_and_nothing_of_the_tool_is_lost() {
    for settles in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let writer = writer(&dir).await;
        let file = dir.path().join("index.json");
        writer.set(entry(b"1", "v1")).unwrap();
        writer.set(entry(b"old", "moved")).unwrap();
        writer.set(entry(b"gone", "removed")).unwrap();
        writer.commit().await.unwrap();
        let read_by_the_tool = std::fs::read_to_string(&file).unwrap();
        writer.set(entry(b"2", "v2")).unwrap();
        writer.set(entry(b"new", "moved")).unwrap();
        writer.remove("q.io/a:removed");
        writer.commit().await.unwrap();
        std::fs::write(&file, with_theirs(&read_by_the_tool)).unwrap();
        if settles {
            writer.commit_and_check().await.unwrap();
        } else {
            writer.set(entry(b"3", "v3")).unwrap();
            writer.commit().await.unwrap();
        }
        let layout = Layout::open(dir.path()).await.unwrap();
        let mut expected = vec!["q.io/a:v1", "q.io/a:moved", "q.io/a:theirs", "q.io/a:v2"];
        expected.extend((!settles).then_some("q.io/a:v3"));
        assert_eq!(names(&layout), expected);
        assert_eq!(layout.find("q.io/a:moved").unwrap().digest, Digest::of(b"new"));
    }
}

#[tokio::test]
async fn a_name_that_another_tool_gave_to_something_new_stays_and_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(&dir).await;
    writer.set(entry(b"1", "v1")).unwrap();
    writer.commit_and_check().await.unwrap();
    let mut index = Index::empty();
    index.apply(&IndexChange::Put(Box::new(entry(b"theirs", "v1").0)));
    std::fs::write(dir.path().join("index.json"), index.render()).unwrap();
    let error = writer.commit_and_check().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.message().starts_with("another program changed `q.io/a:v1` in `"), "{error}");
    assert_eq!(writer.unwritten(), ["q.io/a:v1"]);
    assert_eq!(Layout::open(dir.path()).await.unwrap().find("q.io/a:v1").unwrap().digest, Digest::of(b"theirs"));
}

#[tokio::test]
async fn a_name_that_was_taken_out_long_after_it_was_written_stays_out() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(&dir).await;
    writer.defend_for(Duration::ZERO);
    writer.set(entry(b"1", "v1")).unwrap();
    writer.commit().await.unwrap();
    std::fs::write(dir.path().join("index.json"), Index::empty().render()).unwrap();
    writer.set(entry(b"2", "v2")).unwrap();
    writer.commit().await.unwrap();
    assert_eq!(names(&Layout::open(dir.path()).await.unwrap()), ["q.io/a:v2"]);
}

/// Seen: 15,500 names went into one layout, 3,962 of them into no `index.json`, and all were told as copied.
#[tokio::test]
async fn a_name_that_does_not_fit_is_refused_and_the_others_are_written() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(&dir).await;
    let big = |tag: &str| {
        let mut entry = entry(b"1", tag);
        entry.0.annotations.insert("x".to_owned(), "x".repeat(6 << 20));
        entry
    };
    writer.set(big("v1")).unwrap();
    writer.set(big("v2")).unwrap();
    let error = writer.set(big("v3")).unwrap_err();
    assert!(error.message().ends_with("would be longer than 16777216 bytes"), "{error}");
    writer.set(entry(b"1", "v4")).unwrap();
    writer.set(big("v2")).unwrap();
    writer.commit_and_check().await.unwrap();
    let length = std::fs::metadata(dir.path().join("index.json")).unwrap().len();
    assert!(length < index::MAX_BYTES);
    assert_eq!(names(&Layout::open(dir.path()).await.unwrap()), ["q.io/a:v1", "q.io/a:v2", "q.io/a:v4"]);
}

#[tokio::test]
async fn an_entry_that_is_damaged_is_kept_until_its_name_is_written_again() {
    let dir = tempfile::tempdir().unwrap();
    drop(writer(&dir).await);
    let broken = |tag: &str| {
        let text = serde_json::to_string(entry(b"1", tag).entry()).unwrap();
        text.replace("sha256:", "rha256:")
    };
    let text = format!(r#"{{"schemaVersion":2,"manifests":[null,{},{}]}}"#, broken("v1"), broken("v2"));
    std::fs::write(dir.path().join("index.json"), text).unwrap();
    let writer = writer(&dir).await;
    writer.set(entry(b"1", "v1")).unwrap();
    writer.commit_and_check().await.unwrap();
    let layout = Layout::open(dir.path()).await.unwrap();
    assert_eq!(layout.find("q.io/a:v1").unwrap().digest, Digest::of(b"1"));
    let broken: Vec<_> = layout.broken_entries().into_iter().map(|entry| entry.name).collect();
    assert_eq!(broken, [None, Some("q.io/a:v2".to_owned())]);
}

#[tokio::test]
async fn a_directory_that_is_elsewhere_or_no_layout_any_more_is_told() {
    for gone in ["", "oci-layout", "blobs"] {
        let dir = tempfile::tempdir().unwrap();
        let here = dir.path().join("here");
        let writer = Writer::create(&here, QUICK).await.unwrap();
        writer.put_bytes(&layer(b"x"), Bytes::from_static(b"x")).await.unwrap();
        writer.set(entry(b"1", "v1")).unwrap();
        writer.commit().await.unwrap();
        std::fs::rename(here.join(gone), dir.path().join("elsewhere")).unwrap();
        let error = writer.commit_and_check().await.unwrap_err();
        assert!(error.message().contains("was moved or removed") || error.message().contains("was removed"), "{error}");
        writer.set(entry(b"2", "v2")).unwrap();
        assert!(writer.commit().await.is_err());
        assert_eq!(writer.unwritten(), ["q.io/a:v2"]);
    }
}

#[tokio::test]
async fn what_was_put_in_the_place_of_a_hidden_file_gets_no_name() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(&dir).await;
    let mut incoming = writer.begin().await.unwrap();
    incoming.write(Bytes::from(vec![b'x'; 1 << 20])).await.unwrap();
    let blobs = dir.path().join("blobs/sha256");
    let part = std::fs::read_dir(&blobs).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_file(&part).unwrap();
    std::fs::write(dir.path().join("secret"), b"of somebody").unwrap();
    symlink(dir.path().join("secret"), &part).unwrap();
    let error = incoming.commit(&Digest::of(&vec![b'x'; 1 << 20])).await.unwrap_err();
    assert!(error.message().contains("was exchanged for something else"), "{error}");
    assert_eq!(std::fs::read_dir(&blobs).unwrap().count(), 0);
    assert_eq!(std::fs::read(dir.path().join("secret")).unwrap(), b"of somebody");
}

#[tokio::test]
async fn a_lock_with_another_name_is_replaced_and_still_a_lock() {
    let dir = tempfile::tempdir().unwrap();
    drop(writer(&dir).await);
    let (lock, theirs) = (dir.path().join(OURS).join("lock"), dir.path().join("theirs"));
    std::fs::write(&theirs, b"of somebody").unwrap();
    std::fs::remove_file(&lock).unwrap();
    std::fs::hard_link(&theirs, &lock).unwrap();
    let first = writer(&dir).await;
    assert_eq!(std::fs::read(&theirs).unwrap(), b"of somebody");
    assert_eq!(Writer::create(dir.path(), QUICK).await.err().unwrap().kind(), ErrorKind::Conflict);
    drop(first);
}

/// A stage that was killed between naming a blob and waiting for the disk leaves a name that only the page cache knows;
/// the next stage finds the blob and lists it, and a power cut takes it away.
#[test]
fn names_of_an_earlier_writer_are_on_the_disk_before_anything_is_listed() {
    let dir = tempfile::tempdir().unwrap();
    let inside = dir.path().join("not/yet");
    journal::take();
    let short = |done: Vec<String>| -> Vec<String> {
        let prefix = format!("{}/", dir.path().display());
        let all = format!("{} ", dir.path().display());
        done.iter()
            .map(|line| format!("{line} ").replace(&prefix, "").replace(&all, ". ").trim_end().to_owned())
            .collect()
    };
    drop(Writer::create_blocking(&inside, WriterOptions::default()).unwrap());
    let done = short(journal::take());
    let place =
        |line: &str| done.iter().position(|done| done == line).unwrap_or_else(|| panic!("no {line} in {done:#?}"));
    assert!(place("sync .") < place("sync not"), "parents of new directories: {done:#?}");
    for (made, parent) in [
        ("make not/yet/.sealift", "sync not/yet"),
        ("make not/yet/blobs", "sync not/yet"),
        ("make not/yet/blobs/sha256", "sync not/yet/blobs"),
    ] {
        assert_eq!(done[place(made) + 1], parent);
    }
    std::fs::create_dir(inside.join("blobs/sha512")).unwrap();
    drop(Writer::create_blocking(&inside, WriterOptions::default()).unwrap());
    let expected = ["not/yet/blobs/sha256", "not/yet/blobs/sha512", "not/yet/blobs", "not/yet", "not"]
        .map(|dir| format!("sync {dir}"));
    assert_eq!(short(journal::take()), expected);
    drop(Writer::create_blocking(&inside, QUICK).unwrap());
    assert_eq!(journal::take(), [""; 0], "who does not wait for the disk does not wait here either");
}

#[tokio::test]
async fn nothing_is_written_if_nothing_changed() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(&dir).await;
    writer.set(entry(b"1", "v1")).unwrap();
    writer.commit().await.unwrap();
    let inode = || std::fs::metadata(dir.path().join("index.json")).unwrap().ino();
    let before = inode();
    writer.set(entry(b"1", "v1")).unwrap();
    writer.remove("q.io/a:never");
    writer.commit().await.unwrap();
    assert_eq!(inode(), before);
}

#[tokio::test(start_paused = true)]
async fn many_changes_are_few_writes() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(&dir).await;
    let mut versions = std::collections::HashSet::new();
    for number in 0..300 {
        writer.set(entry(b"1", &format!("v{number}"))).unwrap();
        writer.commit_soon();
        tokio::time::sleep(Duration::from_millis(10)).await;
        let text = std::fs::read(dir.path().join("index.json")).unwrap();
        versions.insert(Digest::of(&text));
    }
    assert!((2..=5).contains(&versions.len()), "3 seconds, {} versions", versions.len());
    writer.commit().await.unwrap();
    assert_eq!(Layout::open(dir.path()).await.unwrap().entries().len(), 300);
}

#[tokio::test]
async fn those_who_commit_together_share_writes() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(&dir).await;
    let all = (0..200).map(|number| {
        let writer = writer.clone();
        async move {
            writer.set(entry(b"1", &format!("v{number}"))).unwrap();
            writer.commit().await
        }
    });
    futures::future::try_join_all(all).await.unwrap();
    assert_eq!(Layout::open(dir.path()).await.unwrap().entries().len(), 200);
    assert!(writer.shared.writes.load(Ordering::Relaxed) < 10);
}

#[tokio::test]
async fn changes_survive_a_commit_that_failed() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(&dir).await;
    writer.set(entry(b"1", "v1")).unwrap();
    std::fs::write(dir.path().join("index.json"), b"somebody broke it").unwrap();
    assert!(writer.commit().await.is_err());
    assert_eq!(std::fs::read(dir.path().join("index.json")).unwrap(), b"somebody broke it");
    std::fs::write(dir.path().join("index.json"), Index::empty().render()).unwrap();
    writer.commit().await.unwrap();
    assert!(Layout::open(dir.path()).await.unwrap().find("q.io/a:v1").is_some());
}

#[tokio::test]
async fn a_reader_sees_what_was_committed_since() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(&dir).await;
    let reader = Layout::open(dir.path()).await.unwrap();
    writer.set(entry(b"1", "v1")).unwrap();
    assert!(!reader.refresh().await.unwrap());
    writer.commit().await.unwrap();
    assert!(reader.refresh().await.unwrap());
    assert!(reader.find("q.io/a:v1").is_some());
}

fn unnamed(content: &[u8]) -> Descriptor {
    Descriptor::of_bytes(well_known::OCI_MANIFEST, content)
}

#[tokio::test]
async fn a_change_that_cannot_be_written_is_made_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(&dir).await;
    writer.change_entries(vec![EntryChange::Set(Box::new(entry(b"old", "v1")))]).await.unwrap();
    let mut huge = entry(b"huge", "v1");
    huge.0.annotations.insert("x".to_owned(), "x".repeat(17 << 20));
    let changes = vec![
        EntryChange::Remove { name: Some("q.io/a:v1".to_owned()), digest: Digest::of(b"old") },
        EntryChange::Set(Box::new(huge)),
    ];
    assert!(writer.change_entries(changes).await.is_err());
    assert!(writer.find("q.io/a:v1").is_some_and(|entry| entry.digest == Digest::of(b"old")));
    writer.change_entries(vec![EntryChange::Set(Box::new(entry(b"more", "v2")))]).await.unwrap();
    let entries = Layout::open(dir.path()).await.unwrap().entries();
    let digests: Vec<_> = entries.into_iter().map(|entry| entry.digest).collect();
    assert_eq!(digests, [Digest::of(b"old"), Digest::of(b"more")], "a later change does not bring it along");
}

#[tokio::test]
async fn an_entry_is_removed_by_its_name_and_by_what_it_points_to() {
    let dir = tempfile::tempdir().unwrap();
    drop(writer(&dir).await);
    let entries = serde_json::json!([unnamed(b"a"), unnamed(b"b"), unnamed(b"a"), entry(b"a", "v1").0]);
    let index = serde_json::json!({ "schemaVersion": 2, "manifests": entries });
    std::fs::write(dir.path().join("index.json"), index.to_string()).unwrap();
    let writer = writer(&dir).await;
    writer.change_entries(vec![EntryChange::Remove { name: None, digest: Digest::of(b"a") }]).await.unwrap();
    let left = Layout::open(dir.path()).await.unwrap().entries();
    assert_eq!(left, [unnamed(b"b"), entry(b"a", "v1").0]);
    let named = |digest: &[u8]| EntryChange::Remove { name: Some("q.io/a:v1".to_owned()), digest: Digest::of(digest) };
    writer.change_entries(vec![named(b"b")]).await.unwrap();
    assert!(writer.find("q.io/a:v1").is_some(), "another one of this name");
    writer.change_entries(vec![named(b"a")]).await.unwrap();
    assert!(writer.find("q.io/a:v1").is_none());
    assert_eq!(Layout::open(dir.path()).await.unwrap().entries(), [unnamed(b"b")]);
}

#[tokio::test]
async fn a_change_takes_along_what_was_set_before_and_what_others_wrote() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(&dir).await;
    writer.set(entry(b"1", "v1")).unwrap();
    writer.change_entries(vec![EntryChange::Set(Box::new(entry(b"2", "v2")))]).await.unwrap();
    assert_eq!(Layout::open(dir.path()).await.unwrap().entries().len(), 2);
    let rereads = writer.rereads();
    let index = serde_json::json!({ "schemaVersion": 2, "manifests": [entry(b"3", "v3").0] });
    std::fs::write(dir.path().join("index.json"), index.to_string()).unwrap();
    writer.change_entries(vec![EntryChange::Set(Box::new(entry(b"4", "v4")))]).await.unwrap();
    assert!(writer.rereads() > rereads, "it is told that others wrote");
    assert!(writer.find("q.io/a:v3").is_some() && writer.find("q.io/a:v4").is_some());
}

#[tokio::test]
async fn a_blob_that_rests_holds_no_file_open_and_goes_on_where_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(&dir).await;
    let open = || {
        let links = std::fs::read_dir("/proc/self/fd").unwrap();
        let links = links.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        links.filter(|path| path.starts_with(dir.path()) && path.extension().is_some_and(|end| end == "part")).count()
    };
    let mut incoming = writer.begin().await.unwrap();
    incoming.write(Bytes::from_static(b"hello")).await.unwrap();
    incoming.close_file().await.unwrap();
    assert_eq!(open(), 0);
    incoming.write(Bytes::from_static(b" world")).await.unwrap();
    incoming.commit(&Digest::of(b"hello world")).await.unwrap();
    assert_eq!(std::fs::read(blob_file(&dir, b"hello world")).unwrap(), b"hello world");
    // What somebody changed meanwhile is not taken for what was written.
    let mut incoming = writer.begin().await.unwrap();
    incoming.write(Bytes::from_static(b"one")).await.unwrap();
    incoming.close_file().await.unwrap();
    let parts = std::fs::read_dir(dir.path().join("blobs/sha256")).unwrap().map(|entry| entry.unwrap().path());
    let part = parts.into_iter().find(|path| path.extension().is_some_and(|end| end == "part")).unwrap();
    std::fs::write(part, b"other").unwrap();
    incoming.write(Bytes::from_static(b"two")).await.unwrap();
    assert!(incoming.close_file().await.is_err() && !incoming.is_usable());
}

const MIB: usize = 1 << 20;

/// A blob that can be read again, and breaks off after so many bytes the first time; the offsets that it was read from.
fn breaking(content: &'static [u8], after: usize) -> (Blob, Arc<Mutex<Vec<u64>>>) {
    let chunks = |bytes: &'static [u8]| bytes.chunks(100_000).map(|chunk| Ok(Bytes::from_static(chunk)));
    let reads = Arc::new(Mutex::new(Vec::new()));
    let broken = (after < content.len()).then(|| Err(Error::new(ErrorKind::Unavailable, "it broke off")));
    let first = stream::iter(chunks(&content[..after]).chain(broken).collect::<Vec<_>>());
    let noted = Arc::clone(&reads);
    let blob = Blob::new(layer(content), first).reopened_by(move |offset| {
        noted.lock().unwrap().push(offset);
        let rest = stream::iter(chunks(&content[usize::try_from(offset).unwrap()..]).collect::<Vec<_>>());
        async { Ok(rest) }
    });
    (blob, reads)
}

fn large(seed: u8) -> &'static [u8] {
    let bytes: Vec<u8> = (0..20 * MIB).map(|at| (at / 7) as u8 ^ (at >> 13) as u8 ^ seed).collect();
    bytes.leak()
}

fn parts_in(dir: &TempDir) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir.path().join("blobs/sha256")).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.to_string_lossy().ends_with(".part")).collect()
}

#[tokio::test]
async fn a_large_blob_that_breaks_off_is_gone_on_with_by_the_next_writer() {
    let (dir, content) = (tempfile::tempdir().unwrap(), large(1));
    let (broken, _) = breaking(content, 12 * MIB);
    assert_eq!(writer(&dir).await.put_blob(broken).await.unwrap_err().kind(), ErrorKind::Unavailable);
    let parts = parts_in(&dir);
    assert_eq!(parts.len(), 1);
    let length = parts[0].metadata().unwrap().len();
    assert!(length > 11 * MIB as u64 && length <= 12 * MIB as u64, "{length}");

    let (whole, reads) = breaking(content, content.len());
    let next = writer(&dir).await;
    next.put_blob(whole).await.unwrap();
    assert_eq!(*reads.lock().unwrap(), [length]);
    assert!(std::fs::read(blob_file(&dir, content)).unwrap() == content);
    assert!(parts_in(&dir).is_empty());
}

#[tokio::test]
async fn a_part_that_is_whole_and_has_no_name_yet_is_verified_too() {
    let (dir, content) = (tempfile::tempdir().unwrap(), large(2));
    drop(writer(&dir).await);
    let part = dir.path().join(format!("blobs/sha256/.{}.7.1.part", layer(content).digest.hex()));
    std::fs::write(part, content).unwrap();
    let (whole, reads) = breaking(content, content.len());
    writer(&dir).await.put_blob(whole).await.unwrap();
    assert_eq!(*reads.lock().unwrap(), [content.len() as u64 - 1]);
    assert!(std::fs::read(blob_file(&dir, content)).unwrap() == content);
}

#[tokio::test]
async fn a_part_with_wrong_bytes_is_gone_on_with_once() {
    let (dir, content) = (tempfile::tempdir().unwrap(), large(3));
    drop(writer(&dir).await);
    let part = dir.path().join(format!("blobs/sha256/.{}.7.1.part", layer(content).digest.hex()));
    std::fs::write(&part, vec![0; 9 * MIB]).unwrap();
    let next = writer(&dir).await;
    assert!(part.exists());
    let (whole, _) = breaking(content, content.len());
    assert_eq!(next.put_blob(whole).await.unwrap_err().kind(), ErrorKind::Corrupt);
    assert!(parts_in(&dir).is_empty());
    let (whole, reads) = breaking(content, content.len());
    next.put_blob(whole).await.unwrap();
    assert!(reads.lock().unwrap().is_empty());
}

#[tokio::test]
async fn only_large_parts_of_blobs_that_are_not_there_stay_and_pruning_removes_them() {
    let (dir, content) = (tempfile::tempdir().unwrap(), large(4));
    let first = writer(&dir).await;
    let (whole, _) = breaking(content, content.len());
    first.put_blob(whole).await.unwrap();
    drop(first);
    let part = |hex: &str, length: usize| {
        let path = dir.path().join(format!("blobs/sha256/.{hex}.7.1.part"));
        std::fs::write(path, vec![7; length]).unwrap();
    };
    part(&layer(content).digest.hex(), 9 * MIB); // it arrived
    part(&layer(b"small").digest.hex(), 7 * MIB);
    part(&layer(b"other").digest.hex(), 9 * MIB);
    let next = writer(&dir).await;
    assert_eq!(parts_in(&dir).len(), 1);
    let sweep = crate::Sweep::of_orphans(next.layout()).await.unwrap();
    assert_eq!((sweep.leftovers, sweep.leftover_bytes), (1, 9 * MIB as u64));
    next.sweep(&sweep).await.unwrap();
    assert!(parts_in(&dir).is_empty());
}

#[tokio::test]
async fn two_tasks_that_bring_one_large_blob_do_not_share_a_part() {
    let (dir, content) = (tempfile::tempdir().unwrap(), large(5));
    let writer = writer(&dir).await;
    let (one, _) = breaking(content, content.len());
    let (other, reads) = breaking(content, content.len());
    let (one, other) = tokio::join!(writer.put_blob(one), writer.put_blob(other));
    one.unwrap();
    other.unwrap();
    assert!(reads.lock().unwrap().is_empty());
    assert!(std::fs::read(blob_file(&dir, content)).unwrap() == content);
    assert!(parts_in(&dir).is_empty());
}
