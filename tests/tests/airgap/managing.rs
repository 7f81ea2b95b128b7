//! A directory is managed: images are removed, what nothing needs goes, directories are joined.

use std::path::Path;

use sealift_conformance::images::image;
use sealift_testkit::content::Content;

use crate::{app, carry, folder, judged, shop, sites};

fn blobs(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("blobs/sha256")).unwrap().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_removed_with_what_only_it_needs_and_a_plan_says_it_before() {
    let Some((from, _)) = sites() else { return };
    shop(&from).await;
    let (folder, host) = (folder(), from.host());
    let [v1, v2, tool] = ["app:v1", "app:v2", "tool:a__b"].map(|name| format!("{host}/shop/{name}"));
    folder.run(&["stage", &v1, &v2, &tool, "--to", "bundle"]).expect(0);
    let bundle = folder.path("bundle");
    let before = blobs(&bundle);

    let plan = folder.run(&["rm", "bundle", &v1, "--plan"]).expect(0);
    assert!(plan.stdout.contains(&format!("would remove {v1}\n")), "{}", plan.all());
    assert_eq!((judged(&bundle).await.len(), blobs(&bundle)), (3, before));
    let ran = folder.run(&["rm", "bundle", &v1]).expect(0);
    assert!(ran.stdout.contains(&format!("removed {v1}\n")), "{}", ran.all());
    assert_eq!(judged(&bundle).await.len(), 2);
    assert!(blobs(&bundle) < before);
    let whole = folder.run(&["verify", "bundle"]).expect(0);
    assert!(!whole.stdout.contains("no image needs"), "{}", whole.all());
    folder.run(&["rm", "bundle", &v1]).expect(2);

    // What did not arrive is no longer missed once it is removed.
    let none = format!("{host}/shop/app:none");
    folder.run(&["stage", &none, "--to", "bundle"]).expect(1);
    folder.run(&["verify", "bundle"]).expect(1);
    folder.run(&["rm", "bundle", &none]).expect(0);
    folder.run(&["verify", "bundle"]).expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nothing_needs_is_pruned_and_exact_leaves_the_list() {
    let Some((from, _)) = sites() else { return };
    let source: Content = shop(&from).await;
    let (folder, host) = (folder(), from.host());
    let [v1, v2] = ["v1", "v2"].map(|tag| format!("{host}/shop/app:{tag}"));
    folder.run(&["stage", &v1, &v2, "--to", "bundle"]).expect(0);
    let bundle = folder.path("bundle");
    // A tag that moved leaves blobs behind.
    source.put("shop/app", "v1", &app("v1 again")).await;
    folder.run(&["stage", &v1, "--to", "bundle"]).expect(0);
    let before = blobs(&bundle);
    let plan = folder.run(&["prune", "bundle", "--plan"]).expect(0);
    assert!(plan.stdout.contains("would remove") && blobs(&bundle) == before, "{}", plan.all());
    folder.run(&["prune", "bundle"]).expect(0);
    assert!(blobs(&bundle) < before);
    let again = folder.run(&["prune", "bundle"]).expect(0);
    assert!(again.stdout.contains("nothing to remove"), "{}", again.all());
    assert_eq!(judged(&bundle).await.len(), 2);

    let plan = folder.run(&["stage", &v2, "--to", "bundle", "--exact", "--plan"]).expect(0);
    assert!(plan.stdout.contains(&format!("remove {v1} from bundle\n")), "{}", plan.all());
    assert!(plan.stdout.contains("; 1 image to remove ("), "{}", plan.all());
    assert_eq!(judged(&bundle).await.len(), 2);
    let ran = folder.run(&["stage", &v2, "--to", "bundle", "--exact", "--report", "report.json"]).expect(0);
    assert!(ran.stderr.contains(&format!("removed    {v1} from bundle\n")), "{}", ran.all());
    assert!(ran.stderr.contains("1 image removed that the list does not name"), "{}", ran.all());
    assert!(folder.read("report.json").contains("\"removed\": 1"), "{}", folder.read("report.json"));
    assert_eq!(judged(&bundle).await.into_keys().collect::<Vec<_>>(), [v2]);
    let whole = folder.run(&["verify", "bundle"]).expect(0);
    assert!(!whole.stdout.contains("no image needs"), "{}", whole.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn directories_are_joined_unless_they_disagree() {
    let Some((from, _)) = sites() else { return };
    let source = shop(&from).await;
    let (folder, host) = (folder(), from.host());
    let [v1, v2] = ["v1", "v2"].map(|tag| format!("{host}/shop/app:{tag}"));
    folder.run(&["stage", &v1, "--to", "a"]).expect(0);
    folder.run(&["stage", &v1, &v2, "--base", "a", "--to", "b"]).expect(0);
    folder.run(&["merge", "a", "b", "--to", "c", "--plan"]).expect(0);
    assert!(!folder.path("c").exists());
    folder.run(&["merge", "a", "b", "--to", "c"]).expect(0);
    folder.run(&["verify", "c", "--expect", "b"]).expect(0);
    assert_eq!(judged(&folder.path("c")).await.len(), 2, "the delta is complete again");

    source.put("shop/app", "v1", &app("v1 again")).await;
    folder.run(&["stage", &v1, "--to", "d"]).expect(0);
    let ran = folder.run(&["merge", "a", "d", "--to", "e"]).expect(2);
    assert!(ran.stderr.contains("and `sha256:") && ran.stderr.contains("sealift rm a"), "{}", ran.all());
    assert!(!folder.path("e").exists());
}

// Seen by a newcomer: a tag with a typo, or a wrong password, and the directory was empty.
#[tokio::test(flavor = "multi_thread")]
async fn exact_removes_nothing_unless_everything_that_was_asked_for_arrived() {
    let Some((from, _)) = sites() else { return };
    shop(&from).await;
    let (folder, host) = (folder(), from.host());
    let [v1, v2, none] = ["v1", "v2", "v1.O"].map(|tag| format!("{host}/shop/app:{tag}"));
    folder.run(&["stage", &v1, &v2, "--to", "bundle"]).expect(0);
    let bundle = folder.path("bundle");
    let before = blobs(&bundle);
    for asked in [vec![&none], vec![&v1, &none]] {
        let mut arguments = vec!["stage", "--exact", "--to", "bundle"];
        arguments.extend(asked.iter().map(|name| name.as_str()));
        folder.run(&arguments).expect(1);
        assert_eq!((judged(&bundle).await.len(), blobs(&bundle)), (2, before), "{asked:?}");
    }
    let ran = folder.run(&["stage", "--exact", "--to", "bundle", &v1, &none]).expect(1);
    let kept =
        format!("kept       {v2}: it was not asked for, and stays because not everything could be listed and brought");
    assert!(ran.stderr.contains(&kept), "{}", ran.all());
    folder.run(&["stage", "--exact", "127.0.0.1:1/shop/app:v1", "--to", "bundle", "-r", "0"]).expect(1);
    assert_eq!(blobs(&bundle), before);
}

// A name that could not be read was a warning, and its image was taken out of the directory with exit 0.
#[tokio::test(flavor = "multi_thread")]
async fn exact_removes_nothing_if_the_list_could_not_read_everything() {
    let Some((from, _)) = sites() else { return };
    shop(&from).await;
    let (folder, host) = (folder(), from.host());
    let [v1, v2] = ["v1", "v2"].map(|tag| format!("{host}/shop/app:{tag}"));
    folder.run(&["stage", &v1, &v2, "--to", "bundle"]).expect(0);
    let bundle = folder.path("bundle");
    let before = blobs(&bundle);
    let pod = format!("kind: Pod\nspec: {{containers: [{{image: '{v1}'}}]}}\n---\n");
    let broken = format!("{host}/shop/App:v2");
    folder.write("pod.yaml", &pod);
    folder.write("resource.yaml", &format!("{pod}kind: App\nspec: {{image: '{broken}'}}\n"));
    folder.write("operator.yaml", &format!("{pod}kind: X\nenv: [{{name: RELATED_IMAGE_A, value: '{broken}'}}]\n"));
    folder.write("include.yaml", &format!("include: [other.yaml]\nservices: {{a: {{image: '{v1}'}}}}\n"));
    folder.write(
        "extends.yaml",
        &format!("services: {{a: {{image: '{v1}'}}, b: {{extends: {{file: o.yaml, service: b}}}}}}\n"),
    );
    for files in [
        &["--kubernetes", "resource.yaml"][..],
        &["--kubernetes", "operator.yaml"],
        &["--compose", "include.yaml"],
        &["--compose", "extends.yaml"],
        &["--kubernetes", "pod.yaml", "--compose", "include.yaml", &v1],
    ] {
        for plan in [None, Some("--plan")] {
            let mut words = vec!["stage", "--exact", "--to", "bundle"];
            words.extend(files.iter().copied().chain(plan));
            let ran = folder.run(&words).expect(1);
            assert!(
                ran.stderr.contains("nothing is removed from `bundle`, because the list cannot read "),
                "{}",
                ran.all()
            );
            assert_eq!((judged(&bundle).await.len(), blobs(&bundle)), (2, before), "{words:?}");
        }
    }
    // What is excluded is not missed, and without `--exact` it is a warning.
    folder.run(&["stage", "--to", "bundle", "--kubernetes", "resource.yaml"]).expect(0);
    let exclude = ["--exclude", &broken];
    folder
        .run(&[&["stage", "--exact", "--to", "bundle", "--kubernetes", "resource.yaml"], &exclude[..]].concat())
        .expect(0);
    assert_eq!(judged(&bundle).await.into_keys().collect::<Vec<_>>(), [v1]);
    // Where nothing is to be removed nothing is held back.
    folder.run(&["stage", "--exact", "--to", "bundle", "--kubernetes", "resource.yaml"]).expect(0);
}

// Decided: lengths are compared, manifests and what `verify` found are hashed. Hashing all of a large directory at each
// rerun would take as long as reading the disk.
#[tokio::test(flavor = "multi_thread")]
async fn a_blob_that_is_damaged_is_brought_again_by_every_verb_that_writes_into_a_directory() {
    let Some((from, _)) = sites() else { return };
    let source = Content::at(&from.url());
    source.put("shop/tool", "v1", &image("linux/amd64", &["base amd64", "tool"])).await;
    let (folder, name) = (folder(), format!("{}/shop/tool:v1", from.host()));
    folder.run(&["stage", &name, "--to", "whole"]).expect(0);
    let layout = sealift_oci_layout::Layout::open(&folder.path("whole")).await.unwrap();
    let entry = layout.entries().pop().unwrap();
    let manifest = layout.manifest(&entry).await.unwrap();
    let layer = manifest.blobs().last().unwrap();
    let to = format!("oci-dir:bundle:{name}");
    let verbs: [&[&str]; 3] =
        [&["stage", &name, "--to", "bundle"], &["merge", "whole", "whole", "--to", "bundle"], &["copy", &name, &to]];
    for item in [&entry, layer] {
        let file = format!("blobs/sha256/{}", item.digest.hex());
        let bytes = std::fs::read(folder.path(&format!("whole/{file}"))).unwrap();
        let changed: Vec<u8> = bytes.iter().map(|byte| byte ^ 1).collect();
        let longer = [&bytes[..], b"x"].concat();
        for verb in verbs {
            for damaged in [None, Some(&[][..]), Some(&bytes[1..]), Some(&longer), Some(&changed)] {
                let _ = std::fs::remove_dir_all(folder.path("bundle"));
                let path = carry(&folder.path("whole"), folder.path("bundle")).join(&file);
                match damaged {
                    None => std::fs::remove_file(&path).unwrap(),
                    Some(damaged) => std::fs::write(&path, damaged).unwrap(),
                }
                if damaged == Some(&changed) && item == layer {
                    folder.run(verb).expect(0);
                    folder.run(&["verify", "bundle"]).expect(1); // it is noted as damaged now
                }
                folder.run(verb).expect(0);
                folder.run(&["verify", "bundle"]).expect(0);
            }
            for in_the_way in ["a directory", "a link"] {
                let _ = std::fs::remove_dir_all(folder.path("bundle"));
                let path = carry(&folder.path("whole"), folder.path("bundle")).join(&file);
                std::fs::remove_file(&path).unwrap();
                match in_the_way {
                    "a link" => std::os::unix::fs::symlink("../../../whole/oci-layout", &path).unwrap(),
                    _ => std::fs::create_dir(&path).unwrap(),
                }
                let ran = folder.run(verb).expect(1);
                assert!(ran.stderr.contains(&file) && ran.stderr.contains("hint: remove it"), "{}", ran.all());
            }
        }
    }
}

// An index that lost entries can be brought again as long as the blobs are there.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_pruned_while_staged_images_have_no_entry() {
    let Some((from, _)) = sites() else { return };
    shop(&from).await;
    let (folder, host) = (folder(), from.host());
    let [v1, v2] = ["v1", "v2"].map(|tag| format!("{host}/shop/app:{tag}"));
    folder.run(&["stage", &v1, &v2, "--to", "bundle"]).expect(0);
    let (bundle, index) = (folder.path("bundle"), folder.path("bundle/index.json"));
    let before = (blobs(&bundle), std::fs::read(&index).unwrap());
    std::fs::write(&index, r#"{"schemaVersion":2,"manifests":[]}"#).unwrap();
    for arguments in [&["prune", "bundle", "--plan"][..], &["prune", "bundle"]] {
        let ran = folder.run(arguments).expect(2);
        assert!(ran.stderr.contains("has no entry any more"), "{}", ran.all());
    }
    assert_eq!(blobs(&bundle), before.0);
    // What is given up may go.
    folder.run(&["rm", "bundle", &v1, &v2]).expect(0);
    folder.run(&["prune", "bundle"]).expect(0);
    assert_eq!(blobs(&bundle), 0);
}

// Copied without the hidden folder, or cut off, an incomplete directory passed for a complete one.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_damaged_or_not_there_is_told() {
    let Some((from, to)) = sites() else { return };
    shop(&from).await;
    let (folder, host) = (folder(), from.host());
    let [v1, none] = ["v1", "none"].map(|tag| format!("{host}/shop/app:{tag}"));
    folder.run(&["stage", &v1, &none, "--to", "bundle"]).expect(1);
    let record = folder.path("bundle/.sealift/staged");
    let whole = std::fs::read_to_string(&record).unwrap();
    for damaged in ["", "garbage\n", &whole[..whole.len() / 2]] {
        std::fs::write(&record, damaged).unwrap();
        let ran = folder.run(&["verify", "bundle"]).expect(1);
        assert!(ran.stdout.contains("record"), "{damaged:?}: {}", ran.all());
        folder.run(&["load", "bundle", "--to", &format!("{}/carried", to.host())]).expect(1);
    }
    std::fs::remove_file(&record).unwrap();
    let ran = folder.run(&["verify", "bundle"]).expect(0);
    assert!(ran.stdout.contains("note: there is no record"), "{}", ran.all());
    let ran = folder.run(&["load", "bundle", "--to", &format!("{}/carried", to.host())]).expect(0);
    assert!(ran.stderr.contains("there is no record"), "{}", ran.all());

    // Staged once more, it is known again.
    std::fs::write(&record, "garbage\n").unwrap();
    folder.run(&["stage", &v1, "--to", "bundle"]).expect(0);
    folder.run(&["verify", "bundle"]).expect(0);
}

#[test]
fn a_directory_without_images_is_fine_where_that_is_allowed() {
    let folder = folder();
    let bundle = folder.path("bundle");
    std::fs::create_dir_all(bundle.join("blobs/sha256")).unwrap();
    std::fs::write(bundle.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    std::fs::write(bundle.join("index.json"), r#"{"schemaVersion":2,"manifests":[]}"#).unwrap();
    folder.run(&["verify", "bundle"]).expect(1);
    let ran = folder.run(&["verify", "bundle", "--allow-empty"]).expect(0);
    assert!(ran.stderr.contains("there is no image"), "{}", ran.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_directory_lacks_or_has_damaged_comes_from_another_in_any_order() {
    let Some((from, _)) = sites() else { return };
    let source = shop(&from).await;
    let (folder, host) = (folder(), from.host());
    let [v1, v2] = ["v1", "v2"].map(|tag| format!("{host}/shop/app:{tag}"));
    // `lacks` was asked for an image that was not there yet; in `damaged` a layer and a manifest are wrong.
    let late = format!("{host}/shop/app:late");
    folder.run(&["stage", &v1, &late, "--to", "lacks"]).expect(1);
    source.put("shop/app", "late", &app("late")).await;
    folder.run(&["stage", &v1, &v2, &late, "--to", "whole"]).expect(0);
    folder.run(&["stage", &v1, &v2, &late, "--to", "damaged"]).expect(0);
    let layout = sealift_oci_layout::Layout::open(&folder.path("damaged")).await.unwrap();
    let entry = layout.entries().into_iter().find(|entry| sealift_oci_layout::entry_name(entry) == Some(&v2)).unwrap();
    let index = layout.manifest(&entry).await.unwrap();
    let children: Vec<_> = index.children().cloned().collect();
    let layer = layout.manifest(&children[0]).await.unwrap().blobs().last().unwrap().clone();
    for item in [&layer, &children[1]] {
        let path = layout.blob_path(&item.digest);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[0] ^= 1;
        std::fs::write(&path, bytes).unwrap();
    }

    for (at, dirs) in
        [["lacks", "whole"], ["whole", "lacks"], ["damaged", "whole"], ["whole", "damaged"]].iter().enumerate()
    {
        let to = format!("joined{at}");
        let planned = folder.run(&["merge", dirs[0], dirs[1], "--to", &to, "--plan"]).expect(0);
        assert_eq!(planned.stdout.matches("nothing was written").count(), 1, "{}", planned.all());
        let ran = folder.run(&["merge", dirs[0], dirs[1], "--to", &to, "--json"]).expect(0);
        for event in ["run_started", "report"] {
            let event = format!("\"event\":\"{event}\"");
            assert_eq!(ran.stdout.matches(&event).count(), 1, "{dirs:?}: {}", ran.all());
        }
        folder.run(&["verify", &to, "--expect", "whole"]).expect(0);
        assert_eq!(judged(&folder.path(&to)).await.len(), 3, "{dirs:?}");
    }

    // What no directory has stays missing, and damage without another copy is told.
    let none = format!("{host}/shop/app:none");
    folder.run(&["stage", &v1, &none, "--to", "without"]).expect(1);
    let ran = folder.run(&["merge", "whole", "without", "--to", "still"]).expect(1);
    assert!(ran.stderr.contains(&none), "{}", ran.all());
    let ran = folder.run(&["merge", "lacks", "damaged", "--to", "broken"]).expect(1);
    assert!(ran.stderr.contains("sealift verify") && ran.stderr.contains("damaged"), "{}", ran.all());
    assert!(judged(&folder.path("broken")).await.contains_key(&late));
}

// Seen by a newcomer: a directory of another program was emptied without a word.
#[tokio::test(flavor = "multi_thread")]
async fn a_directory_of_another_program_is_not_emptied() {
    let Some((from, _)) = sites() else { return };
    shop(&from).await;
    let (folder, host) = (folder(), from.host());
    let [v1, v2] = ["v1", "v2"].map(|tag| format!("{host}/shop/app:{tag}"));
    folder.run(&["stage", &v1, "--to", "theirs"]).expect(0);
    std::fs::remove_dir_all(folder.path("theirs/.sealift")).unwrap();
    for plan in [None, Some("--plan")] {
        let mut words = vec!["stage", &v2, "--to", "theirs", "--exact"];
        words.extend(plan);
        let ran = folder.run(&words).expect(2);
        assert!(ran.stderr.contains("has an image that was not staged"), "{}", ran.all());
        assert!(ran.stderr.contains("from `--exact`") && ran.stderr.contains("sealift rm"), "{}", ran.all());
    }
    assert_eq!(judged(&folder.path("theirs")).await.into_keys().collect::<Vec<_>>(), [v1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_files_are_counted_and_pruned() {
    let Some((from, _)) = sites() else { return };
    shop(&from).await;
    let (folder, host) = (folder(), from.host());
    folder.run(&["stage", &format!("{host}/shop/app:v1"), "--to", "bundle"]).expect(0);
    let parts = ["blobs/sha256/.blob.77.1.part", ".index.json.77.2.part", ".sealift/.staged.77.3.part"];
    for part in parts {
        folder.write(&format!("bundle/{part}"), "unfinished");
    }
    folder.write("bundle/blobs/sha256/.other.part", "of another program");
    let plan = folder.run(&["prune", "bundle", "--plan"]).expect(0);
    assert!(plan.stdout.contains("bundle: would remove 3 unfinished files (30 B)\n"), "{}", plan.all());
    assert!(folder.path("bundle").join(parts[0]).exists());
    let ran = folder.run(&["prune", "bundle"]).expect(0);
    assert!(ran.stdout.contains("bundle: removed 3 unfinished files (30 B)\n"), "{}", ran.all());
    assert!(parts.iter().all(|part| !folder.path("bundle").join(part).exists()));
    assert!(folder.path("bundle/blobs/sha256/.other.part").exists());
}

/// Changes a file of JSON.
fn change_json(path: &Path, change: impl FnOnce(&mut serde_json::Value)) {
    let mut document = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    change(&mut document);
    std::fs::write(path, document.to_string()).unwrap();
}

// `verify` found both, and all other verbs ended with 0; the result of `merge` was whole.
#[tokio::test(flavor = "multi_thread")]
async fn what_got_lost_or_could_not_be_brought_again_is_no_success_of_any_verb() {
    let Some((from, to)) = sites() else { return };
    shop(&from).await;
    let (folder, host) = (folder(), from.host());
    let [v1, v2, tool] = ["app:v1", "app:v2", "tool:a__b"].map(|name| format!("{host}/shop/{name}"));
    folder.run(&["stage", &v1, &v2, "--to", "old"]).expect(0);
    folder.run(&["stage", &tool, "--to", "other"]).expect(0);
    carry(&folder.path("old"), folder.path("lost"));
    carry(&folder.path("old"), folder.path("unlisted"));
    let record = folder.read("old/.sealift/staged");
    let note = |dir: &str, line: &str| {
        let (count, rest) = (record.lines().count(), &record[record.find('\n').unwrap() + 1..]);
        folder.write(&format!("{dir}/.sealift/staged"), &format!("lines {count}\n{rest}{line}\n"));
    };
    note("old", &format!("outdated {}", record.lines().find(|line| line.ends_with(&v2)).unwrap()));
    note("unlisted", "unlisted q.io/never/read");
    change_json(&folder.path("lost/index.json"), |index| {
        index["manifests"].as_array_mut().unwrap().retain(|entry| !entry.to_string().contains(":v2"));
    });
    for (dir, what, code) in [("old", "is of an earlier run", 0), ("lost", "has no entry", 1)] {
        folder.run(&["verify", dir]).expect(1);
        let target = format!("{}/{dir}", to.host());
        for arguments in [
            &["load", dir, "--to", &target][..],
            &["load", dir, "--to", &target, "--include", "*:v2"],
            &["merge", dir, "other", "--to", &format!("{dir}-joined")],
            &["merge", "other", dir, dir, "--to", &format!("{dir}-twice")],
        ] {
            let ran = folder.run(arguments).expect(1);
            assert!(ran.stderr.contains(what) && ran.stderr.contains(&v2), "{arguments:?}: {}", ran.all());
        }
        for joined in ["joined", "twice"] {
            let ran = folder.run(&["verify", &format!("{dir}-{joined}")]).expect(1);
            assert!(ran.stdout.contains(&v2), "{}", ran.all());
        }
        let copied = format!("{}/copied/{dir}:x", to.host());
        folder.run(&["copy", &format!("oci-dir:{dir}:{v2}"), &copied]).expect(1);
        folder.run(&["copy", &format!("oci-dir:{dir}:{v1}"), &copied]).expect(0);
        let ran = folder.run(&["ls", dir]).expect(code);
        assert!(ran.stderr.contains("is incomplete: "), "{}", ran.all());
        let ran = folder.run(&["receipt", dir]).expect(code);
        assert!(ran.stderr.contains(dir), "{}", ran.all());
    }
    let ran = folder.run(&["merge", "unlisted", "other", "--to", "unlisted-joined"]).expect(1);
    assert!(ran.stderr.contains("`q.io/never/read` were asked for"), "{}", ran.all());
    let ran = folder.run(&["verify", "unlisted-joined"]).expect(1);
    assert!(ran.stdout.contains("  q.io/never/read\n"), "{}", ran.all());
    // The only image may not be the only one.
    let only = folder.run(&["copy", "oci-dir:lost", &format!("{}/copied/only:x", to.host())]).expect(1);
    assert!(only.stderr.contains(&v2), "{}", only.all());
    folder.run(&["stage", "--exact", &v1, "--to", "lost"]).expect(0);
    folder.run(&["verify", "lost"]).expect(0);
}

// Once there was a record, images of other programs were removed without a word.
#[tokio::test(flavor = "multi_thread")]
async fn images_of_another_program_beside_ours_are_not_removed() {
    let Some((from, _)) = sites() else { return };
    shop(&from).await;
    let (folder, host) = (folder(), from.host());
    let [v1, v2] = ["v1", "v2"].map(|tag| format!("{host}/shop/app:{tag}"));
    folder.run(&["stage", &v1, &v2, "--to", "bundle"]).expect(0);
    let index = folder.path("bundle/index.json");
    change_json(&index, |index| {
        let mut theirs = index["manifests"][1].clone();
        theirs["annotations"] = serde_json::json!({ "org.opencontainers.image.ref.name": "mytag" });
        index["manifests"].as_array_mut().unwrap().push(theirs);
    });
    let before = std::fs::read(&index).unwrap();
    for plan in [None, Some("--plan")] {
        let mut words = vec!["stage", "--exact", &v1, "--to", "bundle"];
        words.extend(plan);
        let ran = folder.run(&words).expect(2);
        assert!(ran.stderr.contains("an image that was not staged, `mytag`"), "{}", ran.all());
        assert!(ran.stderr.contains("`sealift rm bundle mytag`"), "{}", ran.all());
        assert_eq!(std::fs::read(&index).unwrap(), before);
    }
    folder.run(&["rm", "bundle", "mytag"]).expect(0);
    folder.run(&["stage", "--exact", &v1, "--to", "bundle"]).expect(0);
    assert_eq!(judged(&folder.path("bundle")).await.into_keys().collect::<Vec<_>>(), [v1]);
}

// The plan promised a copy, and the run failed.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_of_a_merge_sees_what_no_directory_has() {
    let Some((from, _)) = sites() else { return };
    shop(&from).await;
    let (folder, host) = (folder(), from.host());
    let [v1, v2, tool] = ["app:v1", "app:v2", "tool:a__b"].map(|name| format!("{host}/shop/{name}"));
    folder.run(&["stage", &v1, "--to", "base"]).expect(0);
    folder.run(&["stage", &v1, &v2, "--base", "base", "--to", "delta"]).expect(0);
    folder.run(&["stage", &tool, "--to", "other"]).expect(0);
    for plan in [Some("--plan"), None] {
        let mut words = vec!["merge", "delta", "other", "--to", "joined"];
        words.extend(plan);
        let ran = folder.run(&words).expect(1);
        assert!(ran.stderr.contains("no directory that is merged has it"), "{}", ran.all());
    }
    folder.run(&["merge", "delta", "base", "other", "--to", "whole", "--plan"]).expect(0);
}
