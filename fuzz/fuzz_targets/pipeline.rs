//! Pipeline files, with all built-in plugins. Nothing is asked of any network, and no file is there to be read.

#![no_main]

use std::sync::Arc;

use sealift_core::{fuzz, plugin::Purpose, spec::LoadOptions};
use sealift_plugins as _;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let settings = LoadOptions {
        base: "/nowhere".into(),
        environment: Arc::new(|_| None),
        purpose: Purpose::Check,
        cache: Default::default(),
        extensions: Default::default(),
    };
    fuzz::pipeline(bytes, &settings);
});
