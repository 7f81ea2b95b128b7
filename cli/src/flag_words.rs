//! The hints of a pipeline in the words of a verb that has flags instead.
//!
//! Stages name the keys of a pipeline, because they do not know who wrote it. Everything that is printed passes here, so
//! that a hint can be followed in the command at hand.

use std::borrow::Cow;

/// Hints of stages, and what they are for a verb with flags. `{}` is a word that stands in both.
const PHRASES: [(&str, &str); 20] = [
    ("`--allow-empty`, or `allow_empty = true` in [run]", "`--allow-empty`"),
    (
        "log in with `docker login {}`, name an auth file, or put `username` and `password` into [registries.\"{}\"]",
        "log in with `docker login {}`, or name a file of logins: `--auth FILE`",
    ),
    ("set `insecure = true` in [registries.\"{}\"]", "allow that: `--insecure={}`"),
    (
        "name it with `ca_file` in [registries.\"{}\"]; `insecure = true` there gives up all verification",
        "name it by `--ca-file`; `--insecure={}` gives up all verification",
    ),
    (", set SSL_CERT_FILE, or name a `ca_file` in [registries]", ", set SSL_CERT_FILE, or name a CA by `--ca-file`"),
    ("`client_cert` and `client_key` in [registries]", "`--client-cert` and `--client-key`"),
    ("; a lower `transfers` in [run] asks for less at once", ""),
    (", or with a lower `transfers` in [run]", ""),
    ("`index` and `referrers` in [run] say what is sent", "`--platform` and `--no-referrers` send less"),
    ("give the rule a destination, or set `prefix` in [[push]]", "say where images go: `--to HOST[/PREFIX]`"),
    ("set another `prefix` in [[push]]", "choose another destination"),
    ("push to another project: set `prefix` in [[push]]", "push to another project"),
    (
        "Harbor needs a project before the name: set `prefix` in [[push]], such as `harbor.corp/mirror`",
        "Harbor needs a project before the name, such as `harbor.corp/mirror`",
    ),
    (
        "use `ref_style = \"full\"`, or a directory for each repository",
        "leave `--ref-style tag` out, or use a directory for each repository",
    ),
    (
        "let it be created with `create_projects = true` in [[push]] (`--create-projects`)",
        "let it be created with `--create-projects`",
    ),
    (
        "push with `use = \"harbor\"` and `create_projects = true` (`load --harbor --create-projects`)",
        "let `sealift load --harbor --create-projects` create it",
    ),
    (
        "add the host to `trusted_hosts` of the registry in [registries]",
        "let `--print-pipeline` write a pipeline, and add the host to `trusted_hosts` of the registry in its [registries]",
    ),
    ("stage with it, or without `base`", "stage with it, or without `--base`"),
    (
        "load them one after the other, with `include` and different prefixes in `to`",
        "load them one after the other, with `--include` and different prefixes in `--to`",
    ),
    ("the table [registries.\"{}\"]", "the flags for `{}`"),
];

/// Verbs that have flags, and no pipeline.
const VERBS: [&str; 6] = ["copy", "load", "merge", "receipt", "stage", "sync"];

/// Returns true if hints of stages must be told in flags.
pub(crate) fn has_flags(verb: &str) -> bool {
    VERBS.contains(&verb)
}

/// Returns a text with its hints in flags.
pub(crate) fn in_flags(text: &str) -> Cow<'_, str> {
    replaced(text, |phrase| phrase.to_owned())
}

/// Does the same in JSON, where quotes are escaped.
pub(crate) fn in_flags_json(text: &str) -> Cow<'_, str> {
    replaced(text, |phrase| phrase.replace('"', "\\\""))
}

fn replaced(text: &str, escaped: impl Fn(&str) -> String) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for (phrase, flags) in PHRASES {
        let (phrase, flags) = (escaped(phrase), escaped(flags));
        let mut from = 0;
        while let Some((at, end, word)) = find(&text, &phrase, from) {
            let new = flags.replace("{}", &word);
            from = at + new.len();
            text = Cow::Owned(format!("{}{new}{}", &text[..at], &text[end..]));
        }
    }
    text
}

/// Finds a phrase: its start, its end, and the word in it.
fn find(text: &str, phrase: &str, from: usize) -> Option<(usize, usize, String)> {
    let parts: Vec<&str> = phrase.split("{}").collect();
    for (at, first) in text[from..].match_indices(parts[0]).map(|(at, first)| (from + at, first)) {
        let (mut end, mut word) = (at + first.len(), String::new());
        let is_found = parts[1..].iter().all(|part| {
            let rest = &text[end..];
            let length = rest.find(|c: char| c.is_whitespace() || matches!(c, '`' | '"' | '\\')).unwrap_or(rest.len());
            if !rest[length..].starts_with(part) {
                return false;
            }
            word = rest[..length].to_owned();
            end += length + part.len();
            true
        });
        if is_found {
            return Some((at, end, word));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_name_flags_where_there_is_no_pipeline() {
        let hint = "hint: log in with `docker login h.io:5000`, name an auth file, or put `username` and `password` into \
                    [registries.\"h.io:5000\"]\nhint: run again later, or with a lower `transfers` in [run]";
        let flags = "hint: log in with `docker login h.io:5000`, or name a file of logins: `--auth FILE`\nhint: run again later";
        assert_eq!(in_flags(hint), flags);
        let json = serde_json::to_string(hint).unwrap();
        assert_eq!(serde_json::from_str::<String>(&in_flags_json(&json)).unwrap(), flags);
        assert!(matches!(in_flags("nothing of the kind"), Cow::Borrowed(_)));
    }

    #[test]
    fn every_phrase_is_one_that_a_stage_says() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut code = String::new();
        for folder in ["core/src", "plugins"] {
            read_all(&root.join(folder), &mut code);
        }
        let joined = joined(&code);
        for (phrase, _) in PHRASES {
            let longest = phrase.split("{}").max_by_key(|part| part.len()).unwrap().replace('"', "\\\"");
            assert!(joined.contains(&longest), "no stage says: {phrase}");
        }
    }

    /// The sources with continued texts in one line.
    fn joined(code: &str) -> String {
        let mut joined = String::new();
        for line in code.lines() {
            let line = if joined.ends_with('\\') { line.trim_start() } else { line };
            if joined.ends_with('\\') {
                joined.pop();
            } else {
                joined.push('\n');
            }
            joined += line;
        }
        joined
    }

    fn read_all(folder: &std::path::Path, code: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read_all(&path, code);
            } else if path.extension().is_some_and(|end| end == "rs") {
                *code += &std::fs::read_to_string(&path).unwrap();
            }
        }
    }
}
