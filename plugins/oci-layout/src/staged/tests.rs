use std::sync::Arc;

use super::*;
use crate::made::Made;

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn request(images: &[&str], unlisted: &[&str]) -> StagingRequest {
    StagingRequest {
        images: names(images),
        repositories: names(&["q.io/app"]),
        unlisted: names(unlisted),
        exact: false,
    }
}

async fn gaps(made: &mut Made) -> Gaps {
    made.layout().await.gaps().await.unwrap()
}

#[tokio::test]
async fn a_run_that_is_cut_off_leaves_a_layout_that_is_known_to_be_incomplete() {
    let mut made = Made::new().await;
    let image = made.image("a").await;
    made.named(&image, "q.io/app:v1");
    made.layout().await;
    made.writer.refresh().await.unwrap();
    let asked = request(&["q.io/app:v1", "q.io/app:v2"], &["q.io/other"]);
    made.writer.begin_staging(asked.clone()).await.unwrap();
    let left = gaps(&mut made).await;
    assert_eq!(
        (&left.missing[..], &left.unlisted[..]),
        (&["q.io/app:v2".to_owned()][..], &["q.io/other".to_owned()][..])
    );
    assert!(left.unfinished);

    // What it had time for is not missing, and a run of something else does not complete it.
    made.named(&image, "q.io/app:v2");
    assert_eq!(gaps(&mut made).await.missing, [""; 0]);
    made.entries.pop();
    made.layout().await;
    made.writer.refresh().await.unwrap();
    let other = StagingRequest { images: names(&["q.io/x:1"]), repositories: names(&["q.io/x"]), ..Default::default() };
    made.writer.end_staging(other, StagingEnd::default()).await.unwrap();
    let left = gaps(&mut made).await;
    assert_eq!((left.missing.len(), left.unlisted.len(), left.unfinished), (1, 1, false));

    // The same run again, to its end.
    made.named(&image, "q.io/app:v2");
    made.layout().await;
    made.writer.refresh().await.unwrap();
    let again = StagingRequest { repositories: names(&["q.io/app", "q.io/other"]), ..asked };
    made.writer.end_staging(again, StagingEnd::default()).await.unwrap();
    assert!(gaps(&mut made).await.is_empty());
}

#[tokio::test]
async fn an_image_that_could_not_be_brought_again_is_outdated_until_another_has_its_name() {
    let mut made = Made::new().await;
    let (old, new) = (made.image("old").await, made.image("new").await);
    made.named(&old, "q.io/app:latest");
    made.layout().await;
    made.writer.refresh().await.unwrap();
    let end = StagingEnd { failed: names(&["q.io/app:latest", "q.io/app:none"]), ..Default::default() };
    made.writer.end_staging(request(&["q.io/app:latest", "q.io/app:none"], &[]), end).await.unwrap();
    let left = gaps(&mut made).await;
    assert_eq!(
        (&left.outdated[..], &left.missing[..]),
        (&["q.io/app:latest".to_owned()][..], &["q.io/app:none".to_owned()][..])
    );
    made.entries.clear();
    made.named(&new, "q.io/app:latest");
    made.named(&new, "q.io/app:none");
    assert!(gaps(&mut made).await.is_empty());
}

#[test]
fn an_earlier_version_of_the_file_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let root = LayoutDir::new(crate::dir::Dir::root(dir.path()).unwrap().unwrap());
    let digest = Digest::of(b"a");
    let text = format!("{digest} q.io/app:v1\nmissing q.io/app:v2\nnonsense\n\nsha256:0 short\n");
    root.root.make_sub(OURS).unwrap().replace(FILE, text.as_bytes(), false).unwrap();
    let record = StagingRecord::read(&root).unwrap();
    assert_eq!(record.arrived, BTreeMap::from([("q.io/app:v1".to_owned(), digest)]));
    assert_eq!(record.missing, names(&["q.io/app:v2"]));
    assert!(!record.unfinished);
    assert!(record.damaged, "a part of it is no record");
    // A line for each, and the same again.
    StagingRecord::change(&root, false, |record| record.unfinished = true).unwrap();
    assert!(StagingRecord::read(&root).unwrap().unfinished);
}

// Cut to half, emptied or overwritten it passed for a record of nothing, and the layout for complete.
#[test]
fn a_record_that_is_damaged_is_known_to_be() {
    let record = StagingRecord { missing: names(&["q.io/app:v1", "q.io/app:v2"]), ..StagingRecord::default() };
    let text = record.render();
    assert_eq!(StagingRecord::parse(&text), record);
    for end in 0..text.len() {
        assert!(StagingRecord::parse(&text[..end]).damaged, "{:?}", &text[..end]);
    }
    assert!(StagingRecord::parse("garbage\n").damaged);
    // It stays known until all that is asked for again has arrived.
    let damaged = StagingRecord::parse(&text[..20]);
    assert!(StagingRecord::parse(&damaged.render()).damaged);
}

// `verify` called a run interrupted that was still at work.
#[tokio::test]
async fn a_writer_that_is_at_work_is_named_and_is_not_hindered_by_those_who_look() {
    let dir = tempfile::tempdir().unwrap();
    let writer = crate::Writer::create(dir.path(), crate::WriterOptions { sync: false }).await.unwrap();
    let look = || async { crate::Layout::open(dir.path()).await.unwrap().gaps().await.unwrap() };
    assert_eq!(look().await.writer, None, "nothing is being staged");
    writer.begin_staging(request(&["q.io/app:v1"], &[])).await.unwrap();
    let named = look().await.writer.unwrap();
    assert!(named.starts_with(&format!("process {} on `", std::process::id())), "{named}");
    let found = crate::verify(dir.path(), Arc::default()).await.unwrap();
    assert_eq!(found.gaps.writer, Some(named));
    drop(writer);
    let left = look().await;
    assert_eq!((left.unfinished, left.writer), (true, None));
    // Those who look hold the lock for a moment only.
    for _ in 0..20 {
        let (looked, written) =
            tokio::join!(look(), crate::Writer::create(dir.path(), crate::WriterOptions { sync: false }));
        assert!(looked.unfinished && written.is_ok(), "{:?}", written.err());
    }
}

// `stage --exact` left a layout damaged that had lost what was not asked for.
#[tokio::test]
async fn what_got_lost_is_forgotten_by_an_exact_run_that_is_complete() {
    for (exact, failed, is_lost) in [(false, false, true), (true, true, true), (true, false, false)] {
        let mut made = Made::new().await;
        let image = made.image("a").await;
        made.named(&image, "q.io/app:v1");
        made.layout().await;
        made.writer.refresh().await.unwrap();
        StagingRecord::change(made.writer.layout().0.dir(), false, |record| {
            record.arrived.extend(["v1", "v2"].map(|tag| (format!("q.io/app:{tag}"), image.digest.clone())));
        })
        .unwrap();
        assert_eq!(gaps(&mut made).await.lost, ["q.io/app:v2"]);
        let asked = StagingRequest { exact, ..request(&["q.io/app:v1"], &[]) };
        let failed = if failed { names(&["q.io/app:v1"]) } else { BTreeSet::new() };
        made.writer.end_staging(asked, StagingEnd { failed, ..Default::default() }).await.unwrap();
        assert_eq!(!gaps(&mut made).await.lost.is_empty(), is_lost, "{exact}");
    }
}
