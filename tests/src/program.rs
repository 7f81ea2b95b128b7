//! Running the program as a user does: in a folder, with files and variables.

use std::{
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use tempfile::TempDir;

/// A folder to run the program in. Nothing of the user who runs the tests shines through: no home, no credentials.
pub struct Folder {
    dir: TempDir,
    program: PathBuf,
    variables: Vec<(String, String)>,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ran {
    /// The exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// What it printed as data.
    pub stdout: String,
    /// What it said.
    pub stderr: String,
}

impl Folder {
    /// An empty folder. `program` is `env!("CARGO_BIN_EXE_sealift-under-test")`.
    ///
    /// # Panics
    /// If there is no room for temporary files.
    pub fn new(program: &str) -> Self {
        let dir = tempfile::tempdir().expect("there is room for temporary files");
        Self { dir, program: program.into(), variables: Vec::new() }
    }

    /// Sets a variable for the runs in this folder.
    #[must_use]
    pub fn var(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes a file.
    ///
    /// # Panics
    /// If that is not possible.
    pub fn write(&self, name: &str, text: &str) -> &Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("the folder can be made");
        std::fs::write(path, text).expect("the file can be written");
        self
    }

    /// Reads a file.
    ///
    /// # Panics
    /// If it is not there.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Where a file of this folder is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The folder itself.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The variables of the runs in this folder.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The program with these arguments, ready to start.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(self.dir.path()).env_clear().env("HOME", self.dir.path());
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.envs(self.variables());
        command.stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().expect("the program can be started").into()
    }

    /// Starts the program and leaves it running, with its output kept for [`Ran::of`].
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program can be started")
    }
}

impl Ran {
    /// Waits for a program that was started.
    ///
    /// # Panics
    /// If it cannot be waited for.
    pub fn of(child: Child) -> Self {
        child.wait_with_output().expect("the program ends").into()
    }

    /// Everything it printed, for messages of assertions and for looking for what must not be there.
    pub fn all(&self) -> String {
        format!("exit {:?}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.stdout, self.stderr)
    }

    /// Expects an exit code.
    ///
    /// # Panics
    /// If it is another one; everything that was printed is in the message.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.all());
        self
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// Sends a signal (`INT`, `TERM`) to a program.
///
/// # Panics
/// If there is no such program.
pub fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &child.id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()), "{name} could not be sent");
}

/// Waits until a program that was started says this, and returns what it said on stderr so far; the rest is for
/// [`Ran::of`].
///
/// # Panics
/// If it ends without a word of it.
pub fn until_said(child: &mut Child, words: &str) -> String {
    let stderr = child.stderr.as_mut().expect("it is piped");
    let (mut said, mut byte) = (Vec::new(), [0]);
    // One at a time, so that nothing is taken from whoever reads the rest.
    while !said.ends_with(words.as_bytes()) {
        let read = stderr.read(&mut byte).expect("it can be read");
        assert!(read > 0, "it never said {words:?}: {}", String::from_utf8_lossy(&said));
        said.push(byte[0]);
    }
    String::from_utf8_lossy(&said).into_owned()
}
