use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::plugin::Purpose;

/// Texts of such pieces: most are wrong, many are nearly right.
fn of(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(pieces), 0..16).prop_map(|pieces| pieces.concat())
}

const HEX: &str = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

const NAMES: &[&str] = &[
    "docker.io",
    "localhost",
    "[::1]",
    ":5000",
    "/",
    "a",
    "0",
    "A",
    "__",
    ".",
    "-",
    "..",
    "@",
    ":",
    "sha256:",
    HEX,
    "é",
    "?",
    "%2f",
    "v1",
    "library/",
];

const TOML: &[&str] = &[
    "[list]\n",
    "[[push]]\n",
    "[[filter]]\n",
    "[run]\n",
    "[registries.\"a.io\"]\n",
    "use = ",
    "\"registry\"\n",
    "path",
    " = ",
    "\"",
    "'''",
    "\n",
    "\r\n",
    "{ env = \"X\" }\n",
    "[",
    "]",
    "-1\n",
    "retries",
    "9e999\n",
    "\u{1b}",
    "\t",
    "é",
    "#",
    ".",
    "password",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn names_are_read_or_refused(text in of(NAMES), any in prop::collection::vec(any::<u8>(), 0..100)) {
        for bytes in [text.as_bytes(), &any] {
            digest(bytes);
            reference(bytes);
        }
    }

    #[test]
    fn manifests_are_read_or_refused(
        entries in prop::collection::vec(r#"( ?\{"digest":"sha256:H", ?"size":[0-9]{1,3}(,"urls":null)?(,"x": ?\[1\])?\} ?)"#, 0..5),
        head in r#"\{ ?("schemaVersion": ?[12],)?("mediaType":"[a-z/]{0,8}",)?"(manifests|layers|fsLayers)": ?\["#,
        tail in r#"\](,"config":\{\}|,"a":"\]")? ?\}"#,
    ) {
        let text = format!("{head}{}{tail}", entries.join(",")).replace("sha256:H", &format!("sha256:{HEX}"));
        manifest(text.as_bytes());
    }

    #[test]
    fn pipelines_are_read_or_refused(text in of(TOML)) {
        let settings = LoadOptions { base: "/nowhere".into(), environment: Arc::new(|_| None), purpose: Purpose::Check, cache: crate::cache::Cache::default(), extensions: Default::default() };
        pipeline(text.as_bytes(), &settings);
    }
}
