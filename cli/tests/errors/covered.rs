//! Every message about a file or a command that stands in the sources is in a snapshot, so that none is left out when
//! they are read in a row.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Messages that no test can provoke with the program as it is, and why.
const NOT_HERE: [(&str, &str); 47] = [
    ("takes no index that lists a blob", "takes an index with a blob; has a test in the client"),
    ("{}; {sparse}", "takes an index and a filter; has a test with real registries"),
    (
        "does not tell when tags were pushed",
        "takes a list of tags of a product; has tests in filter-tag and the client",
    ),
    ("breaks the rules of TLS", "takes a peer that breaks the handshake"),
    ("perhaps because the name is too long", "takes a name of 250 characters; has tests in registry-client"),
    ("cannot write `{name}`", "takes a disk that refuses between two files"),
    ("the {thing} is defined {crates}", "takes a binary with two plugins of one name; has a test in core"),
    ("missing table `{header}`", "takes a binary without the built-in plugins"),
    ("`{}` is not UTF-8", "takes an argument that a text file cannot hold"),
    ("cannot make a directory", "takes a system without temporary files"),
    ("cannot watch signals", "takes a system that gives no handles"),
    ("cannot start", "takes a system that gives no threads"),
    ("are accepted", "takes a file of many megabytes; has tests beside the readers"),
    ("`files` names no file", "the schema refuses an empty list before"),
    ("`-` reads standard input", "takes a terminal"),
    ("cannot read standard input", "takes a broken pipe"),
    ("everybody who reaches", "a warning of a server that goes on; has a test of its own"),
    ("cross the network in clear", "a warning of a server that goes on; has a test of its own"),
    ("the logins stay in", "a warning of a conversion that goes on; has a test of its own"),
    ("has {} bytes; a pipeline has", "takes a file of many megabytes"),
    ("there {verb} {more} in", "takes more than a hundred errors; has a test in core"),
    ("need `[{}]` themselves", "takes sections that need each other; has a test in core"),
    ("{message}", "another message in other words"),
    ("took no bytes for", "takes a destination that takes none for seconds"),
    ("the list `{kind}` broke", "takes a plugin that panics; has a test of the engine"),
    ("a stage broke while", "takes a plugin that panics; has tests of the engine"),
    ("cannot be listed again on its own", "takes a list of a plugin that fails for one repository"),
    ("more than {NODES} manifests", "takes an image of thousands of manifests"),
    ("TLS cannot be set up", "takes a system without certificates"),
    ("garbage collection sweeps", "takes a Harbor that collects garbage at the moment"),
    ("did not answer within", "takes a registry that is silent for half a minute"),
    ("sends no valid HTTP response", "takes a server that speaks something else; has a test in the client"),
    ("does not speak TLS", "takes a registry that is not on this machine"),
    ("ended the TLS handshake", "takes a registry that wants certificates; has a test in the client"),
    ("TLS with `{host}` failed", "takes an error of TLS that is none of the others"),
    ("its media type is no header value", "the reader of manifests refuses it before"),
    ("was given up after a failed write", "takes a disk that refuses in the middle"),
    ("the bytes do not have the digest", "takes a plugin that does not verify"),
    ("is writing to `{}`", "takes two programs at once; has a test of the push"),
    ("bytes instead of {expected}", "takes a file that changes while it is read; has a test in the layout"),
    ("would be longer than {} bytes", "takes an index of many megabytes"),
    ("cannot list so many images", "takes an index of many megabytes"),
    ("again and again", "takes a program that writes the same file all the time"),
    ("the API of `{host}` answers", "takes a Harbor whose API is out of order"),
    ("is in none of the files", "the engine asks for what was listed only"),
    ("cannot be read from an offset on", "callers ask for a mark before, and such a source gives none"),
    ("the token service `{host}` fails", "takes most of a minute until it is given up"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// All files below a folder that end so.
fn files(folder: &Path, end: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, end, found);
        } else if path.to_string_lossy().ends_with(end) {
            found.push(path);
        }
    }
}

/// The source without its tests and comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// How diagnostics are made, and how errors are, which say first of what kind they are.
const MADE: [(&str, usize); 5] = [
    ("Diagnostic::error(", 0),
    ("Diagnostic::warning(", 0),
    ("ConfigError::new(", 0),
    (" Error::new(", 1),
    ("Meaning::new(", 1),
];

/// The texts that become messages.
fn messages(code: &str) -> Vec<String> {
    // Also after a bracket, as in `Err(Error::new(…))`, and not for the errors of others, as in `io::Error::new(…)`.
    let code = code.replace("(Error::new(", "( Error::new(");
    let mut messages = Vec::new();
    for (start, before) in MADE {
        for (at, _) in code.match_indices(start) {
            let mut rest = code[at + start.len()..].trim_start();
            for _ in 0..before {
                rest = rest.split_once(',').map_or("", |(_, rest)| rest).trim_start();
            }
            let rest = rest.strip_prefix("format!(").unwrap_or(rest).trim_start();
            messages.extend(rest.strip_prefix('"').map(literal));
        }
    }
    messages
}

/// A text up to its closing quote.
fn literal(rest: &str) -> String {
    let mut text = String::new();
    let mut letters = rest.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => text.extend(letters.next()),
            letter => text.push(letter),
        }
    }
    text
}

/// The longest piece between two values.
fn longest_piece(message: &str) -> &str {
    let pieces = message.split('{').enumerate().map(|(at, piece)| match at {
        0 => piece,
        _ => piece.split_once('}').map_or(piece, |(_, after)| after),
    });
    pieces.max_by_key(|piece| piece.len()).unwrap_or_default().trim()
}

#[test]
fn every_message_about_files_and_commands_is_in_a_snapshot() {
    let mut snapshots = Vec::new();
    for folder in ["cli/tests/errors/snapshots", "cli/tests/snapshots", "cli/src", "core/src/spec/tests"] {
        files(&root().join(folder), ".snap", &mut snapshots);
    }
    for folder in ["core/src/spec/tests", "plugins/dest-harbor/tests"] {
        files(&root().join(folder), ".rs", &mut snapshots); // snapshots in place
    }
    // Logins of clouds have doubles of their own.
    for cloud in ["alibaba", "azure", "ci", "ecr", "google", "tencent"] {
        let tests = root().join(format!("plugins/login-{cloud}/tests"));
        [".rs", ".snap"].iter().for_each(|end| files(&tests, end, &mut snapshots));
    }
    let told: String = snapshots.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let mut sources = Vec::new();
    for folder in ["core/src", "cli/src", "plugins"] {
        files(&root().join(folder), ".rs", &mut sources);
    }
    let (mut seen, mut missing) = (0, Vec::new());
    for path in sources.iter().filter(|path| !path.components().any(|part| part.as_os_str() == "tests")) {
        if path.file_name().is_some_and(|name| name == "tests.rs" || name == "script.rs") {
            continue;
        }
        for message in messages(&code(path)) {
            seen += 1;
            let excused = NOT_HERE.iter().any(|(part, _)| message.contains(part));
            if !excused && !told.contains(longest_piece(&message)) {
                missing.push(format!("{}: {message}", path.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert!(seen > 80, "the sources were not found: {seen}");
    assert!(missing.is_empty(), "add a case to `cli/tests/errors/cases` for:\n{}", missing.join("\n"));
}
