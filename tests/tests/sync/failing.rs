//! What fails says so, once, and everything else goes on.

use sealift_conformance::images::image;
use sealift_serve::access::RequestKind;
use sealift_testkit::content::Content;

use crate::{Sites, folder, open_sites};

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_asked_once_and_named() {
    let Some(sites) = Sites::start().await else { return };
    let source = sites.source();
    for tag in 0..20 {
        source.put("shop/app", &format!("v{tag}"), &image("linux/amd64", &[&format!("own {tag}")])).await;
    }
    let folder = folder().var("TO_PASSWORD", "not the password");
    folder.write("auth.yaml", &sites.auth());
    folder.write("images.yaml", &format!("{}/shop/app: {}/mirror/app\n", sites.from.host(), sites.to.host()));
    let ran = folder.run(&["sync", "--auth", "auth.yaml", "--images", "images.yaml"]).expect(1);
    assert_eq!(sites.tokens.asked().len(), 1, "{:?}", sites.tokens.asked());
    assert!(ran.stderr.contains(&sites.to.host()), "{}", ran.stderr);
    assert!(!ran.all().contains("not the password"), "{}", ran.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_or_away_fails_alone() {
    let Some((from, to)) = open_sites() else { return };
    let source = Content::at(&from.url());
    source.put("shop/app", "v1", &image("linux/amd64", &["layer"])).await;
    let folder = folder();
    let (f, t) = (from.host(), to.host());
    folder.write(
        "images.yaml",
        &format!(
            "{f}/shop/gone: {t}/m/gone\n{f}/shop/app:gone: {t}/m/tag\n127.0.0.1:1/x/y:v1: {t}/m/away\nnowhere.invalid/x/y:v1: {t}/m/unknown\n{f}/shop/app:v1: {t}/m/app\n"
        ),
    );
    let ran = folder.run(&["sync", "--images", "images.yaml", "--retries", "0"]).expect(1);
    Content::at(&to.url()).whole("m/app", "v1").await;
    for name in ["shop/gone", "shop/app:gone", "127.0.0.1:1", "nowhere.invalid"] {
        assert!(ran.stderr.contains(name), "{name} is not named:\n{}", ran.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_last_byte_leaves_nothing_at_the_destination() {
    let Some((from, to)) = open_sites() else { return };
    let layer = "a layer that will rot ".repeat(50_000);
    let app = image("linux/amd64", &[&layer]);
    Content::at(&from.url()).put("shop/app", "v1", &app).await;
    let rotten = app.blobs[1].0.digest.clone();
    let hex = rotten.hex();
    let file = from.storage().join(format!("docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]));
    let mut bytes = std::fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let folder = folder();
    folder.write("images.yaml", &format!("{}/shop/app: {}/m/app\n", from.host(), to.host()));
    let ran = folder.run(&["sync", "--images", "images.yaml", "--retries", "0"]).expect(1);
    assert!(ran.stderr.contains(&rotten.to_string()), "{}", ran.stderr);
    let target = Content::at(&to.url());
    assert!(!target.has_blob("m/app", &rotten).await);
    assert_eq!(target.digest("m/app", "v1").await, None);
    assert!(
        to.requests()
            .iter()
            .filter(|request| request.kind() == RequestKind::Upload)
            .all(|request| request.status != 400),
        "the last byte must not have been sent: {:?}",
        to.requests()
    );
}
