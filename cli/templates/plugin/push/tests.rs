use super::{Incoming, pointed};

#[tokio::test]
async fn a_file_has_its_name_once_it_is_complete() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("acme/app/v1");
    let incoming = Incoming::beside(path.clone())
        .await
        .unwrap()
        .write(b"half")
        .await
        .unwrap();
    assert!(!path.exists());
    drop(incoming);
    assert_eq!(
        std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
        0,
        "nothing is left"
    );

    let incoming = Incoming::beside(path.clone()).await.unwrap();
    incoming
        .write(b"all ")
        .await
        .unwrap()
        .write(b"of it")
        .await
        .unwrap()
        .keep()
        .await
        .unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"all of it");
}

#[test]
fn what_is_no_note_is_not_taken_for_one() {
    for text in [
        "",
        "v1 application/json",
        "sha256:abc application/json",
        &"a".repeat(64),
    ] {
        assert_eq!(pointed(text), None, "{text}");
    }
}
