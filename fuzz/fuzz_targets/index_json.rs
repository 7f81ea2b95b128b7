//! `index.json` of a layout.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sealift_oci_layout::fuzz::index(bytes));
