//! Receipts of what the other side has.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sealift_oci_layout::fuzz::receipt(bytes));
