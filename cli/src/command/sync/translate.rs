//! The pipeline that the flags of `sealift sync` stand for.

use sealift_core::diagnostic::Diagnostic;

use super::Args;
use crate::{
    translation::{MOST_ROUNDS, MOST_TRANSFERS, Translation, list, path},
    usage_error::UsageError,
};

/// Makes a stage read its file as image-syncer reads it.
const DIALECT: &str = "image-syncer";

/// Other names of platforms, and the names in images. image-syncer finds no image for the former.
const OTHER_NAMES: [(&str, &str); 7] = [
    ("aarch64", "arm64"),
    ("i386", "386"),
    ("macos", "darwin"),
    ("win", "windows"),
    ("x64", "amd64"),
    ("x86-64", "amd64"),
    ("x86_64", "amd64"),
];

impl TryFrom<&Args> for Translation {
    type Error = UsageError;

    fn try_from(args: &Args) -> Result<Self, UsageError> {
        let mut pipeline = Self::new("sync");
        let written = |flag: &str, file: &std::path::Path| format!("{flag} {}", file.display());

        pipeline.table("[run]");
        if let Some(count) = args.transfers() {
            // image-syncer does as many things at once, each with one request at a host.
            for key in ["transfers", "requests"] {
                pipeline.key(key, count.min(MOST_TRANSFERS.into()).into(), &format!("--proc {count}"));
            }
        }
        let retries = args.retries();
        pipeline.key("retries", retries.min(MOST_ROUNDS).into(), &format!("--retries {retries}"));
        if args.force {
            pipeline.key("force", true.into(), "--force");
        }
        // What image-syncer ends with 0 ends with 0 here: a rule that matches nothing, two rules for one name.
        pipeline.key("allow_empty", true.into(), "");
        pipeline.key("overlaps", "later".into(), "");
        pipeline.key("referrers", args.referrers.choice().unwrap_or(false).into(), "");
        // image-syncer writes an index anew and compares content, so what it left there counts.
        pipeline.key("compare", "entries".into(), "");
        pipeline.verify(&args.output.savings);

        let (credentials, rules) = match args.files()? {
            (Some(config), _, _) => (Some(("--config", config)), ("--config", config)),
            (None, auth, Some(images)) => (auth.map(|auth| ("--auth", auth)), ("--images", images)),
            (None, _, None) => unreachable!("`files` asks for one of them"),
        };
        if let Some((flag, file)) = credentials {
            pipeline.table("[credentials]");
            pipeline.key("file", path(file, flag)?, &written(flag, file));
            dialect(&mut pipeline, args.strict);
        }
        args.connection.write(&mut pipeline, [])?;
        // image-syncer follows what is configured on the machine for podman and skopeo.
        pipeline.table("[containers]");
        pipeline.key("registries_conf", true.into(), "");

        pipeline.table("[list]");
        pipeline.key("use", "registry".into(), "");
        pipeline.key("rules", path(rules.1, rules.0)?, &written(rules.0, rules.1));
        dialect(&mut pipeline, args.strict);
        if let Some(empty_to) = args.empty_to()? {
            pipeline.key("empty_to", empty_to.as_str().into(), "--registry, --namespace");
        }
        platforms(&mut pipeline, args);
        Ok(pipeline)
    }
}

/// Sets how the file of the table is read.
fn dialect(pipeline: &mut Translation, strict: bool) {
    if !strict {
        pipeline.key("dialect", DIALECT.into(), "");
    }
}

/// Writes the platform filter for `--os` and `--arch`.
fn platforms(pipeline: &mut Translation, args: &Args) {
    let mut filter = Vec::new();
    for (key, flag, values) in [("os", "--os", args.os()), ("arch", "--arch", args.arch())] {
        let meant: Vec<String> = match args.strict {
            true => values.iter().map(|value| (*value).to_owned()).collect(),
            false => values.iter().filter_map(|value| platform_word(&mut pipeline.notices, flag, value)).collect(),
        };
        if !meant.is_empty() {
            filter.push((key, meant, format!("{flag} {}", values.join(","))));
        }
    }
    if filter.is_empty() {
        return;
    }
    pipeline.table("[[filter]]");
    pipeline.key("use", "platform".into(), "");
    for (key, meant, flag) in filter {
        pipeline.key(key, list(&meant), &flag);
    }
    if !args.strict {
        // image-syncer drops entries for `unknown/unknown` as it drops any other platform, and does not look into
        // single OCI images.
        pipeline.key("attestations", "drop".into(), "");
        pipeline.key("oci_images", "all".into(), "");
    }
}

/// Converts a value of `--os` or `--arch` to what the filter takes; none if no image could match it.
fn platform_word(notices: &mut Vec<Diagnostic>, flag: &str, value: &str) -> Option<String> {
    let (name, detail) = value.split_once(':').map_or((value, None), |(name, detail)| (name, Some(detail)));
    let is_word = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    if !is_word(name) || detail.is_some_and(|detail| !detail.is_empty() && !is_word(detail)) {
        let message = format!("`{value}` is no value for `{flag}` that an image could have, and is passed over");
        notices.push(Diagnostic::warning(message));
        return None;
    }
    let lower = name.to_ascii_lowercase();
    let meant = OTHER_NAMES.iter().find(|(other, _)| *other == lower).map(|(_, meant)| *meant);
    if let Some(meant) = meant {
        let message = format!("images do not use the name `{name}`: `{flag} {value}` is taken for `{meant}`");
        notices.push(Diagnostic::warning(message));
    }
    let detail = detail.filter(|detail| !detail.is_empty()).map_or_else(String::new, |detail| format!(":{detail}"));
    Some(format!("{}{detail}", meant.unwrap_or(name)))
}
