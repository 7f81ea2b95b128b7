//! Names of images in a layout.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sealift_oci_layout::fuzz::name(bytes));
