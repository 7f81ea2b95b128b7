//! Pages as a reader sees them: what is to be typed, and what is shown for it.

use std::path::{Path, PathBuf};

/// A page of the documentation.
pub(crate) struct Page {
    /// Its path in the project, such as `docs/recipes/monthly-delta.md`.
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) blocks: Vec<Block>,
}

/// A block of commands.
pub(crate) struct Block {
    pub(crate) commands: Vec<Typed>,
    /// Why nobody can run it here, if that is said: `<!-- not run: … -->` in the line before the block.
    pub(crate) not_run: Option<String>,
}

/// A command, with the lines of output that the page shows for it.
pub(crate) struct Typed {
    pub(crate) line: usize,
    pub(crate) text: String,
    pub(crate) shown: Vec<String>,
}

impl Typed {
    /// A command of which nothing is shown.
    pub(crate) fn silent(text: &str) -> Self {
        Self { line: 0, text: text.to_owned(), shown: Vec::new() }
    }
}

const MARK: &str = "<!-- not run:";

/// The folder of the project.
pub(crate) fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

impl Page {
    /// The README and everything below `docs`.
    pub(crate) fn all() -> Vec<Self> {
        let (mut paths, mut folders) = (vec![project().join("README.md")], vec![project().join("docs")]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|suffix| suffix == "md") {
                    paths.push(path);
                }
            }
        }
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let path = path.strip_prefix(project()).unwrap().to_str().unwrap().to_owned();
        Self { blocks: blocks(&text), path, text }
    }

    /// What is run of it, in the order of the page.
    pub(crate) fn commands(&self) -> impl Iterator<Item = &Typed> {
        self.blocks.iter().filter(|block| block.not_run.is_none()).flat_map(|block| &block.commands)
    }

    /// How often it says that a block is not run.
    pub(crate) fn marks(&self) -> usize {
        self.text.matches(MARK).count()
    }

    /// The pipelines of the page, as the files that its commands name: `name = "mirror"` is `mirror.toml`.
    pub(crate) fn pipelines(&self) -> Vec<(String, &str)> {
        let blocks = self.text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
        let named = blocks.filter_map(|block| {
            let name = block.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))?;
            Some((format!("{name}.toml"), block))
        });
        named.collect()
    }
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut before = "";
    let mut lines = (1..).zip(text.lines());
    while let Some((_, line)) = lines.next() {
        if line == "```console" {
            let inside: Vec<_> = lines.by_ref().take_while(|(_, line)| *line != "```").collect();
            let not_run = before.strip_prefix(MARK).and_then(|rest| rest.strip_suffix("-->"));
            blocks.push(Block { commands: commands(&inside), not_run: not_run.map(|why| why.trim().to_owned()) });
        }
        before = line;
    }
    blocks
}

/// Where nothing has a `$` before it, every line is a command.
fn commands(lines: &[(usize, &str)]) -> Vec<Typed> {
    let prompts = lines.iter().any(|(_, line)| line.starts_with("$ "));
    let mut commands: Vec<Typed> = Vec::new();
    for (number, line) in lines {
        match (line.strip_prefix("$ ").or((!prompts).then_some(line)), commands.last_mut()) {
            (Some(text), _) => commands.push(Typed { line: *number, text: text.to_owned(), shown: Vec::new() }),
            (None, Some(last)) if last.text.ends_with('\\') => last.text = format!("{}\n{line}", last.text),
            (None, Some(last)) => last.shown.push((*line).to_owned()),
            (None, None) => panic!("line {number} is shown before anything was typed: {line}"),
        }
    }
    commands
}

#[test]
fn commands_have_their_output_and_marks_belong_to_the_block_below() {
    let text = "a\n\n```console\n$ one \\\n  more\nshown\n$ two\n```\n\n<!-- not run: no network -->\n```console\nthree\n```\n";
    let blocks = blocks(text);
    let typed: Vec<_> = blocks.iter().flat_map(|block| &block.commands).map(|typed| typed.text.as_str()).collect();
    assert_eq!(typed, ["one \\\n  more", "two", "three"]);
    assert_eq!((blocks[0].commands[0].shown.as_slice(), blocks[0].commands[0].line), (&["shown".to_owned()][..], 4));
    assert_eq!((blocks[0].not_run.as_deref(), blocks[1].not_run.as_deref()), (None, Some("no network")));
}
