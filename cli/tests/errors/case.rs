//! One case: what is there, what is typed, what is said.

use std::{fmt::Write, path::Path};

/// Something that goes wrong.
pub(crate) struct Case<'t> {
    name: &'t str,
    files: Vec<(&'t str, String)>,
    /// Each with the exit code that it shall have; without one it shall fail.
    commands: Vec<(&'t str, Option<i32>)>,
}

impl<'t> Case<'t> {
    /// The cases of a file.
    pub(crate) fn all(text: &'t str) -> Vec<Self> {
        let cases: Vec<_> = text.split("\n## ").skip(1).map(Self::parse).collect();
        assert!(!cases.is_empty());
        cases
    }

    fn parse(text: &'t str) -> Self {
        let mut lines = text.lines();
        let mut case = Self { name: lines.next().unwrap(), files: Vec::new(), commands: Vec::new() };
        for line in lines {
            if let Some(name) = line.strip_prefix("@ ") {
                case.files.push((name, String::new()));
            } else if let Some(command) = line.strip_prefix("$ sealift ") {
                let (command, code) = match command.strip_suffix(']').and_then(|text| text.rsplit_once(" [exit ")) {
                    Some((command, code)) => (command, Some(code.parse().unwrap())),
                    None => (command, None),
                };
                case.commands.push((command, code));
            } else if let Some((_, text)) = case.files.last_mut().filter(|_| case.commands.is_empty()) {
                *text += &format!("{line}\n");
            }
        }
        assert!(!case.commands.is_empty(), "{}: nothing is typed", case.name);
        case
    }

    /// What is said, below what was typed.
    pub(crate) fn told(&self) -> String {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in &self.files {
            let path = dir.path().join(name);
            if name.ends_with('/') {
                std::fs::create_dir_all(path).unwrap();
                continue;
            }
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            // A file is as it stands in the case, without the empty line before what is typed.
            let text = text.strip_suffix("\n\n").map_or_else(|| text.clone(), |text| format!("{text}\n"));
            std::fs::write(path, unescaped(&text)).unwrap();
        }
        let mut told = format!("## {}\n", self.name);
        for (command, expected) in &self.commands {
            let (code, said) = run(dir.path(), command, &[]);
            assert_code(command, code, *expected, &said);
            let _ = writeln!(told, "$ sealift {command}\n{said}[exit {code}]");
        }
        told
    }
}

/// `\xff` stands for a byte that an editor would not keep.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (at, part) in text.split("\\xff").enumerate() {
        if at > 0 {
            bytes.push(0xff);
        }
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

/// What is said of a command between hosts that stand under their names in it and in the files, with its exit code.
pub(crate) async fn run_between(
    hosts: &[(&str, String)],
    files: Vec<(&str, String)>,
    variables: Vec<(&'static str, String)>,
    command: &str,
) -> String {
    let real = |text: &str| hosts.iter().fold(text.to_owned(), |text, (name, host)| text.replace(name, host));
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, real(&text)).unwrap();
    }
    let command = real(command);
    let running = tokio::task::spawn_blocking(move || run(dir.path(), &command, &variables));
    let (code, said) = running.await.unwrap();
    assert_code("the command", code, None, &said);
    // How many requests it took depends on what else was under way when it failed.
    let told = said.find("failed: ").map_or(&*said, |at| &said[at..]);
    let said = hosts.iter().fold(told.to_owned(), |said, (name, host)| said.replace(host, name));
    format!("{said}[exit {code}]\n")
}

/// Exit code and everything that was said.
fn run(dir: &Path, command: &str, variables: &[(&str, String)]) -> (i32, String) {
    let mut sealift = assert_cmd::cargo::cargo_bin_cmd!("sealift");
    sealift.args(words(command)).current_dir(dir).env_clear().env("HOME", dir).env("COLUMNS", "100");
    sealift.envs(variables.iter().map(|(name, value)| (name, value)));
    sealift.timeout(std::time::Duration::from_secs(60));
    let output = sealift.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    let here = dir.canonicalize().unwrap();
    let said = said.replace(&*here.to_string_lossy(), "HERE").replace(&*dir.to_string_lossy(), "HERE");
    let code = output.status.code().unwrap();
    (code, said.lines().map(|line| timeless(line) + "\n").collect())
}

/// Something is wrong in every case, so a command fails unless the case says otherwise.
fn assert_code(command: &str, code: i32, expected: Option<i32>, said: &str) {
    match expected {
        Some(expected) => assert_eq!(code, expected, "{command}: {said}"),
        None => assert_ne!(code, 0, "`{command}` found nothing wrong: {said}"),
    }
}

/// A line without its time and without how long a run took.
fn timeless(line: &str) -> String {
    let line = match line.split_once("Z ") {
        Some((time, rest)) if time.len() == 19 && time.starts_with("20") => rest,
        _ => line,
    };
    match line.rsplit_once(" in ") {
        Some((start, time)) if time.ends_with(" s") => format!("{start} in … s"),
        _ => line.to_owned(),
    }
}

/// The words of a command; quotes hold some together.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    for letter in command.chars() {
        match letter {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            letter => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}
