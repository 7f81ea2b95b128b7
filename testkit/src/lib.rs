//! Tiny images, in-memory stages and conformance suites for plugin authors.
