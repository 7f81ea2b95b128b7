//! Kills a program right before one of its system calls, as a power cut would, or lets the call fail, as a broken disk
//! does.
//!
//! Calls are counted over all threads of the program. (`strace -e inject=…:when=N` counts for each thread, measured
//! with 6.1, so in a program with several a sweep over N leaves calls out.) What the kernel tells of a call is the same
//! on every architecture, `PTRACE_GET_SYSCALL_INFO`.

use std::{
    collections::HashSet,
    io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
    ptr,
};

/// A kind of system call that changes what is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `fsync` and `fdatasync`.
    Sync,
    /// `rename` in all its forms, and `link`, which some write in its place.
    Rename,
    /// A file that is opened to be made.
    Create,
    /// A file or directory that is there and is opened.
    Open,
    /// One that is let go of.
    Close,
    /// Bytes that are written.
    Write,
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strike {
    /// The program is killed right before it.
    Kill,
    /// It is not made, and fails with `EIO`.
    Fail,
    /// The same, and so does each one after it.
    FailFromThere,
}

/// How a traced program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was killed where it should be.
    Killed,
    /// It came to its end before, with this code.
    Exited(i32),
}

/// What a traced program did.
#[derive(Clone, Debug)]
pub struct Traced {
    /// How it ended.
    pub end: End,
    /// How many calls of the wanted kinds it began, the one that killed it among them.
    pub calls: usize,
}

/// Runs a program, and strikes at its `at`-th call, counted from 1, of one of `kinds` below `dir`.
///
/// # Errors
/// If it cannot be started or traced, or nobody knows how to let a call fail on this processor.
pub fn run(command: &mut Command, kinds: &[Call], dir: &Path, at: usize, strike: Strike) -> io::Result<Traced> {
    // SAFETY: the closure makes one system call that is safe after a fork, and allocates nothing.
    unsafe {
        command.pre_exec(|| match libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        });
    }
    let pid = command.spawn()?.id().cast_signed();
    let dir = dir.parent().unwrap_or(dir).canonicalize()?.join(dir.file_name().unwrap_or_default());
    Tracer { pid, kinds, dir, at, strike, calls: 0, failing: HashSet::new(), stopped_once: HashSet::new() }.follow()
}

struct Tracer<'a> {
    pid: libc::pid_t,
    kinds: &'a [Call],
    dir: PathBuf,
    at: usize,
    strike: Strike,
    calls: usize,
    /// Threads that are in a call that is not made; they learn at its end that it failed.
    failing: HashSet<libc::pid_t>,
    /// Threads that made their first stop, which is no signal of theirs.
    stopped_once: HashSet<libc::pid_t>,
}

impl Tracer<'_> {
    fn follow(mut self) -> io::Result<Traced> {
        let (first, status) = wait()?;
        if first != self.pid || !libc::WIFSTOPPED(status) {
            return Err(io::Error::other("the program did not stop at its start"));
        }
        self.stopped_once.insert(first);
        let options = libc::PTRACE_O_EXITKILL | libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_TRACECLONE;
        ptrace(libc::PTRACE_SETOPTIONS, first, options as usize)?;
        ptrace(libc::PTRACE_SYSCALL, first, 0)?;
        let mut killed = false;
        loop {
            let (thread, status) = wait()?;
            if libc::WIFSTOPPED(status) {
                let signal = self.stop(thread, status, &mut killed)?;
                // A thread may be gone by now: the program was killed, or ended.
                let _ = ptrace(libc::PTRACE_SYSCALL, thread, signal);
            } else if thread == self.pid {
                let end = if killed { End::Killed } else { End::Exited(libc::WEXITSTATUS(status)) };
                return Ok(Traced { end, calls: self.calls });
            }
        }
    }

    /// Looks at a thread that stopped; says which signal it shall get.
    fn stop(&mut self, thread: libc::pid_t, status: i32, killed: &mut bool) -> io::Result<usize> {
        let signal = libc::WSTOPSIG(status);
        if signal == libc::SIGTRAP | 0x80 {
            if self.failing.remove(&thread) {
                registers::answer(thread, -libc::EIO)?;
            } else if !*killed && self.is_wanted(thread) {
                self.calls += 1;
                match self.strike {
                    Strike::Kill if self.calls == self.at => {
                        *killed = true;
                        // SAFETY: a signal to our own child.
                        unsafe { libc::kill(self.pid, libc::SIGKILL) };
                    }
                    Strike::Fail if self.calls == self.at => self.fail(thread)?,
                    Strike::FailFromThere if self.calls >= self.at => self.fail(thread)?,
                    _ => {}
                }
            }
            return Ok(0);
        }
        let is_event = status >> 16 != 0;
        let is_first = self.stopped_once.insert(thread);
        Ok(if is_event || is_first || signal == libc::SIGTRAP { 0 } else { signal.cast_unsigned() as usize })
    }

    /// Lets the call fail that a thread is about to make.
    fn fail(&mut self, thread: libc::pid_t) -> io::Result<()> {
        registers::leave_out(thread)?;
        self.failing.insert(thread);
        Ok(())
    }

    /// Whether the thread is about to make a call that counts.
    fn is_wanted(&self, thread: libc::pid_t) -> bool {
        let Some((number, arguments)) = call_of(thread) else { return false };
        let Some(kind) = kind_of(number, &arguments) else { return false };
        self.kinds.contains(&kind) && self.is_below(arguments[0])
    }

    /// Whether a file descriptor of the program is of a file or directory below the one that counts.
    fn is_below(&self, descriptor: u64) -> bool {
        let link = format!("/proc/{}/fd/{descriptor}", self.pid);
        std::fs::read_link(link).is_ok_and(|path| path.starts_with(&self.dir))
    }
}

