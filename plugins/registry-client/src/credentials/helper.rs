//! Credential helpers: programs called `docker-credential-NAME` that print a login.
//!
//! A helper may hang, on a locked keyring for example, so it is killed after a time limit.

use std::{process::Stdio, time::Duration};

use sealift_core::{
    error::{Error, ErrorKind, Result, io_message},
    secret::Secret,
};
use serde::Deserialize;
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperOutput {
    username: String,
    secret: String,
}

/// Returns the user name and secret that a helper has for a server, `None` if it has none. `path` is the list of
/// directories in which the program is looked for.
///
/// # Errors
/// If there is no such program, it fails, hangs, or prints something else. Its output is not quoted.
pub(super) async fn ask(
    name: &str,
    server: &str,
    path: Option<String>,
    limit: Duration,
) -> Result<Option<(String, Secret)>> {
    let program = format!("docker-credential-{name}");
    let fail = |why: &str| {
        Error::new(ErrorKind::Denied, format!("the credential helper `{program}` {why}"))
            .with_hint(format!("try it yourself: echo {server} | {program} get"))
    };
    if name.is_empty() || !name.chars().all(|char| char.is_ascii_alphanumeric() || "-_.".contains(char)) {
        return Err(fail("has no proper name"));
    }
    let mut child = Command::new(&program)
        .arg("get")
        .envs(path.map(|path| ("PATH", path)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| fail(&format!("cannot be started: {}", io_message(&error))))?;
    let dialogue = async {
        if let Some(mut stdin) = child.stdin.take() {
            // A helper that does not read its input may still answer.
            let _ = stdin.write_all(server.as_bytes()).await;
        }
        child.wait_with_output().await
    };
    let output = timeout(limit, dialogue)
        .await
        .map_err(|_| fail(&format!("did not answer within {} s", limit.as_secs())))?
        .map_err(|error| fail(&format!("cannot be waited for: {error}")))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        // The text that Docker's own helpers print if there is nothing stored (docker-credential-helpers).
        let unknown = String::from_utf8_lossy(&said).contains("credentials not found");
        return if unknown { Ok(None) } else { Err(fail(&format!("failed with {}", output.status))) };
    }
    let answer: HelperOutput = serde_json::from_slice(&output.stdout).map_err(|_| fail("gave no readable answer"))?;
    Ok(Some((answer.username, Secret::new(answer.secret))))
}
