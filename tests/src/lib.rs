//! End-to-end tests: real processes against real registries.
//!
//! What is here is what the tests in `tests/` share: running the program as a user does ([`program`]), killing it at
//! one of its system calls (`crash`), and letting its clock jump (`clock`). What it did is judged by plain requests of `sealift_testkit::content`.

#[cfg(target_os = "linux")]
pub mod clock;
#[cfg(target_os = "linux")]
pub mod crash;
pub mod program;
