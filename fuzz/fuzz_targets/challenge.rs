//! `WWW-Authenticate`, and the realm in it.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sealift_registry_client::fuzz::challenge(bytes));
