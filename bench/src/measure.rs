//! Time and memory that a finished process used, as the operating system counted them.
//!
//! Linux counts the peak memory of a process from before it became the program that it is: a child begins with what
//! its parent held. So each contender is started by a stub, which is this program once more, looking at its arguments
//! and doing nothing else; it holds a few MiB, less than any contender. Asking `/proc` at the end would be no way: a
//! process that ended has no memory left to tell of. Time is taken inside of the stub and does not include it.

use std::{
    ffi::OsString,
    mem::MaybeUninit,
    path::Path,
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

const STUB: &str = "--measured";

/// Time and memory of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Used {
    /// Seconds from start to end.
    pub(crate) wall_s: f64,
    /// Seconds of processor time, in user mode and in the kernel.
    pub(crate) cpu_s: f64,
    /// The most memory that was resident at once, in KiB; of several commands, of the largest one.
    pub(crate) peak_kib: u64,
}

impl Used {
    fn then(self, next: Self) -> Self {
        Self {
            wall_s: self.wall_s + next.wall_s,
            cpu_s: self.cpu_s + next.cpu_s,
            peak_kib: self.peak_kib.max(next.peak_kib),
        }
    }
}

/// Runs commands one after the other and adds up what they used. What they say goes to `log`.
///
/// # Errors
/// If one cannot be started or does not end with 0; the end of the log is in the message.
pub(crate) fn run(commands: &[Command], log: &Path) -> Result<Used> {
    let stub = std::env::current_exe().context("cannot tell where this program is")?;
    commands.iter().try_fold(Used::default(), |sum, command| Ok(sum.then(one(&stub, command, log)?)))
}

fn one(stub: &Path, command: &Command, log: &Path) -> Result<Used> {
    let output = std::fs::File::options().append(true).create(true).open(log).context("cannot write a log")?;
    let figures = log.with_extension("figures");
    let mut wrapped = Command::new(stub);
    wrapped.arg(STUB).arg(&figures).arg(command.get_program()).args(command.get_args());
    wrapped.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = command.get_current_dir() {
        wrapped.current_dir(folder);
    }
    wrapped.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    let status = wrapped.status().with_context(|| format!("cannot start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed ({status}): {}", last_lines(&std::fs::read_to_string(log).unwrap_or_default()));
    }
    serde_json::from_slice(&std::fs::read(figures)?).context("the stub wrote no figures")
}

fn last_lines(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(3)..].join(" / ")
}

/// Seconds of processor time that running processes used so far; what cannot be told counts as none.
pub(crate) fn cpu_s(processes: impl Iterator<Item = u32>) -> f64 {
    // SAFETY: it takes a number and gives one.
    let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) }.max(1) as f64;
    let ticks = |process| ticks_in(&std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?);
    processes.filter_map(ticks).sum::<u64>() as f64 / per_second
}

/// User and system time in a `/proc/…/stat`, in ticks. The name of the program stands in parentheses and may have any
/// characters; these are the 14th and 15th field (proc(5)), the first one after the name being the third.
fn ticks_in(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}

/// Starts a contender and writes down what it used, if that is what this program was started for.
pub(crate) fn stub() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    (arguments.next()? == STUB).then(|| match measured(arguments.collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            crate::console::say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    })
}

fn measured(arguments: Vec<OsString>) -> Result<()> {
    let [figures, program, arguments @ ..] = &arguments[..] else { bail!("the stub needs a file and a command") };
    let started = Instant::now();
    let child = Command::new(program).args(arguments).spawn().context("cannot start it")?;
    let pid = libc::pid_t::try_from(child.id()).context("a process id fits")?;
    let (mut status, mut usage) = (0, MaybeUninit::<libc::rusage>::zeroed());
    // SAFETY: both pointers are to values of ours that live long enough; the child is ours and not waited for yet.
    let waited = unsafe { libc::wait4(pid, &mut status, 0, usage.as_mut_ptr()) };
    let wall_s = started.elapsed().as_secs_f64();
    ensure!(waited == pid, "cannot wait for it");
    // SAFETY: all zeros is a valid value, and the call above filled it in.
    let usage = unsafe { usage.assume_init() };
    ensure!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "wait status {status:#x}");
    let time = |time: libc::timeval| {
        Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_usec).unwrap_or(0) * 1000).as_secs_f64()
    };
    let used = Used {
        wall_s,
        cpu_s: time(usage.ru_utime) + time(usage.ru_stime),
        peak_kib: usage.ru_maxrss.unsigned_abs(), // Linux counts in KiB
    };
    std::fs::write(figures, serde_json::to_vec(&used)?).context("cannot write the figures")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_add_up_and_the_largest_command_counts() {
        let one = Used { wall_s: 1.0, cpu_s: 0.5, peak_kib: 900 };
        let two = Used { wall_s: 2.0, cpu_s: 0.25, peak_kib: 300 };
        assert_eq!(one.then(two), Used { wall_s: 3.0, cpu_s: 0.75, peak_kib: 900 });
    }

    #[test]
    fn processor_time_is_read_whatever_the_name_of_the_program() {
        let stat = "42 (a) b) c) S 1 42 42 0 -1 4194560 1 2 3 4 150 50 7 8 20 0 1 0";
        assert_eq!(ticks_in(stat), Some(200));
        assert_eq!(ticks_in("42 (a) S 1"), None);
        assert!(cpu_s([std::process::id()].into_iter()) >= 0.0);
    }

    #[test]
    fn a_failure_shows_the_end_of_the_log() {
        assert_eq!(last_lines("a\nb\nc\nd\n"), "b / c / d");
        assert_eq!(last_lines(""), "");
    }
}
