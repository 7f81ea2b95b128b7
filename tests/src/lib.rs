//! End-to-end tests: real processes against real registries.
//!
//! What is here is what the tests in `tests/` share: running the program as a user does ([`program`]). What it did is
//! judged by plain requests of `sealift_testkit::content`.

pub mod program;
