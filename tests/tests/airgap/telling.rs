//! Verbs of directories say where images go, what is missing, and what to do in their own words.

use crate::{folder, shop, sites};

// Seen by every user of `stage` in the first minute: `copied X → X` reads as if it pushed to the source.
#[tokio::test(flavor = "multi_thread")]
async fn plan_and_run_name_the_directory_that_images_go_to() {
    let Some((from, _)) = sites() else { return };
    shop(&from).await;
    let (folder, host) = (folder(), from.host());
    let v1 = format!("{host}/shop/app:v1");
    let run = |words: &[&str]| folder.run(words).expect(0);
    let plan = run(&["stage", &v1, "--to", "bundle", "--plan"]);
    assert!(
        plan.stdout.contains("\n  → bundle  new\n") && !plan.stdout.contains(&format!("→ {host}")),
        "{}",
        plan.all()
    );
    let ran = run(&["stage", &v1, "--to", "bundle"]);
    assert!(ran.stderr.contains(&format!("copied     {v1} → bundle (")), "{}", ran.all());
    let again = run(&["stage", &v1, "--to", "bundle", "-v"]);
    assert!(again.stderr.contains(&format!("up to date {v1} → bundle\n")), "{}", again.all());
    let ran = run(&["merge", "bundle", "bundle", "--to", "joined"]);
    assert!(ran.stderr.contains(&format!("copied     {v1} → joined (")), "{}", ran.all());
    let ran = run(&["copy", &format!("oci-dir:bundle:{v1}"), "oci-dir:single:h.io/a/b:c"]);
    assert!(ran.stderr.contains(&format!("copied     {v1} → single: h.io/a/b:c (")), "{}", ran.all());
    let ran = run(&["copy", &v1, "oci-dir:other", "--json"]);
    assert!(ran.stdout.contains("\"location\":\"other\""), "{}", ran.all());
    let failed = folder.run(&["stage", &format!("{host}/shop/app:none"), "--to", "bundle"]).expect(1);
    assert!(failed.stderr.contains(&format!("failed: {host}/shop/app:none\n")), "{}", failed.all());
}

// Seen before: a plan of a delta counted what the base has, and a plan for two registries half of what was sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_counts_each_destination_and_leaves_out_what_the_base_has() {
    let Some((from, to)) = sites() else { return };
    shop(&from).await;
    let (folder, host) = (folder(), from.host());
    let [v1, v2] = ["v1", "v2"].map(|tag| format!("{host}/shop/app:{tag}"));
    let blobs = |text: &str| {
        let line = text.lines().find(|line| line.contains(" blob")).unwrap_or_default().to_owned();
        let at = line.find(" blob").unwrap_or_default();
        line[..at].rsplit(' ').next().unwrap_or_default().parse::<u32>().unwrap_or_else(|_| panic!("{text}"))
    };
    folder.run(&["stage", &v1, "--to", "base"]).expect(0);
    let stage = ["stage", &v2, "--base", "base", "--to", "delta"];
    let copy = ["copy", &v1, &format!("{}/a/app", to.host()), "oci-dir:other"];
    for command in [&stage[..], &copy] {
        let plan = folder.run(&[command, &["--plan"]].concat()).expect(0);
        let ran = folder.run(command).expect(0);
        let sent = ran.stderr.split("copied in").last().unwrap();
        assert_eq!(blobs(&plan.stdout), blobs(sent), "{}{}", plan.all(), ran.all());
    }
}

