//! image-syncer's old single file.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sealift_image_syncer::fuzz::config(bytes));
