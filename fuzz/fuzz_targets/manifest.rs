//! Manifests, and cutting entries out of an index.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sealift_core::fuzz::manifest(bytes));