// A hint about `prefix` in [[push]] cannot be followed in `load`.
#[tokio::test(flavor = "multi_thread")]
async fn hints_of_a_verb_with_flags_name_its_flags() {
    let Some((from, _)) = sites() else { return };
    shop(&from).await;
    let (folder, host) = (folder(), from.host());
    folder.run(&["stage", &format!("{host}/shop/app:v1"), &format!("{host}/shop/app:v2"), "--to", "bundle"]).expect(0);
    let ran = folder.run(&["load", "bundle", "--report", "report.json"]).expect(1);
    assert!(ran.stderr.contains("failed: 2 images\n  `…` has no destination\n"), "{}", ran.all());
    assert!(ran.stderr.contains("hint: say where images go: `--to HOST[/PREFIX]`"), "{}", ran.all());
    assert!(folder.read("report.json").contains("say where images go"), "{}", folder.read("report.json"));
    let ran = folder.run(&["stage", &format!("{host}/shop/app:/^v9/"), "--to", "bundle", "--json"]);
    assert!(!ran.all().contains("[run]") && !ran.all().contains("images[0]"), "{}", ran.all());
    folder.write("images.yaml", &format!("{host}/shop/app:/^v9/: h.io/x/app\n"));
    let ran = folder.run(&["stage", "--images", "images.yaml", "--to", "bundle"]).expect(1);
    assert!(ran.stderr.contains("`--allow-empty`") && !ran.stderr.contains("[run]"), "{}", ran.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_of_a_whole_registry_or_of_a_part_of_it_needs_no_names() {
    let Some((from, _)) = sites() else { return };
    shop(&from).await;
    let (folder, host) = (folder(), from.host());
    for (of, images) in [(host.clone(), 3), (format!("{host}/shop/*"), 3), (format!("{host}/shop/tool"), 1)] {
        let ran = folder.run(&["receipt", &of]).expect(0);
        assert_eq!(ran.stdout.matches("\"name\":").count(), images, "{of}: {}", ran.all());
    }
    let ran = folder.run(&["receipt", "nope"]);
    assert!(ran.stderr.contains("there is no directory `nope`, so it is taken for"), "{}", ran.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn ls_and_verify_tell_what_is_there_twice_or_not_at_all() {
    let Some((from, _)) = sites() else { return };
    shop(&from).await;
    let (folder, host) = (folder(), from.host());
    let [v1, v2] = ["v1", "v2"].map(|tag| format!("{host}/shop/app:{tag}"));
    folder.run(&["stage", &v1, &v2, "--to", "bundle"]).expect(0);
    let index = folder.read("bundle/index.json");
    std::fs::remove_dir_all(folder.path("bundle/.sealift")).unwrap();
    folder.write("bundle/index.json", &index.replace(&v2, &v1));
    for verb in ["ls", "verify"] {
        let ran = folder.run(&[verb, "bundle"]);
        assert!(ran.all().contains(&format!("`{v1}` is the name of two images")), "{}", ran.all());
    }
    folder.write("bundle/index.json", &index);
    std::fs::remove_dir_all(folder.path("bundle/blobs/sha256")).unwrap();
    std::fs::create_dir(folder.path("bundle/blobs/sha256")).unwrap();
    let ran = folder.run(&["ls", "bundle"]);
    assert!(ran.stderr.contains("files of 2 images in `bundle` are not there"), "{}", ran.all());
    let ran = folder.run(&["rm", "bundle", &format!("{host}/shop/app:v9")]).expect(2);
    assert!(!ran.stderr.contains("did you mean"), "{}", ran.all());
}

// Seen before: `listing_failed` of the repository, without a tag.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_hears_which_image_cannot_be_loaded() {
    let Some((from, to)) = sites() else { return };
    shop(&from).await;
    let (folder, host) = (folder(), from.host());
    let none = format!("{host}/shop/app:none");
    folder.run(&["stage", &format!("{host}/shop/app:v1"), &none, "--to", "bundle"]).expect(1);
    let ran = folder.run(&["load", "bundle", "--to", &to.host(), "--json"]).expect(1);
    let failed = |line: &&str| line.contains("\"event\":\"target_finished\"") && line.contains(&none);
    assert!(
        ran.stdout.lines().find(failed).is_some_and(|line| line.contains("\"outcome\":\"failed\"")),
        "{}",
        ran.all()
    );
    assert!(!ran.stdout.contains("listing_failed"), "{}", ran.all());
}

// Listed as sound, with no platform and a size of a few bytes.
#[tokio::test(flavor = "multi_thread")]
async fn ls_marks_an_image_that_is_damaged() {
    let Some((from, _)) = sites() else { return };
    shop(&from).await;
    let (folder, host) = (folder(), from.host());
    folder.run(&["stage", &format!("{host}/shop/app:v1"), "--to", "bundle"]).expect(0);
    let index: serde_json::Value = serde_json::from_str(&folder.read("bundle/index.json")).unwrap();
    let digest = index["manifests"][0]["digest"].as_str().unwrap().replace(':', "/");
    let manifest = folder.path(&format!("bundle/blobs/{digest}"));
    let spoiled = std::fs::read_to_string(&manifest).unwrap().replacen("schemaVersion", "schemaVersiom", 1);
    std::fs::write(&manifest, spoiled).unwrap();
    let ran = folder.run(&["ls", "bundle"]);
    assert!(ran.stdout.contains("1 DAMAGED") && ran.stderr.contains("sealift verify bundle"), "{}", ran.all());
    let ran = folder.run(&["ls", "bundle", "--json"]);
    assert!(ran.stdout.contains(r#""damaged":1"#), "{}", ran.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn directories_are_merged_into_one_file() {
    let Some((from, _)) = sites() else { return };
    shop(&from).await;
    let (folder, host) = (folder(), from.host());
    for (tag, dir) in [("v1", "a"), ("v2", "b")] {
        folder.run(&["stage", &format!("{host}/shop/app:{tag}"), "--to", dir]).expect(0);
    }
    folder.run(&["merge", "a", "b", "--to", "oci-archive:both"]).expect(0);
    let ran = folder.run(&["verify", "both"]).expect(0);
    assert!(ran.stdout.contains("2 images"), "{}", ran.all());
    for (to, words) in [("docker-archive:x.tar", "sealift copy"), ("-", "stdout")] {
        let ran = folder.run(&["merge", "a", "b", "--to", to]).expect(2);
        assert!(ran.stderr.contains(words), "{to}: {}", ran.all());
    }
    assert!(!folder.path("docker-archive:x.tar").exists() && !folder.path("-").exists());
}
