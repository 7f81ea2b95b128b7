//! What the allocator of the C library is told before anything else runs.
//!
//! glibc gives threads arenas of their own, up to eight for each processor; each reserves 64 MiB of address space and keeps
//! what was freed in it. Most threads of a run wait for a disk or a name, so that is a lot of room for nothing: under a
//! limit of the address space (`ulimit -v`) a thread then finds no place for its stack.

/// Lets all threads share two arenas.
pub(crate) fn share() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it sets a number of the allocator, and there is no second thread yet.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
    }
}
