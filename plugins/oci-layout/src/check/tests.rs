use std::os::unix::fs::symlink;

use super::*;
use crate::{Writer, WriterOptions};

fn refused(path: &Path) -> String {
    check_writable(path).unwrap_err().message().replace(path.to_str().unwrap(), "PATH")
}

#[tokio::test]
async fn a_layout_and_what_may_become_one_are_fine_and_stay_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    check_writable(dir.path()).unwrap();
    check_writable(&dir.path().join("a/b")).unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    let writer = Writer::create(dir.path(), WriterOptions::default()).await.unwrap();
    check_writable(dir.path()).unwrap();
    drop(writer);
    symlink(dir.path(), dir.path().join("link")).unwrap();
    check_writable(&dir.path().join("link")).unwrap();
}

#[test]
fn what_is_in_the_way_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert_eq!(refused(&file), "`PATH` is not a directory");
    let below = check_writable(&file.join("a/b")).unwrap_err();
    assert_eq!(below.message(), format!("`{}` is not a directory", file.display()));
    let link = dir.path().join("link");
    symlink("nowhere", &link).unwrap();
    assert_eq!(refused(&link), "`PATH` is a symbolic link to nothing");
}

#[tokio::test]
async fn links_inside_and_a_broken_index_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(Writer::create(dir.path(), WriterOptions::default()).await.unwrap());
    std::fs::write(dir.path().join("index.json"), "{").unwrap();
    assert!(refused(dir.path()).contains("is no image index"));
    let other = tempfile::tempdir().unwrap();
    symlink(dir.path(), other.path().join(OURS)).unwrap();
    assert!(refused(other.path()).contains("is a symbolic link"));
    std::fs::create_dir(dir.path().join("more")).unwrap();
    symlink("/", dir.path().join("more/blobs")).unwrap();
    assert!(refused(&dir.path().join("more")).contains("no file `oci-layout`"));
}
