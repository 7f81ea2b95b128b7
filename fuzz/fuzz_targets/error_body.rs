//! Bodies of errors.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sealift_registry_client::fuzz::error_body(bytes));
