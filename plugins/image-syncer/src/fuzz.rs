//! Properties that hold for any bytes in the files of image-syncer.
//!
//! Fuzzers look for bytes that break it without end (`fuzz/`), property tests for a moment in every run.

use std::sync::Arc;

use sealift_core::{diagnostic::Diagnostic, fuzz::diagnostics, plugin::Purpose};

use crate::{Dialect, Variables, auth_file, config_file, is_config_file, rules_file};

const NAMES: [&str; 2] = ["f.yaml", "f.json"];

/// A file of rules gives rules, or says where it is wrong.
pub fn rules(bytes: &[u8]) {
    for_all(bytes, |text, file, variables| {
        rules_file(text, file, variables).map(|(rules, warnings)| {
            // Selecting tags by any rule must not panic.
            for rule in &rules {
                let _ = (rule.listing(&[]), rule.misfits(&[]));
            }
            warnings
        })
    });
}

/// A file of logins gives logins, or says where it is wrong.
pub fn auth(bytes: &[u8]) {
    for_all(bytes, |text, file, variables| auth_file(text, file, variables).map(|(_, warnings)| warnings));
}

/// The old single file, likewise.
pub fn config(bytes: &[u8]) {
    for_all(bytes, |text, file, variables| {
        let _ = is_config_file(text, file);
        config_file(text, file, variables).map(|(_, warnings)| warnings)
    });
}

fn for_all(bytes: &[u8], read: impl Fn(&str, &str, &Variables) -> Result<Vec<Diagnostic>, Vec<Diagnostic>>) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let strict = Variables::new(Arc::new(|_| None), Purpose::Run);
    let lenient = strict.clone().in_dialect(Dialect::ImageSyncer);
    for (file, variables) in NAMES.into_iter().flat_map(|file| [(file, &strict), (file, &lenient)]) {
        match read(text, file, variables) {
            Ok(warnings) => diagnostics(text, &warnings),
            Err(errors) => {
                assert!(errors.iter().any(Diagnostic::is_error), "it is refused, and nobody knows why");
                diagnostics(text, &errors);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PIECES: &[&str] = &[
        "quay.io/a/b",
        ":v1",
        ":/^v1/",
        ":/(/",
        ":a,b",
        "@sha256:00",
        ": ",
        "\n",
        "\n  ",
        "- ",
        "nginx",
        "'",
        "\"",
        "{",
        "}",
        "[",
        "]",
        ",",
        "~",
        "auth:",
        "images:",
        "username: ",
        "password: $X",
        "insecure: yes",
        "!t ",
        "&a ",
        "*a",
        "é",
        "\u{1b}",
        "\t",
        "\u{2028}",
        "\r\n",
        "---\n",
        "#",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn files_are_read_or_refused(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..20)) {
            let text = pieces.concat();
            rules(text.as_bytes());
            auth(text.as_bytes());
            config(text.as_bytes());
        }
    }
}
