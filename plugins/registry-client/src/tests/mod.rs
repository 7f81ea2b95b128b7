//! The protocol against real registries, and against odd ones of our own.

mod real;
#[expect(dead_code, reason = "the hardening tests use the rest")]
mod setting;
