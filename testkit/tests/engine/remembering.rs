//! What one run notes and another one uses; and that a wrong note costs a request and nothing else.

use sealift_conformance::{
    images::image,
    memory::{Memory, Op, Wanted},
};
use sealift_core::{cache::Namespace, report::Report, spec::IndexMode};
use sealift_testkit::book::Book;

use crate::{
    Bench,
    filtering::{Only, two_platforms},
};

async fn filtered(book: &Book, from: &Memory, to: &Memory, index: IndexMode) -> Report {
    from.forget_calls();
    let bench = Bench::new(Wanted::new().image("from.io/app:v1", &[]), from, &[to]);
    bench.notes(book.notes()).filter("only", Only("amd64")).options(|run| run.index = index).run().await
}

#[tokio::test]
async fn a_filtered_image_that_is_unchanged_costs_no_read() {
    for index in [IndexMode::Rewrite, IndexMode::Single] {
        let (book, from, to) = (Book::new(), Memory::new("from.io"), Memory::new("to.io"));
        from.add("app:v1", &two_platforms());
        assert_eq!(filtered(&book, &from, &to, index).await.copied, 1);
        assert_eq!(filtered(&book, &from, &to, index).await.skipped, 1);
        let asked: Vec<Op> = from.calls().iter().map(|call| call.op).collect();
        assert_eq!(asked, [Op::ResolveDigest]);
    }
}

#[tokio::test]
async fn without_notes_it_costs_its_index_and_nothing_below() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    from.add("app:v1", &two_platforms());
    assert_eq!(filtered(&Book::new(), &from, &to, IndexMode::Rewrite).await.copied, 1);
    assert_eq!(filtered(&Book::new(), &from, &to, IndexMode::Rewrite).await.skipped, 1);
    assert_eq!((from.count(Op::ResolveDigest), from.count(Op::Manifest)), (1, 1));
}

#[tokio::test]
async fn a_spoiled_index_is_read_again_and_changes_nothing() {
    let poisons: [fn(&str) -> String; 4] = [
        |_| String::new(),
        |_| "application/vnd.oci.image.index.v1+json\n{\"schemaVersion\":2,\"manifests\":[]}".to_owned(),
        // What stands at the destination must not be made to look right.
        |note| note.replace("arm64", "amd64"),
        |note| format!("{note} "),
    ];
    for poison in poisons {
        let (book, from, to) = (Book::new(), Memory::new("from.io"), Memory::new("to.io"));
        from.add("app:v1", &two_platforms());
        filtered(&book, &from, &to, IndexMode::Rewrite).await;
        let right = to.digest_of("app:v1");
        assert_eq!(book.spoil(Namespace::Manifests, poison), 1);
        assert_eq!(filtered(&book, &from, &to, IndexMode::Rewrite).await.skipped, 1);
        assert_eq!((from.count(Op::Manifest), to.digest_of("app:v1")), (1, right), "one request more");
    }
}

#[tokio::test]
async fn a_tag_that_moved_is_copied_whatever_is_noted() {
    let (book, from, to) = (Book::new(), Memory::new("from.io"), Memory::new("to.io"));
    from.add("app:v1", &two_platforms());
    filtered(&book, &from, &to, IndexMode::Rewrite).await;
    let new = sealift_conformance::images::index(&[
        ("linux/amd64", &image("linux/amd64", &["base", "newer"])),
        ("linux/arm64", &image("linux/arm64", &["base", "newer"])),
    ]);
    from.add("app:v1", &new);
    assert_eq!(filtered(&book, &from, &to, IndexMode::Rewrite).await.copied, 1);
    to.assert_whole();
}

#[tokio::test]
async fn another_filter_makes_something_else_of_what_is_noted() {
    let (book, from, to) = (Book::new(), Memory::new("from.io"), Memory::new("to.io"));
    from.add("app:v1", &two_platforms());
    filtered(&book, &from, &to, IndexMode::Rewrite).await;
    let before = to.digest_of("app:v1");
    let bench = Bench::new(Wanted::new().image("from.io/app:v1", &[]), &from, &[&to]);
    assert_eq!(bench.notes(book.notes()).filter("only", Only("arm64")).run().await.copied, 1);
    assert_ne!(to.digest_of("app:v1"), before);
    to.assert_whole();
}

async fn copied(book: &Book, from: &Memory, to: &Memory, target: &str) -> Report {
    to.forget_calls();
    let bench = Bench::new(Wanted::new().image("from.io/app:v1", &[target]), from, &[to]);
    bench.notes(book.notes()).run().await
}

#[tokio::test]
async fn what_an_earlier_run_brought_is_mounted_and_not_sent_again() {
    let (book, from, to) = (Book::new(), Memory::new("from.io"), Memory::new("to.io"));
    from.add("app:v1", &image("linux/amd64", &["base", "own"]));
    assert_eq!(copied(&book, &from, &to, "to.io/a/app:v1").await.moved.blobs, 3);
    let report = copied(&book, &from, &to, "to.io/b/app:v1").await;
    assert_eq!((report.copied, report.moved.blobs, to.count(Op::Fill)), (1, 0, 0));
    to.assert_whole();
}

#[tokio::test]
async fn blobs_that_are_not_where_they_are_said_to_be_are_sent() {
    let poisons: [fn(&str) -> String; 4] = [
        |note| note.replace("in to.io/a/app", "in to.io/nowhere"),
        |note| note.replace("in to.io/a/app", "in elsewhere.io/a/app"),
        |note| note.replace("in to.io/a/app", "in Not A Repository"),
        |_| "\u{0}".to_owned(),
    ];
    for poison in poisons {
        let (book, from, to) = (Book::new(), Memory::new("from.io"), Memory::new("to.io"));
        from.add("app:v1", &image("linux/amd64", &["base", "own"]));
        copied(&book, &from, &to, "to.io/a/app:v1").await;
        assert_eq!(book.spoil(Namespace::Blobs, poison), 1);
        let report = copied(&book, &from, &to, "to.io/b/app:v1").await;
        assert_eq!((report.copied, report.failed, to.count(Op::Offer)), (1, 0, 3));
        to.assert_whole();
    }
}
