//! What was asked for and did not arrive is known on the far side.

use sealift_conformance::images::image;

use crate::{folder, shop, sites};

#[tokio::test(flavor = "multi_thread")]
async fn images_that_did_not_arrive_are_missed_by_verify_and_by_load() {
    let Some((from, to)) = sites() else { return };
    let source = shop(&from).await;
    let folder = folder();
    let host = from.host();
    let list = format!("{host}/shop/app:v1\n{host}/shop/app:v2\n{host}/shop/tool:none\n");
    folder.write("images.txt", &list);
    let stage = ["stage", "--file", "images.txt", "--to", "bundle"];
    folder.run(&stage).expect(1);

    let missing = format!("missing: {host}/shop/tool:none");
    let verified = folder.run(&["verify", "bundle"]).expect(1);
    assert!(verified.stdout.contains(&format!("INCOMPLETE (2 of 3 images, {missing}")), "{}", verified.all());
    assert!(folder.run(&["ls", "bundle"]).expect(0).stderr.contains(&missing));
    let load = ["load", "bundle", "--to", &to.host()];
    for verb in [&load[..], &[&load[..], &["--plan"]].concat()] {
        let loaded = folder.run(verb).expect(1);
        assert!(loaded.stderr.contains("`bundle` has 2 of 3 images"), "{}", loaded.all());
        assert!(loaded.stderr.contains("shop/tool:none"), "{}", loaded.all());
    }
    assert!(folder.run(&load).expect(1).stderr.contains("2 up to date"));
    // What was not asked for is not missed.
    folder.run(&["load", "bundle", "--to", &to.host(), "--include", &format!("{host}/shop/app")]).expect(0);

    source.put("shop/tool", "none", &image("linux/amd64", &["none"])).await;
    folder.run(&stage).expect(0);
    folder.run(&["verify", "bundle"]).expect(0);
    folder.run(&load).expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_from_elsewhere_says_what_must_be_there() {
    let Some((from, _)) = sites() else { return };
    shop(&from).await;
    let folder = folder();
    let host = from.host();
    let stage = |name: &str| folder.run(&["stage", &format!("{host}/shop/{name}"), "--to", "bundle"]).expect(0);
    stage("app:v1");
    stage("app:v2");
    let receipt = folder.run(&["receipt", "bundle"]).expect(0).stdout;
    folder.write("receipt.json", &receipt);
    folder.write("images.txt", &format!("# what was ordered\n{host}/shop/app:v1 # the first\n\n{host}/shop/app:v2\n"));
    folder.run(&["copy", &format!("oci-dir:bundle:{host}/shop/app:v1"), "oci-dir:part"]).expect(0);
    for list in ["receipt.json", "images.txt", "bundle"] {
        let ran = folder.run(&["verify", "bundle", "--expect", list]).expect(0);
        assert!(ran.stdout.contains(&format!("{list}: complete (2 of 2 images)")), "{}", ran.all());
        let ran = folder.run(&["verify", "part", "--expect", list]).expect(1);
        assert!(ran.stdout.contains("INCOMPLETE (1 of 2 images)"), "{}", ran.all());
        assert!(ran.stdout.contains(&format!("not there:\n  {host}/shop/app:v2\n")), "{}", ran.all());
    }
    folder.write("wrong.txt", "shop/app:v1\nNO:NO:NO\n");
    let ran = folder.run(&["verify", "bundle", "--expect", "wrong.txt"]).expect(2);
    assert!(ran.stderr.contains("wrong.txt:2:1"), "{}", ran.all());
}
