use super::*;

fn book(root: &Path) -> Cache {
    open(Some(root))
}

/// The only file of a room.
fn file_in(root: &Path, room: Namespace) -> PathBuf {
    let folder = root.join(VERSION).join(room.name());
    let files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

#[tokio::test]
async fn what_one_run_notes_another_one_reads() {
    let root = tempfile::tempdir().unwrap();
    let notes = book(root.path());
    assert_eq!(notes.get(Namespace::Blobs, "a.io").await, None);
    notes.put(Namespace::Blobs, "a.io", "first").await;
    notes.put(Namespace::Blobs, "a.io", "second").await;
    notes.put(Namespace::Blobs, "../../b.io", &b"\n\xff"[..]).await;
    drop(notes);
    let notes = book(root.path());
    assert_eq!(notes.get(Namespace::Blobs, "a.io").await.unwrap(), "second");
    assert_eq!(notes.get(Namespace::Blobs, "../../b.io").await.unwrap(), &b"\n\xff"[..]);
    assert_eq!(notes.get(Namespace::Hosts, "a.io").await, None);
}

#[tokio::test]
async fn a_broken_note_is_dropped_and_can_be_written_again() {
    let root = tempfile::tempdir().unwrap();
    for damage in [&b""[..], b"sha256:00\nfirst", b"no line at all", &[0xff; 100]] {
        let notes = book(root.path());
        notes.put(Namespace::Blobs, "a.io", "first").await;
        let file = file_in(root.path(), Namespace::Blobs);
        fs::write(&file, damage).unwrap();
        assert_eq!(notes.get(Namespace::Blobs, "a.io").await, None);
        assert!(!file.exists());
        notes.put(Namespace::Blobs, "a.io", "second").await;
        assert_eq!(notes.get(Namespace::Blobs, "a.io").await.unwrap(), "second");
    }
}

#[tokio::test]
async fn a_note_about_something_else_is_not_taken_for_this_one() {
    let root = tempfile::tempdir().unwrap();
    let notes = book(root.path());
    notes.put(Namespace::Hosts, "a.io", "blobs are found by HEAD").await;
    let folder = root.path().join(VERSION).join(Namespace::Hosts.name());
    fs::rename(file_in(root.path(), Namespace::Hosts), folder.join(Digest::of(b"b.io").hex())).unwrap();
    assert_eq!(notes.get(Namespace::Hosts, "b.io").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_at_the_same_time_do_not_disturb_each_other() {
    let root = tempfile::tempdir().unwrap();
    let runs = (0..4).map(|run| {
        let notes = book(root.path());
        tokio::spawn(async move {
            for _ in 0..100 {
                notes.put(Namespace::Blobs, "a.io", format!("of run {run}").repeat(1000)).await;
                // The note of one of them, whole; never two in one, never half of one.
                let note = notes.get(Namespace::Blobs, "a.io").await.expect("it is never broken");
                let text = std::str::from_utf8(&note).unwrap();
                assert_eq!(text, text[..8].repeat(1000));
            }
        })
    });
    for run in runs.collect::<Vec<_>>() {
        run.await.unwrap();
    }
}

#[tokio::test]
async fn what_nobody_used_for_long_goes_and_so_do_the_oldest_of_too_many() {
    let root = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let notes = book(root.path());
    let day = Duration::from_secs(24 * 3600);
    for (key, age) in [("new", 0), ("a week old", 7), ("two weeks old", 14), ("forgotten", 31)] {
        notes.put(Namespace::Manifests, key, "note").await;
        let name = Digest::of(key.as_bytes());
        let file = fs::File::options().append(true).open(root.path().join(VERSION).join("manifests").join(name.hex()));
        file.unwrap().set_modified(now - age * day).unwrap();
    }
    tidy(&root.path().join(VERSION), now, 2, u64::MAX);
    for (key, is_left) in [("new", true), ("a week old", true), ("two weeks old", false), ("forgotten", false)] {
        assert_eq!(notes.get(Namespace::Manifests, key).await.is_some(), is_left, "{key}");
    }
    tidy(&root.path().join(VERSION), now, 2, 10);
    assert_eq!(notes.get(Namespace::Manifests, "new").await, None, "a single one that is too large goes as well");
}

#[tokio::test]
async fn a_note_that_is_used_stays() {
    let root = tempfile::tempdir().unwrap();
    let notes = book(root.path());
    notes.put(Namespace::Blobs, "a.io", "note").await;
    let file = fs::File::options().append(true).open(file_in(root.path(), Namespace::Blobs)).unwrap();
    file.set_modified(SystemTime::now() - UNUSED).unwrap();
    notes.get(Namespace::Blobs, "a.io").await.unwrap();
    drop(notes);
    assert!(book(root.path()).get(Namespace::Blobs, "a.io").await.is_some());
}

#[cfg(unix)]
#[tokio::test]
async fn other_users_cannot_look() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().unwrap();
    let notes = book(&root.path().join("caches"));
    notes.put(Namespace::Blobs, "a.io", "note").await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o077;
    assert_eq!(mode(&root.path().join("caches")), 0);
    assert_eq!(mode(&file_in(&root.path().join("caches"), Namespace::Blobs)), 0);
}

#[tokio::test]
async fn without_a_place_for_notes_nothing_is_noted_and_nothing_fails() {
    let root = tempfile::tempdir().unwrap();
    let blocked = root.path().join("a file");
    fs::write(&blocked, "").unwrap();
    let notes = book(&blocked);
    notes.put(Namespace::Blobs, "a.io", "note").await;
    assert_eq!(notes.get(Namespace::Blobs, "a.io").await, None);
}

#[test]
fn the_usual_place_is_where_the_system_says_that_caches_are() {
    let place = |set: &'static [(&'static str, &'static str)]| {
        usual_directory(&move |name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| PathBuf::from(value)))
    };
    assert_eq!(place(&[("XDG_CACHE_HOME", "/x"), ("HOME", "/h")]), Some("/x/sealift".into()));
    assert_eq!(place(&[("XDG_CACHE_HOME", "relative"), ("HOME", "/h")]), Some("/h/.cache/sealift".into()));
    assert_eq!(place(&[("HOME", "/h")]), Some("/h/.cache/sealift".into()));
    assert_eq!(place(&[("HOME", "")]), None);
    assert_eq!(place(&[]), None);
}

// A pipe waited for its other end for ever.
#[cfg(unix)]
#[tokio::test]
async fn what_is_no_file_is_no_note() {
    let root = tempfile::tempdir().unwrap();
    let notes = book(root.path());
    notes.put(Namespace::Blobs, "a.io", "first").await;
    let file = file_in(root.path(), Namespace::Blobs);
    fs::remove_file(&file).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &file, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert_eq!(notes.get(Namespace::Blobs, "a.io").await, None);
}
