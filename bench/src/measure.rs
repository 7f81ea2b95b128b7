//! What a finished process used, as the operating system counted it.
//!
//! Peak memory is not among it: the count of a child begins with what this program held when it was started.

use std::{
    mem::MaybeUninit,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

/// What one run used.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Used {
    /// Seconds from start to end.
    pub(crate) wall_s: f64,
    /// Seconds of processor time, in user mode and in the kernel.
    pub(crate) cpu_s: f64,
}

/// Runs commands one after the other and adds up what they used.
pub(crate) fn run(commands: &mut [Command], log: &std::path::Path) -> Result<Used> {
    let mut used = Used::default();
    let started = Instant::now();
    for command in commands {
        let one = run_one(command, log)?;
        used.cpu_s += one.cpu_s;
    }
    used.wall_s = started.elapsed().as_secs_f64();
    Ok(used)
}

fn run_one(command: &mut Command, log: &std::path::Path) -> Result<Used> {
    let output = std::fs::File::options().append(true).create(true).open(log)?;
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
    let pid = libc::pid_t::try_from(child.id()).context("a process id fits")?;
    let (mut status, mut usage) = (0, MaybeUninit::<libc::rusage>::zeroed());
    // SAFETY: both pointers are to values of ours that live long enough; the child is ours and not waited for yet.
    let waited = unsafe { libc::wait4(pid, &mut status, 0, usage.as_mut_ptr()) };
    ensure!(waited == pid, "cannot wait for {command:?}");
    // SAFETY: all zeros is a valid value, and the call above filled it in.
    let usage = unsafe { usage.assume_init() };
    ensure!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "{command:?} failed, see {}", log.display());
    let time = |time: libc::timeval| {
        Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_usec).unwrap_or(0) * 1000).as_secs_f64()
    };
    Ok(Used { wall_s: 0.0, cpu_s: time(usage.ru_utime) + time(usage.ru_stime) })
}
