//! stdout: data.

use std::{
    io::{self, ErrorKind, IsTerminal, Write},
    sync::{Arc, Mutex, PoisonError},
};

use sealift_core::text::printable;
use serde::Serialize;

use super::{Console, words};
use crate::program::with_name;

/// stdout. Clones write to the same. A reader that goes away (`sealift plan x.toml | head`) is no error; a full disk is one, told at the end.
#[derive(Clone)]
pub(crate) struct Out {
    console: Console,
    failure: Arc<Mutex<Option<io::Error>>>,
    terminal: bool,
}

impl Out {
    /// The stdout of this process, which may be the same terminal as `console`.
    pub(crate) fn new(console: Console) -> Self {
        Self { console, failure: Arc::default(), terminal: io::stdout().is_terminal() }
    }

    /// Writes a text for people that ends its own lines.
    pub(crate) fn text(&self, text: &str) {
        let text = self.console.program().worded(text);
        self.whole(&words::clean(&text));
    }

    /// Writes a document for programs, such as a pipeline or a receipt, as it is.
    pub(crate) fn document(&self, text: &str) {
        let text = with_name(text, self.console.program().name);
        self.whole(&if self.terminal { printable(&text) } else { text.as_ref().into() });
    }

    fn whole(&self, text: &str) {
        if self.terminal {
            self.console.undisturbed(|| self.write(text.as_bytes()));
        } else {
            self.write(text.as_bytes());
        }
    }

    /// Columns of the terminal that it is; none where it is none.
    pub(crate) fn columns(&self) -> Option<usize> {
        self.terminal.then(|| usize::from(console::Term::stdout().size().1))
    }

    /// Writes one JSON object as a line.
    pub(crate) fn json(&self, value: &impl Serialize) {
        let line =
            words::clean_json(serde_json::to_string(value).expect("what is shown can be written as JSON")) + "\n";
        self.whole(&self.console.program().worded_json(&line));
    }

    fn write(&self, bytes: &[u8]) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if failure.is_some() {
            return;
        }
        let mut stdout = io::stdout().lock();
        *failure = stdout.write_all(bytes).and_then(|()| stdout.flush()).err();
    }

    /// Returns the error of a failed write, unless the reader closed the pipe.
    pub(crate) fn failure(&self) -> Option<String> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.as_ref().filter(|error| error.kind() != ErrorKind::BrokenPipe).map(ToString::to_string)
    }
}
