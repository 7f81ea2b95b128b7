//! `Link`, and the page it names.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sealift_registry_client::fuzz::link(bytes));
