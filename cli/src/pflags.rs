//! The command line of image-syncer, as its library reads it, in the form in which ours is read.
//!
//! image-syncer takes its flags by Go's pflag: a value may be anything, also a word that begins with `-`; a flag may be
//! repeated, and the last one counts; switches take `=true` and `=false`; words that belong to no flag are passed over.
//! Each flag is brought into the form `--name=value` here, and the words that are left go behind `--`.

use std::ffi::{OsStr, OsString};

/// Flags with a value, of image-syncer and of our own.
const VALUES: [&str; 21] = [
    "arch",
    "auth",
    "ca-file",
    "cache-dir",
    "client-cert",
    "client-key",
    "config",
    "images",
    "log",
    "namespace",
    "os",
    "output-images-format",
    "output-success-images",
    "proc",
    "records",
    "registries",
    "registry",
    "report",
    "retries",
    "user",
    "verify",
];

/// Letters with a value, and the flags that they stand for.
const SHORT: [(&str, &str); 2] = [("p", "proc"), ("r", "retries")];

/// The one switch that image-syncer has; ours take a value as well.
const SWITCHES: [&str; 11] = [
    "force",
    "insecure",
    "json",
    "no-cache",
    "no-referrers",
    "password-stdin",
    "plan",
    "print-pipeline",
    "quiet",
    "referrers",
    "strict",
];

/// The words behind `sync`, one for each flag.
pub(crate) fn normalised(words: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut words = words.into_iter();
    let (mut flags, mut stray) = (Vec::new(), Vec::new());
    while let Some(word) = words.next() {
        let text = word.to_str().unwrap_or_default();
        if text == "--" {
            stray.extend(words.by_ref());
        } else if let Some((name, value)) = value_flag(text) {
            let value = value.map(OsString::from).or_else(|| words.next());
            flags.push(joined(name, value.as_deref()));
        } else if let Some((name, on)) = switch(text) {
            // A switch that is turned off takes back what stands before it.
            let flag = OsString::from(format!("--{name}"));
            flags.retain(|before| *before != flag);
            flags.extend(on.then_some(flag));
        } else if let Some((flag, value)) = not_utf8(&word) {
            flags.push(joined(flag, Some(value)));
        } else if text.starts_with('-') && text != "-" {
            flags.push(word);
        } else {
            stray.push(word);
        }
    }
    if !stray.is_empty() {
        flags.push("--".into());
        flags.append(&mut stray);
    }
    flags
}

/// A flag with a value, and the value if it stands in the same word.
fn value_flag(word: &str) -> Option<(&'static str, Option<&str>)> {
    if let Some(long) = word.strip_prefix("--") {
        let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
        return VALUES.into_iter().find(|known| *known == name).map(|name| (name, value));
    }
    let short = word.strip_prefix('-')?;
    let (_, name) = SHORT.into_iter().find(|(letter, _)| short.starts_with(letter))?;
    let value = &short[1..];
    Some((name, (!value.is_empty()).then(|| value.strip_prefix('=').unwrap_or(value))))
}

/// A switch, and whether it is turned on. A value that is none of Go's is left for the complaint.
fn switch(word: &str) -> Option<(&'static str, bool)> {
    let long = word.strip_prefix("--")?;
    let (name, value) = long.split_once('=').unwrap_or((long, "true"));
    let name = SWITCHES.into_iter().find(|known| *known == name)?;
    match value {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some((name, true)),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some((name, false)),
        _ => None,
    }
}

/// `--log=` and a path that is no UTF-8.
#[cfg(unix)]
fn not_utf8(word: &OsStr) -> Option<(&'static str, &OsStr)> {
    use std::os::unix::ffi::OsStrExt;
    let bytes = word.as_bytes().strip_prefix(b"--")?;
    let end = bytes.iter().position(|byte| *byte == b'=').filter(|_| word.to_str().is_none())?;
    let name = VALUES.into_iter().find(|known| known.as_bytes() == &bytes[..end])?;
    Some((name, OsStr::from_bytes(&bytes[end + 1..])))
}

#[cfg(not(unix))]
fn not_utf8(_: &OsStr) -> Option<(&'static str, &OsStr)> {
    None
}

fn joined(name: &str, value: Option<&OsStr>) -> OsString {
    let mut flag = OsString::from(format!("--{name}"));
    if let Some(value) = value {
        flag.push("=");
        flag.push(value);
    }
    flag
}

/// Reads a number as Go's `strconv.ParseInt` does without a base: `6`, `+6`, `-1`, `0x10`, `010`, `1_000`.
pub(crate) fn number(text: &str) -> Result<i64, &'static str> {
    let wrong = "expected a whole number";
    let (sign, digits) = match text.split_at_checked(1) {
        Some(("-", rest)) => (-1, rest),
        Some(("+", rest)) => (1, rest),
        _ => (1, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (base, digits) = match lower.split_at_checked(2) {
        Some(("0x", rest)) => (16, rest),
        Some(("0b", rest)) => (2, rest),
        Some(("0o", rest)) => (8, rest),
        _ if lower.len() > 1 && lower.starts_with('0') => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    let digits = digits.replace('_', "");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(wrong);
    }
    i64::from_str_radix(&digits, base).map(|value| sign * value).map_err(|_| wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(words: &str) -> String {
        let words = normalised(words.split(' ').filter(|word| !word.is_empty()).map(OsString::from));
        words.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn flags_are_read_as_pflag_does() {
        for (words, expected) in [
            ("--auth=a --images b", "--auth=a --images=b"),
            ("-p6 -p=7 -p 8 -r1", "--proc=6 --proc=7 --proc=8 --retries=1"),
            ("--proc -1 --retries=-1", "--proc=-1 --retries=-1"),
            ("--os= --arch=", "--os= --arch="),
            ("--force --force", "--force"),
            ("--force=true", "--force"),
            ("--force=1 --force=false", ""),
            ("--force=F --force=T", "--force"),
            ("--force=maybe", "--force=maybe"),
            ("--force true --images=i", "--force --images=i -- true"),
            ("sync --images=i -", "--images=i -- sync -"),
            ("--images=i -- --force x", "--images=i -- --force x"),
            // What an empty variable leaves behind: the next word is the value.
            ("--os --arch amd64", "--os=--arch -- amd64"),
            ("--images", "--images"),
            ("--unknown=1 -vv -q -h", "--unknown=1 -vv -q -h"),
        ] {
            assert_eq!(normal(words), expected, "{words}");
        }
    }

    #[test]
    fn numbers_are_read_as_go_does() {
        for (text, expected) in
            [("6", 6), ("+6", 6), ("-1", -1), ("0", 0), ("0x10", 16), ("010", 8), ("0b11", 3), ("1_000", 1000)]
        {
            assert_eq!(number(text), Ok(expected), "{text}");
        }
        for text in ["", "-", "many", "1.5", "09", "0x", "6 ", "99999999999999999999"] {
            assert!(number(text).is_err(), "{text}");
        }
    }
}
