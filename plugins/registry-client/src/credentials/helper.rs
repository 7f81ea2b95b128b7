//! Credential helpers: programs called `docker-credential-NAME` that print a login.
//!
//! A helper may hang, on a locked keyring for example, or print without end. So it and what it started are killed after a
//! time limit, and at a limit of what is read.

use std::{
    io,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use sealift_core::{
    error::{Error, ErrorKind, Result, io_message},
    secret::Secret,
};
use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
    select,
    time::timeout,
};

/// The most bytes that a helper may print.
const MAX_BYTES: usize = 1 << 20;
/// Time for what is left in the pipes of a helper that ended. What it started may hold them open for ever.
const REST: Duration = Duration::from_secs(1);

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
    let mut command = Command::new(&program);
    command.arg("get").envs(path.map(|path| ("PATH", path)));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    // A group of its own, so that what it started can be ended with it.
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn().map_err(|error| {
        let failed = fail(&format!("cannot be started: {}", io_message(&error)));
        match error.kind() {
            io::ErrorKind::NotFound => failed.with_hint(
                "install it in a directory of `PATH`, or take it out of `credsStore` and `credHelpers` in Docker's \
                 `config.json` and log in again",
            ),
            _ => failed,
        }
    })?;
    let group = Group::of(&child);
    let output = timeout(limit, converse(&mut child, server))
        .await
        .map_err(|_| fail(&format!("did not answer within {} s", limit.as_secs())))?
        .map_err(|why| fail(&why))?;
    group.keep();
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        // The text that Docker's own helpers print if there is nothing stored (docker-credential-helpers).
        let unknown = String::from_utf8_lossy(&said).contains("credentials not found");
        return if unknown { Ok(None) } else { Err(fail(&format!("failed with {}", output.status))) };
    }
    let answer: HelperOutput = serde_json::from_slice(&output.stdout).map_err(|_| fail("gave no readable answer"))?;
    Ok(Some((answer.username, Secret::new(answer.secret))))
}

struct Output {
    status: ExitStatus,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

/// Tells a helper the server and returns its answer.
///
/// # Errors
/// Half a sentence.
async fn converse(child: &mut Child, server: &str) -> std::result::Result<Output, String> {
    let (mut stdin, out, err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let status = {
        let dialogue = async {
            if let Some(mut stdin) = stdin.take() {
                // A helper that does not read its input may still answer.
                let _ = stdin.write_all(server.as_bytes()).await;
            }
            tokio::try_join!(collect(out, &mut stdout), collect(err, &mut stderr)).map(drop)
        };
        tokio::pin!(dialogue);
        select! {
            biased;
            status = child.wait() => {
                timeout(REST, &mut dialogue).await.unwrap_or(Ok(()))?;
                status
            }
            printed = &mut dialogue => {
                printed?;
                child.wait().await
            }
        }
    };
    let status = status.map_err(|error| format!("cannot be waited for: {}", io_message(&error)))?;
    Ok(Output { status, stdout, stderr })
}

/// Adds what comes from a pipe, up to its end.
///
/// # Errors
/// Half a sentence, if it is too much.
async fn collect(pipe: Option<impl AsyncRead + Unpin>, all: &mut Vec<u8>) -> std::result::Result<(), String> {
    let Some(mut pipe) = pipe else { return Ok(()) };
    while matches!(pipe.read_buf(all).await, Ok(1..)) {
        if all.len() > MAX_BYTES {
            return Err(format!("printed more than {} MiB", MAX_BYTES >> 20));
        }
    }
    Ok(())
}

/// The process group of a helper. Dropped, it is killed.
struct Group(#[cfg(unix)] Option<rustix::process::Pid>);

#[cfg(unix)]
impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw))
    }

    /// Lets what the helper left running go on: agents are started that way.
    fn keep(mut self) {
        self.0 = None;
    }
}

#[cfg(unix)]
impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may have ended by itself.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

#[cfg(not(unix))]
impl Group {
    fn of(_: &Child) -> Self {
        Self()
    }

    fn keep(self) {}
}
