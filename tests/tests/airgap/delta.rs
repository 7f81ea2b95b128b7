//! What the other side has stays at home, and what is missing is named.

use sealift_conformance::images::image;
use sealift_core::content::Digest;
use sealift_serve::access::RequestKind;
use sealift_testkit::{content::Content, registry::Registry};

use crate::{app, carry, folder, shop, sites};

#[tokio::test(flavor = "multi_thread")]
async fn a_delta_is_small_and_loads_where_the_rest_is() {
    let Some((from, to)) = sites() else { return };
    let source = shop(&from).await;
    let folder = folder();
    let (f, t) = (from.host(), to.host());
    folder.run(&["stage", &format!("{f}/shop/app:v1"), "--to", "january"]).expect(0);
    folder.run(&["load", "january", "--to", &format!("{t}/mirror")]).expect(0);
    // What the site has: of the directory that was carried, of its registry, and the directory itself.
    let carried = folder.run(&["receipt", "january"]).expect(0).stdout;
    let there = folder.run(&["receipt", &format!("{t}/mirror/shop/app")]).expect(0).stdout;
    folder.write("carried.json", &carried).write("there.json", &there);

    source.put("shop/other", "v1", &image("linux/amd64", &["base amd64", "other"])).await;
    let new = [format!("{f}/shop/app:v2"), format!("{f}/shop/other:v1")];
    let target = Content::at(&to.url());
    for base in ["carried.json", "there.json", "january"] {
        from.reset();
        let delta = format!("february by {base}");
        let plan = folder.run(&["stage", &new[0], &new[1], "--to", &delta, "--base", base, "--plan"]).expect(0);
        assert!(plan.stdout.contains(" in 5 blobs;"), "{base}: {}", plan.stdout);
        from.reset();
        folder.run(&["stage", &new[0], &new[1], "--to", &delta, "--base", base]).expect(0);
        let read = from.requests();
        // Of the app a layer that both platforms share and two configs; of the other a layer and a config.
        assert_eq!(read.count("GET", RequestKind::Blob), 5, "{base}: {read:?}");
        let left_out = folder.path(&delta).join("blobs/sha256").join(Digest::of(b"base amd64").hex());
        assert!(!left_out.exists(), "{base}");

        let inside = format!("inside by {base}");
        carry(&folder.path(&delta), folder.path(&inside));
        folder.run(&["load", &inside, "--to", &format!("{t}/mirror"), "--force", "--plan"]).expect(0);
        folder.run(&["load", &inside, "--to", &format!("{t}/mirror"), "--force"]).expect(0);
        assert_eq!(target.whole("mirror/shop/app", "v2").await, source.whole("shop/app", "v2").await, "{base}");
        assert_eq!(target.whole("mirror/shop/other", "v1").await, source.whole("shop/other", "v1").await, "{base}");
    }

    let Some(elsewhere) = Registry::start() else { return };
    let missing = Digest::of(b"base amd64").to_string();
    let load = ["load", "inside by january", "--to", &elsewhere.host(), "--retries", "0"];
    for verb in [&[&load[..], &["--plan"]].concat()[..], &load] {
        let ran = folder.run(verb).expect(1);
        for words in [missing.as_str(), "shop/app:v2", "was left out", "receipt"] {
            assert!(ran.stderr.contains(words), "{words} is not in\n{}", ran.all());
        }
    }
    assert_eq!(Content::at(&elsewhere.url()).digest("shop/app", "v2").await, None, "no name without content");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_that_got_lost_is_named_with_the_images_that_need_it() {
    let Some((from, to)) = sites() else { return };
    let source = Content::at(&from.url());
    source.put("shop/app", "v1", &app("v1")).await;
    source.put("shop/tool", "v1", &image("linux/amd64", &["tool"])).await;
    let folder = folder();
    let f = from.host();
    folder.run(&["stage", &format!("{f}/shop/app:v1"), &format!("{f}/shop/tool:v1"), "--to", "bundle"]).expect(0);
    let lost = Digest::of(b"base arm64");
    std::fs::remove_file(folder.path("bundle/blobs/sha256").join(lost.hex())).unwrap();
    let ran = folder.run(&["load", "bundle", "--to", &to.host(), "--retries", "0"]).expect(1);
    for words in [&lost.to_string(), "is not in `bundle`", &format!("needed by `{f}/shop/app:v1`")] {
        assert!(ran.stderr.contains(words), "{words} is not in\n{}", ran.stderr);
    }
    let target = Content::at(&to.url());
    assert_eq!(target.digest("shop/app", "v1").await, None);
    target.whole("shop/tool", "v1").await; // it does not suffer from that
    folder.run(&["stage", &format!("{f}/shop/app:v1"), "--to", "bundle"]).expect(0);
    folder.run(&["load", "bundle", "--to", &to.host()]).expect(0);
    assert_eq!(target.whole("shop/app", "v1").await, source.whole("shop/app", "v1").await);
}
