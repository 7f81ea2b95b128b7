//! The number of requests of a run, by the program and the registry that users have.

use std::{path::Path, process::Command};

use sealift_testkit::program;

/// `docs/performance.md` has these counts. Seconds and memory are not judged here.
#[test]
fn a_copy_and_its_rerun_send_as_many_requests_as_the_page_says() {
    let bench = Path::new(env!("CARGO_BIN_EXE_sealift-bench"));
    let ours = bench.with_file_name("sealift");
    assert!(ours.is_file(), "`{}` is measured; `cargo test --workspace` builds it", ours.display());
    if program::find("docker-registry").is_none() {
        return;
    }
    let words = ["--scenario", "small", "--distance", "near", "--rounds", "1", "--only", "sealift", "--check"];
    let output = Command::new(bench).args(words).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}