/// What the call is; none if it changes nothing on the disk. All of these name a file descriptor first.
fn kind_of(number: libc::c_long, arguments: &[u64; 6]) -> Option<Call> {
    Some(match number {
        libc::SYS_fsync | libc::SYS_fdatasync => Call::Sync,
        libc::SYS_renameat | libc::SYS_renameat2 | libc::SYS_linkat => Call::Rename,
        libc::SYS_openat if arguments[2] & libc::O_CREAT as u64 != 0 => Call::Create,
        libc::SYS_openat => Call::Open,
        libc::SYS_close => Call::Close,
        libc::SYS_write | libc::SYS_writev | libc::SYS_pwrite64 => Call::Write,
        _ => return None,
    })
}

/// The call that a thread is about to make, with its arguments; none if it comes back from one.
fn call_of(thread: libc::pid_t) -> Option<(libc::c_long, [u64; 6])> {
    // SAFETY: all bits zero are a value of this type, and the kernel writes no more than its size.
    let (read, info) = unsafe {
        let mut info: libc::ptrace_syscall_info = std::mem::zeroed();
        let size = size_of_val(&info);
        (libc::ptrace(libc::PTRACE_GET_SYSCALL_INFO, thread, size, ptr::from_mut(&mut info)), info)
    };
    if read <= 0 || info.op != libc::PTRACE_SYSCALL_INFO_ENTRY {
        return None;
    }
    // SAFETY: at an entry this is the part of the union that the kernel filled.
    let entry = unsafe { info.u.entry };
    Some((libc::c_long::try_from(entry.nr).ok()?, entry.args))
}

/// Waits for one of the threads that this thread traces, and for no child of any other.
fn wait() -> io::Result<(libc::pid_t, i32)> {
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    match unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::__WNOTHREAD) } {
        -1 => Err(io::Error::last_os_error()),
        thread => Ok((thread, status)),
    }
}

fn ptrace(request: libc::c_uint, thread: libc::pid_t, data: usize) -> io::Result<()> {
    // SAFETY: of the requests that come here one writes to our memory, and brings a place for that.
    match unsafe { libc::ptrace(request, thread, 0, data) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// What a thread stands at is changed in its registers, and those are each processor's own.
#[cfg(target_arch = "x86_64")]
mod registers {
    use super::{io, ptr, ptrace};

    /// The call that the thread is about to make is none.
    pub(super) fn leave_out(thread: libc::pid_t) -> io::Result<()> {
        change(thread, |registers| registers.orig_rax = u64::MAX)
    }

    /// What the call that the thread comes back from answers.
    pub(super) fn answer(thread: libc::pid_t, answer: i32) -> io::Result<()> {
        change(thread, |registers| registers.rax = i64::from(answer).cast_unsigned())
    }

    fn change(thread: libc::pid_t, change: impl FnOnce(&mut libc::user_regs_struct)) -> io::Result<()> {
        // SAFETY: all bits zero are a value of this type, and the kernel writes all of it and no more.
        let mut registers: libc::user_regs_struct = unsafe { std::mem::zeroed() };
        ptrace(libc::PTRACE_GETREGS, thread, ptr::from_mut(&mut registers) as usize)?;
        change(&mut registers);
        ptrace(libc::PTRACE_SETREGS, thread, ptr::from_mut(&mut registers) as usize)
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod registers {
    use super::io;

    pub(super) fn leave_out(_: libc::pid_t) -> io::Result<()> {
        Err(io::Error::other("how to let a call fail is known on x86-64 only"))
    }

    pub(super) fn answer(_: libc::pid_t, _: i32) -> io::Result<()> {
        Ok(())
    }
}
