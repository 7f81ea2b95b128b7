//! What `sealift convert` writes plans what `sealift sync` plans with the same files.

use sealift_conformance::images::image;
use sealift_e2e::program::Folder;

use crate::{Sites, folder};

/// The plan of the files, and that of the pipeline that they are converted to.
fn plans(folder: &Folder) -> [String; 2] {
    let files = ["--images", "images.yaml", "--auth", "auth.yaml"];
    let before = folder.run(&[&["sync", "--plan"], &files[..]].concat()).expect(0);
    let converted = folder.run(&[&["convert"], &files[..]].concat()).expect(0);
    folder.write("converted.toml", &converted.stdout);
    let after = folder.run(&["plan", "converted.toml"]).expect(0);
    // `sync` takes the rules from the last to the first, because the last one counts where two write one name.
    let in_order = |plan: &str| {
        let mut images: Vec<String> = Vec::new();
        for line in plan.lines() {
            match images.last_mut() {
                Some(image) if line.starts_with(' ') => *image += &format!("\n{line}"),
                _ => images.push(line.to_owned()),
            }
        }
        images.sort();
        images.join("\n")
    };
    [in_order(&before.stdout), in_order(&after.stdout)]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_converted_pipeline_plans_what_the_files_plan() {
    let Some(sites) = Sites::start().await else { return };
    let source = sites.source();
    // Nothing in two images: which of those that share a blob brings it is not the same in every plan.
    for tag in ["v1", "v2", "v3-rc"] {
        source.put("shop/app", tag, &image("linux/amd64", &[&format!("app {tag}")])).await;
        source.put("shop/tool", tag, &image("linux/amd64", &[&format!("tool {tag}")])).await;
    }
    let (from, to) = (sites.from.host(), sites.to.host());
    let folder = folder().var("FROM_PASSWORD", "p$$w0rd$").var("TO_PASSWORD", "t0ken pass").var("TEAM", "mirror");
    folder.write(
        "images.yaml",
        &format!(
            "# releases\n{from}/shop/app:/^v\\d+$/: {to}/${{TEAM}}/app\n{from}/shop/app:v3-rc: {to}/mirror/app:candidate\n{from}/shop/tool:v1,v2: \"{to}/mirror/tool:a,b\"\n"
        ),
    );
    // Once with a password in clear, so that the logins stay in their file, and once with variables alone.
    let in_clear = sites.auth();
    for auth in [in_clear.clone(), in_clear.replace("p$$w0rd$", "${FROM_PASSWORD}")] {
        folder.write("auth.yaml", &auth);
        let [before, after] = plans(&folder);
        assert!(before.contains("mirror/app:v2") && before.contains("mirror/app:candidate"), "{before}");
        assert_eq!(before, after);
        assert!(!folder.read("converted.toml").contains("p$$w0rd$"));
    }
    assert!(folder.read("converted.toml").contains("password = { env = \"FROM_PASSWORD\" }"));
}
