//! What is listed, and where it goes.

use sealift_conformance::images::{artifact, image, index};
use sealift_core::{content::well_known, error::ErrorKind};
use serde_json::json;

use super::*;

#[tokio::test]
async fn recorded_targets_are_used_unless_the_pipeline_says_otherwise() {
    let mut made = Made::new().await;
    made.ours(&image("linux/amd64", &["2"]), "q.io/b:v1", "").await;
    made.ours(&image("linux/amd64", &["1"]), "docker.io/library/a:v1", "h.io/p/a:v1 i.io/a:v1").await;
    let all = listed(json!({}), &made.path()).await.unwrap();
    assert_eq!(all.lines, ["docker.io/library/a:v1 -> h.io/p/a:v1 i.io/a:v1", "q.io/b:v1 -> "]);
    assert!(!all.exclusive, "the destination names one of them");
    let all = listed(json!({ "to": "x.io" }), &made.path()).await.unwrap();
    assert_eq!(all.lines, ["docker.io/library/a:v1 -> x.io/p/a:v1 x.io/a:v1", "q.io/b:v1 -> x.io/b:v1"]);
    assert!(all.exclusive);
    let all = listed(json!({ "to": "x.io/y" }), &made.path()).await.unwrap();
    assert_eq!(all.lines, ["docker.io/library/a:v1 -> x.io/y/p/a:v1 x.io/y/a:v1", "q.io/b:v1 -> x.io/y/b:v1"]);
}

#[tokio::test]
async fn the_order_is_that_of_the_names_whatever_the_index_says() {
    let mut made = Made::new().await;
    for name in ["q.io/b:2", "q.io/a:1", "q.io/b:1", "docker.io/library/z:9"] {
        made.ours(&image("linux/amd64", &[name]), name, "").await;
    }
    let all = listed(json!({}), &made.path()).await.unwrap();
    assert_eq!(all.lines, ["docker.io/library/z:9 -> ", "q.io/a:1 -> ", "q.io/b:1 -> ", "q.io/b:2 -> "]);
}

#[tokio::test]
async fn bare_tags_go_to_the_repository_that_the_pipeline_names() {
    let mut made = Made::new().await;
    made.entry(&image("linux/amd64", &["1"]), &[(REF_NAME, "v1")]).await;
    made.entry(&image("linux/amd64", &["2"]), &[(REF_NAME, "v2")]).await;
    let all = listed(json!({ "to": "h.io/team/app" }), &made.path()).await.unwrap();
    assert_eq!(all.lines, ["localhost/bundle:v1 -> h.io/team/app:v1", "localhost/bundle:v2 -> h.io/team/app:v2"]);
    // An image without a name kept the others back.
    made.ours(&image("linux/amd64", &["3"]), "q.io/b:v3", "").await;
    let all = listed(json!({ "to": "h.io" }), &made.path()).await.unwrap();
    assert_eq!(all.lines, ["q.io/b:v3 -> h.io/b:v3"]);
    for (unusable, tag) in all.unusable.iter().zip(["v1", "v2"]) {
        assert!(unusable.contains(&format!("names no repository for `{tag}`")), "{unusable}");
    }
    assert_eq!(all.unusable.len(), 2);
}

#[tokio::test]
async fn a_repository_is_asked_for_as_it_stands_in_the_layout() {
    let mut made = Made::new().await;
    made.entry(&image("linux/amd64", &["1"]), &[(REF_NAME, "team/other:1")]).await;
    made.entry(&image("linux/amd64", &["2"]), &[(REF_NAME, "nginx:1.27")]).await;
    for (include, line) in [("team/other", "localhost/team/other:1"), ("nginx", "localhost/nginx:1.27")] {
        let all = listed(json!({ "to": "h.io/m", "include": [include] }), &made.path()).await.unwrap();
        assert!(all.lines.len() == 1 && all.lines[0].starts_with(line), "{include}: {:?}", all.lines);
    }
}

// hauler keeps a signature under the name of its image, and nothing was loaded.
#[tokio::test]
async fn what_hauler_keeps_beside_an_image_goes_along_with_it() {
    let mut made = Made::new().await;
    let (app, signature) = (image("linux/amd64", &["1"]), image("linux/amd64", &["2"]));
    let name = (CONTAINERD_NAME, "q.io/a:v1");
    made.entry(&app, &[name, ("kind", "dev.hauler/image")]).await;
    made.entry(&signature, &[name, ("kind", "dev.hauler/sigs")]).await;
    let all = listed(json!({ "to": "h.io" }), &made.path()).await.unwrap();
    let tag = format!("sha256-{}.sig", app.manifest.digest().hex());
    assert_eq!(all.lines, ["q.io/a:v1 -> h.io/a:v1".to_owned(), format!("q.io/a:{tag} -> h.io/a:{tag}")]);
}

