//! Whatever is in a file: it is told, at a place that exists, without a panic and without the secret.

use super::{rendered, run};
use crate::diagnostic::Diagnostic;

const PIPELINE: &str = r#"name = "nächtlich"
[run]
transfers = 8
index = "sparse"
[list]
use = "registry"
images = [{ from = "quay.io/etcd", to = ["a/b", 'c/d'] }, { from = "a/b" }]
[[filter]]
use = "platform"
keep = ["linux/amd64", "linux/arm64"]
without = "keep"
[[push]]
use = "registry"
prefix = "a.example.com" # 日本
[[push]]
use = "oci-dir"
path = """
x"""
[registries."quay.io"]
username = { env = "SET" }
port = 0x1bb
[registries]
"b".insecure = true
"#;

const PIECES: [&str; 24] = [
    "\"", "'", "\"\"\"", "[", "]", "[[", "]]", "{", "}", "=", ".", ",", "\n", "\r\n", "#", "\\", "use = ", "-1",
    "9e999", "\u{0}", "é", "\u{1b}", "true", "[list]\n",
];

/// The same numbers on every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit.max(1) as u64).expect("it is below a usize")
    }

    fn mutate(&mut self, text: &str) -> String {
        let mut chars: Vec<char> = text.chars().collect();
        for _ in 0..=self.below(3) {
            let at = self.below(chars.len());
            let end = (at + self.below(12)).min(chars.len());
            match self.below(4) {
                0 => drop(chars.drain(at..end)),
                1 => drop(chars.splice(at..at, PIECES[self.below(PIECES.len())].chars())),
                2 => drop(chars.splice(at..end, PIECES[self.below(PIECES.len())].chars())),
                _ => {
                    let copy = chars[at..end].to_vec();
                    let to = self.below(chars.len());
                    chars.splice(to..to, copy);
                }
            }
        }
        chars.into_iter().collect()
    }
}

fn assert_place_exists(text: &str, found: &Diagnostic) {
    let Some(place) = found.location.as_ref().filter(|place| place.file.as_ref() == "mirror.toml") else { return };
    let lines = text.split('\n').count();
    assert!((1..=lines).contains(&place.line), "{found}\nin\n{text}");
    let width = place.text.chars().count();
    assert!(place.column <= width + 2 && place.length >= 1, "{found}\nin\n{text}");
    assert!(!rendered(std::slice::from_ref(found)).contains(['\u{1b}', '\u{0}']), "{found}\nin\n{text}");
}

#[test]
fn a_file_that_was_changed_at_random_is_told_what_is_wrong() {
    let mut dice = Dice(0x5ea1_1f75);
    let mut wrong = 0;
    for _ in 0..1500 {
        let text = dice.mutate(PIPELINE);
        if let Err(found) = run(&text) {
            wrong += 1;
            assert!(found.iter().any(Diagnostic::is_error), "{text}");
            found.iter().for_each(|one| assert_place_exists(&text, one));
        }
    }
    assert!(wrong > 500, "the changes must break something, {wrong} did");
}

#[test]
fn a_secret_stays_hidden_whatever_happens_around_it() {
    let mut dice = Dice(0xdead_beef);
    let (before, after) = PIPELINE.split_once("port = ").expect("a port");
    for _ in 0..1500 {
        let line =
            ["password = \"hunter2\"\n", "password = 'hunter2' # it\n", "password=[\"hunter2\"]\n"][dice.below(3)];
        let text = format!("{}{line}{}", dice.mutate(before), dice.mutate(after));
        let told = run(&text).err().map_or(String::new(), |found| rendered(&found));
        assert!(!told.contains("hunter2"), "{told}\nin\n{text}");
    }
}

#[test]
fn text_that_was_never_a_pipeline_is_told_what_is_wrong() {
    let mut dice = Dice(42);
    for _ in 0..1500 {
        let text: String = (0..dice.below(30)).map(|_| PIECES[dice.below(PIECES.len())]).collect();
        let found = run(&text).err().expect("it has no list with a kind");
        found.iter().for_each(|one| assert_place_exists(&text, one));
    }
}

#[test]
fn tables_in_tables_without_end_are_refused() {
    for open in ["[", "{a=", "a."] {
        assert!(run(&format!("a = {}", open.repeat(10_000))).is_err());
        assert!(run(&format!("[{}", open.repeat(10_000))).is_err());
    }
    assert!(run(&"a.".repeat(100_000)).is_err());
}
