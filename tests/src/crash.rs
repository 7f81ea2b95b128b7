//! Kills a program right before one of its system calls, as a power cut would.
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
    /// Bytes that are written.
    Write,
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

/// Runs a program and kills it right before its `at`-th call, counted from 1, of one of `kinds` below `dir`.
///
/// # Errors
/// If it cannot be started or traced.
pub fn run(command: &mut Command, kinds: &[Call], dir: &Path, at: usize) -> io::Result<Traced> {
    // SAFETY: the closure makes one system call that is safe after a fork, and allocates nothing.
    unsafe {
        command.pre_exec(|| match libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        });
    }
    let pid = command.spawn()?.id().cast_signed();
    let dir = dir.parent().unwrap_or(dir).canonicalize()?.join(dir.file_name().unwrap_or_default());
    Tracer { pid, kinds, dir, at, calls: 0, stopped_once: HashSet::new() }.follow()
}

struct Tracer<'a> {
    pid: libc::pid_t,
    kinds: &'a [Call],
    dir: PathBuf,
    at: usize,
    calls: usize,
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
            if !*killed && self.is_wanted(thread) {
                self.calls += 1;
                if self.calls == self.at {
                    *killed = true;
                    // SAFETY: a signal to our own child.
                    unsafe { libc::kill(self.pid, libc::SIGKILL) };
                }
            }
            return Ok(0);
        }
        let is_event = status >> 16 != 0;
        let is_first = self.stopped_once.insert(thread);
        Ok(if is_event || is_first || signal == libc::SIGTRAP { 0 } else { signal.cast_unsigned() as usize })
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
    // SAFETY: none of the requests that come here writes to our memory.
    match unsafe { libc::ptrace(request, thread, 0, data) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
