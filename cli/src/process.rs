//! Settings of the process, made before there is a second thread.

use std::thread::{self, JoinHandle};

/// Threads beside the workers: one that blocks (files, names of hosts), one for the display.
const OTHER_THREADS: usize = 2;

/// Makes the settings.
pub(crate) fn set_up() {
    share_arenas();
    report_large_files();
}

/// Lets all threads share two arenas of the allocator.
///
/// glibc gives threads their own arenas, up to eight for each processor, and each reserves 64 MiB of address space. Under a
/// limit of the address space (`ulimit -v`) a new thread then finds no room for its stack.
fn share_arenas() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it sets a number of the allocator, and there is no second thread yet.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
    }
}

/// Makes a write beyond the largest file size (`ulimit -f`) an error of that write. By default its signal kills the
/// process.
fn report_large_files() {
    #[cfg(unix)]
    // SAFETY: it sets the disposition of a signal, and there is no second thread yet.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

/// Starts the runtime: one worker for each processor, whatever the environment says to other programs.
///
/// # Errors
/// If the system does not allow as many threads as it needs.
pub(crate) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    // The runtime panics, or waits for ever, where a thread cannot be started.
    can_start(workers + OTHER_THREADS)?;
    tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build()
}

/// Tells whether so many threads can be started.
fn can_start(threads: usize) -> std::io::Result<()> {
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Arc::new(std::sync::Mutex::new(held));
    let start = |_| {
        let held = std::sync::Arc::clone(&held);
        thread::Builder::new().spawn(move || drop(held.lock().map(|held| held.recv())))
    };
    let started: std::io::Result<Vec<JoinHandle<()>>> = (0..threads).map(start).collect();
    drop(hold);
    started.map(|threads| threads.into_iter().for_each(|thread| drop(thread.join())))
}

/// Returns true if the caller asked that a closed session does not end the process, as `nohup` does.
#[cfg(unix)]
pub(crate) fn ignores_hangup() -> bool {
    // SAFETY: it reads the disposition of a signal into a value of its own.
    unsafe {
        let mut current: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGHUP, std::ptr::null(), &raw mut current) == 0 && current.sa_sigaction == libc::SIG_IGN
    }
}
