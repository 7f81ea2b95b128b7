//! The operator who has files of image-syncer.

use sealift_conformance::images::{Image, image, index};
use sealift_testkit::{
    content::Content,
    registry::{self, Registry},
};
use serde_json::{Value, json};

use crate::{assert_said, folder};

fn app(version: &str) -> Image {
    index(&[
        ("linux/amd64", &image("linux/amd64", &["base", version])),
        ("linux/arm64", &image("linux/arm64", &["base arm", version])),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn from_image_syncers_files_to_a_pipeline_of_ones_own() {
    let login = || registry::login("operator", "p$$w0rd$");
    let (Some(from), Some(password)) = (Registry::start(), login()) else { return };
    let Some(to) = Registry::with().htpasswd(password).start() else { return };
    let source = Content::at(&from.url());
    for tag in ["v1.0", "v1.1", "v2.0-rc"] {
        source.put("shop/app", tag, &app(tag)).await;
    }
    let folder = folder().var("TO_PASSWORD", "p$$w0rd$");
    let (f, t) = (from.host(), to.host());

    from.reset();

    // The first try has two mistakes, one in each file. With `--strict` both are told, with their places, and nothing
    // was asked.
    folder.write("auth.yaml", &format!("\"{t}\":\n  username: operator\n  pasword: ${{TO_PASSWORD}}\n"));
    folder.write("images.yaml", &format!("{f}/shop/app:/^v1: {t}/mirror/app\n"));
    let sync = ["sync", "--auth", "auth.yaml", "--images", "images.yaml"];
    let ran = folder.run(&[&sync[..], &["--strict"]].concat()).expect(2);
    assert_said(&ran, &["auth.yaml:3:3", "did you mean `password`?", "images.yaml:1:1", "lacks the `/` at its end"]);
    assert_eq!(from.requests().total() + to.requests().total(), 0);

    // What would be done.
    folder.write("auth.yaml", &format!("\"{t}\":\n  username: operator\n  password: ${{TO_PASSWORD}}\n"));
    folder.write("images.yaml", &format!("{f}/shop/app:/^v1/: {t}/mirror/app\n{f}/shop/app:v2: {t}/mirror/next\n"));
    let plan = folder.run(&[&sync[..], &["--plan"]].concat()).expect(1);
    assert_said(&plan, &["2 images to copy to 2 targets", "linux/arm64", "nothing was written"]);

    // It is done; one tag does not exist, and the one that was meant is named.
    let ran = folder.run(&[&sync[..], &["--report", "report.json"]].concat()).expect(1);
    assert_said(&ran, &["2 copied, 1 failed", "shop/app:v2", "the repository has the tags `v2.0-rc`", "requests: "]);
    let report: Value = serde_json::from_str(&folder.read("report.json")).unwrap();
    assert_eq!((&report["copied"], &report["failures"][0]["kind"]), (&json!(2), &json!("not_found")));

    // Mended, and again: what is there already costs next to nothing.
    folder
        .write("images.yaml", &format!("{f}/shop/app:/^v1/: {t}/mirror/app\n{f}/shop/app:v2.0-rc: {t}/mirror/next\n"));
    let ran = folder.run(&sync).expect(0);
    assert_said(&ran, &["1 copied, 2 up to date"]);
    let ran = folder.run(&sync).expect(0);
    assert_said(&ran, &["3 up to date"]);
    let target = Content::at(&to.url()).login("operator", "p$$w0rd$");
    for (repository, tag, at) in [("mirror/app", "v1.0", "v1.0"), ("mirror/next", "v2.0-rc", "v2.0-rc")] {
        assert_eq!(target.digest(repository, at).await, source.digest("shop/app", tag).await, "{repository}");
        target.whole(repository, at).await;
    }

    // From flags to a file, which then grows a filter.
    let toml = folder.run(&[&sync[..], &["--print-pipeline"]].concat()).expect(0).stdout;
    folder.write("mirror.toml", &format!("{toml}\n[[filter]]\nuse = \"platfrm\"\nkeep = [\"linux/amd64\"]\n"));
    assert_said(&folder.run(&["check", "mirror.toml"]).expect(2), &["did you mean `platform`?", "mirror.toml:"]);
    folder.write("mirror.toml", &format!("{toml}\n[[filter]]\nuse = \"platform\"\nkeep = [\"linux/amd64\"]\n"));
    folder.run(&["check", "mirror.toml"]).expect(0);
    let plan = folder.run(&["plan", "mirror.toml"]).expect(0);
    assert_said(&plan, &["becomes sha256:", "dropped from indexes: linux/arm64"]);
    let ran = folder.run(&["run", "mirror.toml"]).expect(0);
    assert_said(&ran, &["3 copied", "the digest differs from the source"]);
    assert!(!ran.all().contains("p$$w0rd$"), "no password is ever said");
}
