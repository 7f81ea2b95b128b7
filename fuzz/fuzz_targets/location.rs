//! URLs that a server sends us to.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sealift_registry_client::fuzz::location(bytes));
