//! Programs of others that tests use as a second opinion.
//!
//! A newcomer who only has Rust can run the tests: what is missing is skipped, and said so. Where the environment
//! variable `CI` is set, a missing program is a failure, so that nothing is skipped there unnoticed.

use std::{
    path::PathBuf,
    process::{Command, Output},
};

/// Returns the path of a program; `None` if it is not installed and the test must be skipped.
///
/// # Panics
/// If it is missing and `CI` is set.
#[expect(clippy::print_stderr, reason = "whoever runs the tests must see what was not tested")]
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from); // not in the PATH of every user
    let found = std::env::split_paths(&path).chain(places).map(|dir| dir.join(name)).find(|file| file.is_file());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "`{name}` is not installed, and nothing is skipped in CI");
        eprintln!("skipped: `{name}` is not installed");
    }
    found
}

/// Returns the path of `podman`; `None` if it is not installed or cannot run here, as in most unprivileged containers.
///
/// # Panics
/// If it is missing and `CI` is set.
#[expect(clippy::print_stderr, reason = "whoever runs the tests must see what was not tested")]
pub fn podman() -> Option<PathBuf> {
    let program = find("podman")?;
    let room = tempfile::tempdir().expect("there is room for temporary files");
    let mut command = Command::new(&program);
    command.arg("--root").arg(room.path().join("root")).arg("--runroot").arg(room.path().join("run"));
    let output = command.args(["--storage-driver", "vfs", "info"]).output().expect("podman can be started");
    if !output.status.success() {
        eprintln!("skipped: podman does not run here: {}", String::from_utf8_lossy(&output.stderr).trim());
        return None;
    }
    Some(program)
}

/// Runs `skopeo` with these arguments; none if it is not there.
///
/// # Panics
/// If it is missing and `CI` is set, or cannot be started.
pub fn skopeo(arguments: &[&str]) -> Option<Output> {
    let mut command = Command::new(find("skopeo")?);
    // Debian's package has no policy file for users that never ran podman.
    command.arg("--insecure-policy").args(arguments).env_remove("REGISTRY_AUTH_FILE");
    Some(command.output().expect("skopeo can be started"))
}

/// Runs `skopeo` with these arguments and returns its standard output; `None` if it is not installed.
///
/// # Panics
/// If it fails; its own words are in the message.
pub fn skopeo_ok(arguments: &[&str]) -> Option<String> {
    let output = skopeo(arguments)?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "skopeo {} failed: {said}", arguments.join(" "));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}
