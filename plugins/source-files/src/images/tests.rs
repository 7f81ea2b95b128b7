use std::sync::Arc;

use sealift_core::{outlet::Found, plugin::Purpose};

use super::*;

fn mention(text: &str, file: &str, line: usize) -> Mention {
    let place = Location { file: file.into(), line, column: 1, length: 1, text: text.to_owned() };
    Mention::parse(text, || place).unwrap()
}

fn images(mentions: Vec<Mention>) -> (Images, Vec<Diagnostic>) {
    let cx = BuildContext::new(Arc::new(|_| None), ".", Purpose::Run);
    let images = Images::new(mentions, &cx);
    (images, cx.take_warnings().into_iter().map(|problem| problem.diagnostic).collect())
}

fn listed(images: &Images) -> Vec<String> {
    let line = |listing: &Listing| {
        let versions: Vec<_> = listing.candidates.iter().map(|candidate| candidate.reference.to_string()).collect();
        format!("{} {} ({})", listing.repository, versions.join(" "), listing.rule)
    };
    images.listings.iter().map(line).collect()
}

#[test]
fn the_images_of_a_repository_are_one_listing_and_each_image_is_there_once() {
    let (images, warnings) = images(vec![
        mention("quay.io/a/b:2", "a.txt", 1),
        mention("nginx:1.27", "a.txt", 2),
        mention("quay.io/a/b:1", "a.txt", 3),
        mention("docker.io/library/nginx:1.27", "b.txt", 1),
        mention("nginx:1.27", "b.txt", 9),
    ]);
    assert_eq!(listed(&images), ["quay.io/a/b 2 1 (a.txt:1)", "docker.io/library/nginx 1.27 (a.txt:2)"]);
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].to_string(), "b.txt:1:1: `docker.io/library/nginx:1.27` is named 3 times and copied once");
    assert_eq!(warnings[0].notes, ["`docker.io/library/nginx:1.27` in a.txt:2, b.txt:1, b.txt:9"]);
}

#[test]
fn a_name_without_a_tag_means_latest_and_that_is_said() {
    let digest = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let (images, warnings) =
        images(vec![mention("nginx", "a.txt", 1), mention(&format!("redis@{digest}"), "a.txt", 2)]);
    assert_eq!(
        listed(&images),
        ["docker.io/library/nginx latest (a.txt:1)".to_owned(), format!("docker.io/library/redis {digest} (a.txt:2)")]
    );
    let said: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["a.txt:1:1: `docker.io/library/nginx` has no tag, so `latest` is copied"]);
}

#[test]
fn many_notes_are_one_note() {
    let names: Vec<String> = (0..9).map(|number| format!("quay.io/a/b{number}")).collect();
    let twice = names.iter().chain(&names).enumerate();
    let (_, warnings) = images(twice.map(|(line, name)| mention(name, "a.txt", line + 1)).collect());
    let said: Vec<&str> = warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(
        said,
        ["9 images have no tag, so `latest` is copied", "9 images are named several times and copied once each"]
    );
    assert_eq!(warnings[0].notes[0], "also `quay.io/a/b1` in a.txt:2");
    assert_eq!(warnings[0].notes[3], "and 5 more");
    assert_eq!(warnings[1].notes[3], "and 6 more");
}

#[tokio::test]
async fn a_repository_can_be_listed_again() {
    let (images, _) = images(vec![mention("a.io/x:1", "a.txt", 1), mention("a.io/y:1", "a.txt", 2)]);
    let (out, mut found) = Outlet::new(4);
    images.list_repository(&"a.io/y".parse().unwrap(), &out).await.unwrap();
    assert!(images.list_repository(&"a.io/z".parse().unwrap(), &out).await.is_err());
    drop(out);
    let Some(Found::Listing(listing)) = found.recv().await else { panic!("a listing was expected") };
    assert_eq!(listing.repository.to_string(), "a.io/y");
    assert!(found.recv().await.is_none());
}
