use std::path::PathBuf;

use sealift_core::content::Digest;
use sealift_oci_layout::{Gaps, OmittedBlobs};

use super::*;

fn found() -> Verification {
    Verification {
        path: "/media/usb/bundle".into(),
        images: 5000,
        broken: Vec::new(),
        files: 6120,
        bytes: 51_539_607_552,
        damages: Vec::new(),
        gaps: Gaps::default(),
        left_out: OmittedBlobs::default(),
        notes: Vec::new(),
        orphans: ExtraFiles::default(),
        leftovers: ExtraFiles::default(),
        strangers: ExtraFiles::default(),
        noted: true,
    }
}

fn damage(kind: DamageKind, content: &[u8], what: &str, images: &[&str]) -> Damage {
    let digest = Digest::of(content);
    Damage {
        kind,
        file: PathBuf::from(format!("blobs/sha256/{}…", digest.short())),
        digest: Some(digest),
        size: Some(30_000_000),
        what: what.to_owned(),
        images: images.iter().map(|name| Arc::from(*name)).collect(),
    }
}

#[test]
fn a_whole_directory_is_one_line() {
    insta::assert_snapshot!(text(&found(), false, false));
    assert_eq!(text(&found(), true, false), "");
}

#[test]
fn what_is_there_for_nothing_is_told_before_the_verdict() {
    let files = |count: usize| (0..count).map(|at| PathBuf::from(format!("blobs/sha256/{at}"))).collect();
    let found = Verification {
        orphans: ExtraFiles { files: files(5), bytes: 1_200_000 },
        leftovers: ExtraFiles { files: files(1), bytes: 12 },
        left_out: OmittedBlobs { blobs: 40, bytes: 1 << 30 },
        notes: vec!["`readme` is no image reference; it goes by its digest".into()],
        ..found()
    };
    insta::assert_snapshot!(text(&found, false, false));
}

#[test]
fn damage_is_told_with_files_and_images() {
    let names = ["docker.io/library/nginx:1.27", "docker.io/library/redis:7", "quay.io/a:1", "quay.io/b:1"];
    let found = Verification {
        broken: names.iter().map(|name| Arc::from(*name)).collect(),
        damages: vec![
            damage(DamageKind::Missing, b"1", "it is not there", &names),
            damage(DamageKind::Corrupt, b"2", "its 5 bytes have the digest `sha256:0`", &names[..1]),
            damage(DamageKind::Corrupt, b"3", "its 0 bytes have the digest `sha256:0`", &[]),
        ],
        ..found()
    };
    insta::assert_snapshot!(text(&found, false, false));
    assert!(text(&found, true, false).contains("DAMAGED"));
}

/// What the hint says must work: without a note the next stage would believe the length of the file.
#[test]
fn the_hint_knows_whether_the_next_stage_will_look_at_the_files() {
    let damages = vec![damage(DamageKind::Corrupt, b"1", "its 5 bytes have the digest `sha256:0`", &["q.io/a:1"])];
    let found = Verification { broken: vec!["q.io/a:1".into()], damages, ..found() };
    assert!(!text(&found, false, false).contains("--force"));
    assert!(text(&Verification { noted: false, ..found }, false, false).contains("into this directory with `--force`"));
}

#[test]
fn a_directory_without_images_is_told_what_became_of_it() {
    let empty = |files| {
        let what = "it lists no image";
        let damage =
            Damage { digest: None, size: None, file: "index.json".into(), ..damage(DamageKind::Empty, b"", what, &[]) };
        text(&Verification { images: 0, files, damages: vec![damage], ..found() }, false, false)
    };
    assert!(
        empty(3).ends_with("hint: bring `index.json` again from where the directory was written\n"),
        "{}",
        empty(3)
    );
    assert!(empty(0).contains("hint: nothing was staged into it"), "{}", empty(0));
}

#[test]
fn without_an_index_nobody_knows_the_images() {
    let index = Damage {
        file: "index.json".into(),
        digest: None,
        size: None,
        ..damage(DamageKind::Index, b"", "`/media/usb/bundle/index.json` is missing", &[])
    };
    insta::assert_snapshot!(text(&Verification { images: 0, damages: vec![index], ..found() }, false, false));
}

#[test]
fn a_lost_stick_is_told_in_a_screen_and_all_of_it_on_demand() {
    let damages = (0..100_u8).map(|at| damage(DamageKind::Missing, &[at], "it is not there", &["q.io/a:1"])).collect();
    let found = Verification { broken: vec!["q.io/a:1".into()], damages, ..found() };
    let told = text(&found, false, false);
    assert!(told.contains("and 80 more like these (-v tells all)\n"), "{told}");
    assert!(told.lines().count() < 60);
    let all = text(&found, false, true);
    assert_eq!(all.matches("missing: ").count(), 100);
}

#[test]
fn programs_are_told_in_one_object() {
    let object = serde_json::to_value(VerificationObject::of(&found(), None)).unwrap();
    assert_eq!(
        (&object["event"], &object["whole"], &object["images"]),
        (&"verified".into(), &true.into(), &5000.into())
    );
}

#[test]
fn a_directory_that_is_not_complete_is_told_with_names_and_numbers() {
    let missing = (0..25).map(|at| format!("quay.io/a:{at}")).collect();
    let gaps = Gaps {
        missing,
        outdated: vec!["quay.io/b:latest".into()],
        unlisted: vec!["quay.io/c".into()],
        lost: Vec::new(),
        unfinished: true,
        damaged: true,
        writer: None,
    };
    let found = Verification { gaps, ..found() };
    insta::assert_snapshot!(text(&found, false, false));
    assert!(text(&found, true, false).contains("5,000 of 5,025 images, missing: quay.io/a:0, "));
    // What is damaged besides does not hide it.
    let damages = vec![damage(DamageKind::Missing, b"1", "it is not there", &["q.io/a:1"])];
    let both = text(&Verification { damages, ..found }, false, false);
    assert!(both.contains("DAMAGED") && both.contains("5,000 of 5,025 images"), "{both}");
}

#[test]
fn a_directory_that_another_process_stages_into_is_told_as_such() {
    let gaps = Gaps { unfinished: true, writer: Some("process 7 on `host`".into()), ..Gaps::default() };
    let leftovers = sealift_oci_layout::ExtraFiles { files: vec!["blobs/sha256/.blob.7.1.part".into()], bytes: 9 };
    let told = text(&Verification { gaps, leftovers, ..found() }, false, false);
    assert!(told.contains("process 7 on `host` is staging into it"), "{told}");
    assert!(told.contains("that are being written") && told.contains("hint: wait until it is done"), "{told}");
    assert!(!told.contains("interrupted") && !told.contains("did not come to its end"), "{told}");
}

#[test]
fn a_list_from_elsewhere_is_compared_in_words() {
    let found = Differences {
        expected: 200,
        missing: vec!["quay.io/a:1".into()],
        other: vec!["`quay.io/b:1` is `sha256:1`, expected `sha256:2`".into()],
        unexpected: vec!["quay.io/c:1".into()],
    };
    insta::assert_snapshot!(differences(&found, Path::new("list.json"), false, false));
    let same = Differences { expected: 1, ..Differences::default() };
    assert_eq!(differences(&same, Path::new("list.txt"), false, false), "list.txt: complete (1 of 1 image)\n");
    assert_eq!(differences(&same, Path::new("list.txt"), true, false), "");
}
