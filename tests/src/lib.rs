//! End-to-end tests: real processes against real registries.