#[tokio::test]
async fn two_images_on_one_name_are_an_error_with_both_names() {
    let mut made = Made::new().await;
    let (one, two) = (image("linux/amd64", &["1"]), image("linux/amd64", &["2"]));
    made.ours(&one, "docker.io/library/a:v1", "").await;
    made.ours(&two, "q.io/library/a:v1", "").await;
    made.ours(&one, "r.io/library/a:v1", "").await;
    let error = refused(json!({ "to": "h.io" }), &made.path()).await;
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let expected = "`docker.io/library/a:v1` and `q.io/library/a:v1` would both become `h.io/library/a:v1`";
    assert!(error.message().ends_with(expected), "{error}");
    let config = json!({ "to": "h.io", "include": ["docker.io/*", "r.io/*"] });
    let all = listed(config, &made.path()).await.unwrap();
    assert_eq!(all.lines, ["docker.io/library/a:v1 -> h.io/library/a:v1"], "the same image goes there once");
}

#[tokio::test]
async fn images_that_a_flattening_destination_could_mix_up_are_not_called_unique() {
    let mut made = Made::new().await;
    made.ours(&image("linux/amd64", &["1"]), "q.io/one/a:v1", "").await;
    made.ours(&image("linux/amd64", &["2"]), "q.io/two/a:v1", "").await;
    assert!(!listed(json!({ "to": "h.io" }), &made.path()).await.unwrap().exclusive);
}

#[tokio::test]
async fn one_name_for_two_images_is_an_error_and_either_can_be_had_by_digest() {
    let mut made = Made::new().await;
    let (one, two) = (image("linux/amd64", &["1"]), image("linux/arm64", &["2"]));
    made.entry(&one, &[(REF_NAME, "v1")]).await;
    made.entry(&two, &[(REF_NAME, "v1")]).await;
    let all = listed(json!({ "to": "h.io/a" }), &made.path()).await.unwrap();
    let (first, second) = (one.manifest.digest(), two.manifest.digest());
    let expected = format!("`v1` is the name of two images: `{first}` and `{second}`");
    assert!(all.lines.is_empty() && all.unusable.len() == 1, "{all:?}");
    assert!(all.unusable[0].contains(&expected), "{:?}", all.unusable);
    let pick = json!({ "from": format!("@{second}"), "to": ["h.io/a:v1"] });
    let all = listed(json!({ "images": [pick] }), &made.path()).await.unwrap();
    assert_eq!(all.lines, [format!("localhost/bundle@{second} -> h.io/a:v1")]);
}

#[tokio::test]
async fn single_images_are_found_by_any_of_their_names() {
    let mut made = Made::new().await;
    let nginx = image("linux/amd64", &["1"]);
    made.ours(&nginx, "docker.io/library/nginx:1.27", "").await;
    made.ours(&image("linux/amd64", &["2"]), "q.io/a/b:v1", "r.io/a/b:v1").await;
    made.entry(&image("linux/amd64", &["3"]), &[(REF_NAME, "tag"), (CONTAINERD_NAME, "q.io/c:tag")]).await;
    let digest = nginx.manifest.digest().to_string();
    for (from, source) in [
        ("docker.io/library/nginx:1.27", "docker.io/library/nginx:1.27"),
        ("nginx:1.27", "docker.io/library/nginx:1.27"),
        ("1.27", "docker.io/library/nginx:1.27"),
        (&digest, "docker.io/library/nginx:1.27"),
        ("tag", "q.io/c:tag"),
    ] {
        let config = json!({ "images": [{ "from": from, "to": ["h.io/x", "h.io/y:z"] }] });
        let all = listed(config, &made.path()).await.unwrap();
        let tag = source.rsplit_once(':').unwrap().1;
        assert_eq!(all.lines, [format!("{source} -> h.io/x:{tag} h.io/y:z")], "{from}");
    }
    let all = listed(json!({ "images": [{ "from": "v1" }] }), &made.path()).await.unwrap();
    assert_eq!(all.lines, ["q.io/a/b:v1 -> r.io/a/b:v1"]);
}

#[tokio::test]
async fn who_asks_for_an_image_that_is_not_there_is_told_what_is() {
    let mut made = Made::new().await;
    made.ours(&image("linux/amd64", &["1"]), "q.io/nginx:1.27", "").await;
    made.ours(&image("linux/amd64", &["2"]), "q.io/other:1", "").await;
    let ask = |from: &str| json!({ "images": [{ "from": from, "to": ["h.io/x"] }] });
    let error = refused(ask("q.io/nginx:1.72"), &made.path()).await;
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.hint(), Some("did you mean `q.io/nginx:1.27`?"));
    let error = refused(ask("something"), &made.path()).await;
    assert_eq!(error.hint(), Some("it has `q.io/nginx:1.27`, `q.io/other:1`"));
    let error = refused(json!({ "images": [{ "to": ["h.io/x:1"] }] }), &made.path()).await;
    assert!(error.message().contains("which image is meant: the layout has `q.io/nginx:1.27`, "), "{error}");
}

