//! Limits the arenas of the allocator of the C library.
//!
//! glibc gives threads their own arenas, up to eight for each processor, and each reserves 64 MiB of address space. Under a
//! limit of the address space (`ulimit -v`) a new thread then finds no room for its stack.

/// Lets all threads share two arenas.
pub(crate) fn share() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it sets a number of the allocator, and there is no second thread yet.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
    }
}
