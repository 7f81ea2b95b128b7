//! References of images, repositories, tags.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sealift_core::fuzz::reference(bytes));
