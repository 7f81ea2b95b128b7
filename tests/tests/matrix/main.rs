//! Real registries, as source and as destination: each cell of `docs/compatibility.md` is played.
//!
//! [`table`] has the cells that are refused, with their cause. A cell that becomes better or worse than it says fails the
//! test of its registry.

mod clients;
mod conformance;
mod registries;
mod scene;
mod shapes;
mod table;

use registries::{Setup, Site};
use scene::Scene;
use sealift_e2e::program::Folder;
use table::Check;

fn folder() -> Folder {
    Folder::new(env!("CARGO_BIN_EXE_sealift-under-test"))
}

/// A directory in memory where the system has a place for that: what is synced there costs nothing.
fn quick_dir() -> tempfile::TempDir {
    let ram = std::path::Path::new("/dev/shm");
    let dir = if ram.is_dir() { tempfile::tempdir_in(ram) } else { tempfile::tempdir() };
    dir.expect("there is room for temporary files")
}

/// Plays the column of a registry, and compares it with the table.
async fn play(setup: Setup) {
    let Some(site) = Site::start(setup).await else { return };
    let outcomes = Scene::new(site).await.play().await;
    let checks: Vec<Check> = outcomes.iter().map(|(check, _)| *check).collect();
    assert_eq!(checks, Check::all(), "every check is played once");
    let wrong: Vec<String> =
        outcomes.iter().filter_map(|(check, outcome)| table::difference(setup, *check, outcome)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn distribution_2() {
    play(Setup::Distribution2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn distribution_2_with_a_private_authority() {
    play(Setup::Distribution2Tls).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn distribution_2_behind_nginx() {
    play(Setup::Distribution2Nginx).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn distribution_2_with_tokens() {
    play(Setup::Distribution2Tokens).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn distribution_3() {
    play(Setup::Distribution3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn distribution_3_with_tokens() {
    play(Setup::Distribution3Tokens).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn distribution_3_below_a_path() {
    play(Setup::Distribution3Prefix).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sealift_serve() {
    play(Setup::Serve).await;
}
