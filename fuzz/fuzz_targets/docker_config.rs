//! Credential files of Docker and Podman.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sealift_registry_client::fuzz::docker_config(bytes));
