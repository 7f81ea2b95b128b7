//! Typing what stands in a page, and comparing what is printed with what is shown.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
};

use sealift_testkit::program::{find, podman};

use crate::{
    page::{Page, Typed},
    scene::Stage,
};

/// Programs of others, with the arguments that keep them away from what is not this test's.
const OTHERS: [(&str, &str); 3] = [
    ("skopeo", "--insecure-policy"),
    ("podman", "--root \"$HOME/.podman\" --runroot \"$HOME/.podman-run\" --storage-driver vfs"),
    // Nobody is there to type the password.
    ("htpasswd", "-i"),
];

/// A shell in the folder of a page.
pub(crate) struct Shell<'a> {
    stage: &'a mut Stage,
    /// `sealift serve`, which does not end by itself.
    serving: Option<Child>,
}

impl<'a> Shell<'a> {
    /// A shell that finds the programs that the page uses; none if one is not there.
    pub(crate) fn open(stage: &'a mut Stage, page: &Page) -> Option<Self> {
        let program = stage.folder.command(&[]).get_program().to_str().unwrap().to_owned();
        wrap(stage, "sealift", &program, "");
        let uses = |name: &str| page.commands().any(|typed| typed.text.split_whitespace().any(|word| word == name));
        for (name, arguments) in OTHERS.into_iter().filter(|(name, _)| uses(name)) {
            let found = if name == "podman" { podman() } else { find(name) };
            wrap(stage, name, found?.to_str().unwrap(), arguments);
        }
        Some(Self { stage, serving: None })
    }

    /// Types a command; says what is wrong with what comes of it.
    pub(crate) fn type_in(&mut self, typed: &Typed) -> Result<(), String> {
        let serves = typed.text.starts_with("sealift serve ");
        let (good, printed) = if serves { self.serve(&typed.text) } else { self.run(&typed.text) };
        let printed = self.stage.there(&printed);
        let complain =
            |what: &str| Err(format!("line {}: $ {}\n{what}; it printed:\n{printed}", typed.line, typed.text));
        if !good {
            return complain("fails");
        }
        let mut lines = printed.lines();
        for shown in &typed.shown {
            if !lines.any(|line| is_like(line.trim_end(), shown.trim_end())) {
                return complain(&format!("does not print `{shown}`"));
            }
        }
        Ok(())
    }

    fn run(&self, text: &str) -> (bool, String) {
        let mut child = self.shell(&self.stage.here(text)).spawn().expect("there is a shell");
        let input = self.stage.scene.input.clone();
        let _ = child.stdin.take().expect("it is piped").write_all(input.as_bytes()); // most do not read it
        let output = child.wait_with_output().expect("it ends");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Serves at a free port until the next one serves or the page ends. The port of the page leads there from now on.
    fn serve(&mut self, text: &str) -> (bool, String) {
        self.stop();
        self.stage.words.retain(|(there, _)| there != PORT);
        let text = self.stage.here(text).replace(&format!("--listen 0.0.0.0{PORT}"), "");
        let mut child = self.shell(&format!("exec {text} --listen 127.0.0.1:0")).spawn().expect("there is a shell");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
        let mut printed = String::new();
        let port = lines.by_ref().find_map(|line| {
            printed.push_str(&format!("{line}\n"));
            let (_, rest) = line.split_once("://127.0.0.1:")?;
            rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse::<u16>().ok()
        });
        self.serving = Some(child);
        let Some(port) = port else { return (false, printed) };
        std::thread::spawn(move || lines.for_each(drop)); // what it says later must not stop it
        self.stage.words.push((PORT.to_owned(), format!(":{port}")));
        (true, printed)
    }

    fn shell(&self, text: &str) -> Command {
        let mut shell = Command::new("sh");
        let home = self.stage.folder.dir();
        let path = format!("{}/bin:{}", home.display(), std::env::var("PATH").unwrap_or_default());
        shell.arg("-c").arg(format!("exec 2>&1\n{text}")).current_dir(home).env_clear();
        shell.env("HOME", home).env("PATH", path).envs(self.stage.folder.variables());
        shell.stdin(Stdio::piped()).stdout(Stdio::piped());
        shell
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.serving.take() {
            let _ = child.kill(); // it may have ended by itself
            let _ = child.wait();
        }
    }
}

impl Drop for Shell<'_> {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Where `sealift serve` listens unless it is told otherwise.
const PORT: &str = ":5000";

/// Puts a program into the path of the page.
fn wrap(stage: &Stage, name: &str, program: &str, arguments: &str) {
    let file = stage.folder.path("bin").join(name);
    stage.folder.write(&format!("bin/{name}"), &format!("#!/bin/sh\nexec \"{program}\" {arguments} \"$@\"\n"));
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(file, mode).expect("it is ours");
}

/// Whether a line is as it is shown; `…` stands there for anything.
fn is_like(line: &str, shown: &str) -> bool {
    let Some((first, rest)) = shown.split_once('…') else { return line == shown };
    let Some(after) = line.strip_prefix(first) else { return false };
    (0..=after.len()).filter(|at| after.is_char_boundary(*at)).any(|at| is_like(&after[at..], rest))
}

#[test]
fn dots_stand_for_anything() {
    for (line, shown, expected) in [
        ("a b", "a b", true),
        ("a b c", "a … c", true),
        ("a b", "a … c", false),
        ("abc", "…", true),
        ("abc", "ab", false),
    ] {
        assert_eq!(is_like(line, shown), expected, "{line} {shown}");
    }
}