#[tokio::test]
async fn the_only_image_needs_no_name() {
    let mut made = Made::new().await;
    made.entry(&image("linux/amd64", &["1"]), &[]).await;
    let all = listed(json!({ "images": [{ "to": ["h.io/x:1"] }] }), &made.path()).await.unwrap();
    assert!(all.lines[0].ends_with(" -> h.io/x:1"), "{all:?}");
    assert_eq!(all.warnings, [""; 0]);
    let all = listed(json!({ "to": "h.io/x" }), &made.path()).await.unwrap();
    assert!(all.lines[0].contains(" -> h.io/x@sha256:"), "{all:?}");
    assert!(all.warnings[0].ends_with("has no name in the layout, so it will have no tag either"), "{all:?}");
}

#[tokio::test]
async fn patterns_choose_and_one_that_chooses_nothing_is_said() {
    let mut made = Made::new().await;
    for name in ["q.io/a/x:1", "q.io/a/x:2", "q.io/b:1"] {
        made.ours(&image("linux/amd64", &[name]), name, "").await;
    }
    for (pattern, count) in [("q.io/a/x", 2), ("q.io/a/*", 2), ("*:1", 2), ("q.io/b:1", 1), ("q.io/*:{1,2}", 3)] {
        let all = listed(json!({ "include": [pattern] }), &made.path()).await.unwrap();
        assert_eq!(all.lines.len(), count, "{pattern}");
        assert_eq!(all.warnings, [""; 0]);
    }
    let all = listed(json!({ "include": ["q.io/b", "q.io/c*"] }), &made.path()).await.unwrap();
    assert_eq!(all.warnings, [""; 0]);
    assert_eq!(all.nothing, [format!("`q.io/c*` is the name of no image in `{}`", made.path().display())]);
}

#[tokio::test]
async fn cosign_tags_follow_their_image_and_other_referrers_are_no_images() {
    let mut made = Made::new().await;
    let signed = image("linux/amd64", &["1"]);
    let subject = signed.manifest.descriptor();
    let signature = artifact(well_known::OCI_EMPTY, "{}", &["sig"], &[("subject", json!(subject))]);
    let fallback = format!("sha256-{}", subject.digest.hex());
    made.ours(&image("linux/amd64", &["cosign"]), &format!("q.io/a:{fallback}.sig"), "").await;
    made.ours(&signed, "q.io/a:v1", "h.io/p/a:v1").await;
    made.entry(&signature, &[]).await;
    made.ours(&index(&[("", &signature)]), &format!("q.io/a:{fallback}"), "").await;
    let all = listed(json!({}), &made.path()).await.unwrap();
    let sig = format!("q.io/a:{fallback}.sig -> h.io/p/a:{fallback}.sig");
    assert_eq!(all.lines, ["q.io/a:v1 -> h.io/p/a:v1", &sig]);
}

#[tokio::test]
async fn all_that_is_wrong_with_the_config_is_said_with_its_keys() {
    let wrong = json!({ "to": "harbor", "include": ["a{", ""], "images": [{ "to": ["h.io/x", "h.io/X"] }] });
    let Err(problems) = stages(wrong, Path::new("")) else { panic!("it is wrong") };
    let mut keys: Vec<_> = problems.into_problems().into_iter().filter_map(|problem| problem.key).collect();
    keys.sort();
    assert_eq!(keys, ["images", "images[0].to[1]", "include[0]", "include[1]", "path", "to"]);
}

#[tokio::test]
async fn a_fetch_needs_a_directory_of_its_own_or_that_of_the_list() {
    let cx = BuildContext::new(Arc::new(|_| None), "/nowhere", Purpose::Run);
    let config: fetch::Config = serde_json::from_value(json!({})).unwrap();
    let Err(error) = config.build(&cx) else { panic!("there is no path") };
    assert!(error.into_problems()[0].diagnostic.message.starts_with("`path` is missing"));
    let elsewhere = || serde_json::from_value::<fetch::Config>(json!({ "path": "x" })).unwrap();
    let Err(error) = elsewhere().build(&cx) else { panic!("there is no directory") };
    assert_eq!(error.into_problems()[0].diagnostic.message, "there is no directory `/nowhere/x`");
    let cx = BuildContext::new(Arc::new(|_| None), "/nowhere", Purpose::Check);
    assert!(elsewhere().build(&cx).is_ok(), "who only looks need not have the directory");
}

#[test]
fn what_is_no_layout_is_said_before_a_run_begins() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    for (path, why) in [("none", "there is no directory"), ("empty", "is no OCI image layout")] {
        let config = || serde_json::from_value::<list::Config>(json!({ "path": path })).unwrap();
        let cx = |purpose| BuildContext::new(Arc::new(|_| None), dir.path(), purpose);
        let Err(error) = config().build(&cx(Purpose::Run)) else { panic!("{path}: there is nothing to read") };
        let problem = &error.into_problems()[0];
        assert_eq!(problem.key.as_deref(), Some("path"));
        assert!(problem.diagnostic.message.contains(why), "{}", problem.diagnostic.message);
        assert!(config().build(&cx(Purpose::Check)).is_ok());
    }
}
