//! The way of a platform team, in an empty folder: `new plugin`, test it, build its binary, use it in a pipeline.
//!
//! Each crate is built as it was written, with the dependencies of this workspace and without a network. It shares the
//! target folder, so what both need is built once.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use sealift_conformance::images::image;
use sealift_e2e::program::{Folder, Ran};
use sealift_testkit::{content::Content, registry::Registry};

const CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The folder where cargo builds this workspace.
fn target() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_sealift-under-test"));
    program.ancestors().nth(2).expect("programs are in `target/debug`").to_owned()
}

/// An empty folder, where cargo builds as it does here: the same profile makes the same files, which are not built again.
fn folder() -> Folder {
    let folder = Folder::new(env!("CARGO_BIN_EXE_sealift-under-test"));
    let profile = "[profile.dev]\ndebug = \"line-tables-only\"\n\n[profile.dev.package]\nsha2.opt-level = 3\nflate2.opt-level = 3\nminiz_oxide.opt-level = 3\nsealift-core.opt-level = 1\n";
    folder.write(".cargo/config.toml", &format!("[build]\ntarget-dir = {:?}\n\n{profile}", target()));
    folder
}

/// A plugin that `sealift new` wrote.
struct Written<'a> {
    folder: &'a Folder,
    name: &'a str,
}

impl<'a> Written<'a> {
    fn new(folder: &'a Folder, role: &str, name: &'a str) -> Self {
        folder.run(&["new", "plugin", role, name, "--sealift", CHECKOUT]).expect(0);
        // The versions that are there. cargo adds the new crate to them.
        let lock = std::fs::read_to_string(Path::new(CHECKOUT).join("Cargo.lock")).expect("the workspace has one");
        folder.write(&format!("{name}/Cargo.lock"), &lock);
        Self { folder, name }
    }

    fn cargo(&self, arguments: &[&str]) -> String {
        let cargo = std::env::var_os("CARGO").expect("cargo runs its tests");
        let mut command = Command::new(cargo);
        command.args(arguments).current_dir(self.folder.path(self.name));
        // Cargo tells its tests about the package that they belong to; this is another one.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO_") && name != "CARGO_HOME") {
            command.env_remove(name);
        }
        let ran = Ran::from(command.output().expect("cargo can be started")).expect(0);
        assert!(!ran.stderr.contains("warning"), "{}", ran.all());
        ran.all()
    }

    /// Its unit tests, and one for each rule that it has to keep.
    fn passes_its_tests(&self) {
        self.cargo(&["fmt", "--check"]);
        let said = self.cargo(&["test", "--offline"]);
        let passed = |line: &&str| line.starts_with("test ") && line.ends_with(" ... ok");
        assert!(said.lines().filter(passed).count() >= 8, "{said}");
        assert!(said.contains("every_field_is_described"), "{said}");
    }

    /// Runs its binary in the folder of the crate.
    fn run(&self, arguments: &[&str]) -> Ran {
        let program = target().join("debug").join(self.name);
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.folder.path(self.name)).env("HOME", self.folder.dir());
        command.output().expect("its binary was built").into()
    }

    /// It is there beside the built-in plugins, explains itself, and its pipeline is right.
    fn explains_itself(&self, role: &str) {
        let plugins = self.run(&["plugins"]).expect(0).stdout;
        let in_code = self.name.replace('-', "_");
        let line = plugins.lines().find(|line| line.split_whitespace().take(3).eq([role, self.name, &in_code]));
        assert!(line.is_some() && plugins.contains("sealift_dest_registry"), "{plugins}");
        let explained = self.run(&["explain", role, self.name]).expect(0).stdout;
        assert!(explained.contains(self.name), "{explained}");
        self.run(&["check", "pipeline.toml"]).expect(0);
        let told: serde_json::Value =
            serde_json::from_str(&self.run(&["explain", role, self.name, "--json"]).expect(0).stdout).expect("JSON");
        self.folder.write(&format!("{}/example.toml", self.name), told["example"].as_str().expect("a text"));
        self.run(&["check", "example.toml"]).expect(0);
    }
}

#[test]
fn a_plugin_of_each_other_role_builds_and_passes_its_tests_as_it_is_written() {
    let folder = folder();
    for (role, name) in [
        ("list", "inventory-of-ours"),
        ("fetch", "store_reader"),
        ("push", "store-writer"),
        ("observe", "image-log"),
        ("login", "token-file"),
    ] {
        let written = Written::new(&folder, role, name);
        written.passes_its_tests();
        written.explains_itself(role);
    }
}

#[tokio::test]
async fn a_team_writes_a_filter_tests_it_and_uses_it_in_a_pipeline() {
    let folder = folder();
    let written = Written::new(&folder, "filter", "small-only");
    written.passes_its_tests();
    written.explains_itself("filter");

    let (Some(from), Some(to)) = (Registry::start(), Registry::start()) else { return };
    let (here, there) = (Content::at(&from.url()), Content::at(&to.url()));
    for tag in ["1.27", "1.27-alpine", "1.26-alpine"] {
        here.put("acme/app", tag, &image("linux/amd64", &[tag])).await;
    }
    let (f, t) = (from.host(), to.host());
    let list =
        format!("[list]\nuse = \"registry\"\nimages = [{{ from = \"{f}/acme/app\", to = [\"{t}/mirror/app\"] }}]\n");
    let pipeline = |keep: &str| format!("name = \"small\"\n\n{list}\n[[filter]]\nuse = \"small-only\"\n{keep}\n");
    folder.write("small-only/small.toml", &pipeline("kep = [\"-alpine\"]"));
    let refused = written.run(&["check", "small.toml"]).expect(2).stderr;
    assert!(refused.contains("small.toml:9:1") && refused.contains("`keep`"), "{refused}");

    folder.write("small-only/small.toml", &pipeline("keep = [\"-alpine\"]"));
    written.run(&["check", "small.toml"]).expect(0);
    let plan = written.run(&["plan", "small.toml"]).expect(0);
    assert!(plan.stdout.contains("2 images to copy"), "{}", plan.all());
    assert_eq!(there.digest("mirror/app", "1.26-alpine").await, None, "a plan writes nothing");

    written.run(&["run", "small.toml"]).expect(0);
    for (tag, is_wanted) in [("1.27", false), ("1.27-alpine", true), ("1.26-alpine", true)] {
        assert_eq!(there.digest("mirror/app", tag).await.is_some(), is_wanted, "{tag}");
    }
    there.whole("mirror/app", "1.27-alpine").await;
}
