//! image-syncer's logins, YAML and JSON.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sealift_image_syncer::fuzz::auth(bytes));
