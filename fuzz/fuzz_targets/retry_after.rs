//! `Retry-After`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sealift_registry_client::fuzz::retry_after(bytes));
