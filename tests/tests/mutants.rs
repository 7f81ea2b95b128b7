//! `.ci/mutants` reckons, stops and goes on as docs/testing.md says. A script stands in for cargo-mutants, which says of each
//! mutant what the test tells it to.
#![cfg(unix)]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Command, Output},
};

const SCRIPT: &str = include_str!("../../.ci/mutants");

/// Lists what stands in `list` (`caught crate/src/a.rs:1:1: …`), and finds it so; `stop` ends it as Ctrl-C does.
const CARGO: &str = r#"#!/bin/sh
set -eu
case "$*" in
"mutants --version") echo "cargo-mutants $(sed -n 's/^version=//p' "$FAKE/../.ci/mutants")" ;;
"mutants --list "*) cut -d ' ' -f 2- "$FAKE/list" ;;
*)
    while [ "$1" != --output ]; do shift; done
    out=$2/mutants.out
    while read -r found name; do
        grep -qxF "$name" "$out/previously_caught.txt" && continue
        [ "$found" != stop ] || exit 1
        echo "$name" >>"$FAKE/tried"
        echo "$name" >>"$out/$found.txt"
    done <"$FAKE/list"
    exit 2
    ;;
esac
"#;

/// A repository with the script, a crate and a cargo of its own.
struct Bench {
    root: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { root: tempfile::tempdir().unwrap() };
        for (path, text) in [(".ci/mutants", SCRIPT), ("fake/cargo", CARGO)] {
            bench.write(path, text);
            fs::set_permissions(bench.path(path), fs::Permissions::from_mode(0o755)).unwrap();
        }
        bench.git(&["init", "--quiet"]);
        bench.commit("crate/src/a.rs", "// a");
        bench.commit("crate/src/b.rs", "// b");
        bench
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn git(&self, args: &[&str]) {
        let identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
        let status = Command::new("git").args(identity).args(args).current_dir(self.root.path()).status();
        assert!(status.unwrap().success(), "git {args:?}");
    }

    fn commit(&self, path: &str, text: &str) {
        self.write(path, text);
        self.git(&["add", path]);
        self.git(&["commit", "--quiet", "-m", path]);
    }

    /// Runs the script with these findings. Returns its exit code, its last line without the commit, and what was tried.
    fn run(&self, findings: &[&str]) -> (Option<i32>, String, Vec<String>) {
        self.write("fake/list", &format!("{}\n", findings.join("\n")));
        self.write("fake/tried", "");
        let output = self.script(&["some-crate"]);
        let tried = fs::read_to_string(self.path("fake/tried")).unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let last = text.lines().last().unwrap_or_default().split(", at ").next().unwrap_or_default().to_owned();
        (output.status.code(), last, tried.lines().map(str::to_owned).collect())
    }

    fn script(&self, args: &[&str]) -> Output {
        let path = format!("{}:{}", self.path("fake").display(), std::env::var("PATH").unwrap());
        let mut script = Command::new(self.path(".ci/mutants"));
        script.args(args).env("PATH", path).env("FAKE", self.path("fake"));
        script.env_remove("MUTANTS_DIR").env_remove("MUTANTS_TARGET_DIR").output().unwrap()
    }
}

fn figures(mutants: usize, viable: usize, caught: usize, percent: &str, hung: usize, untried: usize) -> String {
    format!(
        "some-crate: {mutants} mutants, {viable} viable, {caught} caught ({percent} %), {hung} hung, {untried} not tried"
    )
}

#[test]
fn less_than_ninety_of_a_hundred_viable_mutants_are_too_few() {
    let bench = Bench::new();
    let caught: Vec<_> = (0..9).map(|at| format!("caught crate/src/a.rs:{at}:1: x")).collect();
    let with =
        |more: &[&'static str]| caught.iter().map(String::as_str).chain(more.iter().copied()).collect::<Vec<_>>();
    let enough = bench.run(&with(&["missed crate/src/b.rs:1:1: y", "unviable crate/src/b.rs:2:1: z"]));
    assert_eq!((enough.0, enough.1), (Some(0), figures(11, 10, 9, "90.0", 0, 0)));
    // A mutant that hangs may have been slow alone.
    let few = with(&["missed crate/src/b.rs:1:1: y", "timeout crate/src/b.rs:3:1: w"]);
    let (code, last, tried) = bench.run(&few);
    assert_eq!((code, last), (Some(1), figures(11, 11, 9, "81.8", 1, 0)));
    assert_eq!(tried, ["crate/src/b.rs:3:1: w"], "the rest is known");
    let output = String::from_utf8(bench.script(&["--figures", "some-crate"]).stdout).unwrap();
    let survivors: Vec<_> = output.lines().take(2).collect();
    assert_eq!(survivors, ["SURVIVED crate/src/b.rs:1:1: y", "HUNG     crate/src/b.rs:3:1: w"]);
}

#[test]
fn a_run_that_was_stopped_goes_on_where_it_stopped() {
    let bench = Bench::new();
    let stopped = bench.run(&["caught crate/src/a.rs:1:1: x", "stop crate/src/b.rs:1:1: y"]);
    assert_eq!((stopped.0, stopped.2.len()), (Some(2), 1));
    let (code, last, tried) = bench.run(&["missed crate/src/a.rs:1:1: x", "caught crate/src/b.rs:1:1: y"]);
    assert_eq!((code, last), (Some(0), figures(2, 2, 2, "100.0", 0, 0)));
    assert_eq!(tried, ["crate/src/b.rs:1:1: y"]);
}

#[test]
fn after_a_commit_survivors_and_changed_files_are_tried_again() {
    let bench = Bench::new();
    let (a, b, c) = ("crate/src/a.rs:1:1: x", "crate/src/b.rs:1:1: y", "crate/src/b.rs:2:1: z");
    bench.run(&[&format!("caught {a}"), &format!("caught {b}"), &format!("missed {c}")]);
    bench.commit("crate/src/tests.rs", "// a test of c");
    let all = [format!("caught {a}"), format!("caught {b}"), format!("caught {c}")];
    let all: Vec<_> = all.iter().map(String::as_str).collect();
    assert_eq!(bench.run(&all).2, [c]);
    bench.commit("crate/src/a.rs", "// a changed");
    assert_eq!(bench.run(&all).2, [a]);
}

#[test]
fn mutants_stay_out_of_the_files_that_one_works_on() {
    let bench = Bench::new();
    let (code, ..) = bench.run(&["caught crate/src/a.rs:1:1: x"]);
    assert_eq!(code, Some(0));
    assert!(bench.path("target/mutants/tree/crate/src/a.rs").exists(), "they get into a clone");
    assert!(!bench.path("mutants.out").exists() && !bench.path("target/mutants/running").exists());
}
