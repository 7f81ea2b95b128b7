//! A clock that jumps: a library that a program is started with, and that tells it a time of day which is an hour early
//! or, every third time, an hour late. The clock that only goes forward is left alone.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

const SOURCE: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    static unsigned int asked;
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, now);
    if (!result && clock == CLOCK_REALTIME) now->tv_sec += __atomic_add_fetch(&asked, 1, __ATOMIC_RELAXED) % 3 ? -3600 : 3600;
    return result;
}
"#;

/// Builds the library in a folder; its path is for `LD_PRELOAD`. The C compiler is there, because dependencies need it.
///
/// # Panics
/// If it cannot be built.
pub fn jumping(folder: &Path) -> PathBuf {
    let (source, library) = (folder.join("jumping.c"), folder.join("jumping.so"));
    std::fs::write(&source, SOURCE).expect("the folder can be written to");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).arg("-ldl").output();
    let built = built.expect("there is a C compiler");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    library
}
