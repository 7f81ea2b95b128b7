//! stderr: the one place where lines and live progress meet.
//!
//! On a terminal the live lines stand below everything else, and other lines are printed above them. If stderr is no
//! terminal there is no live line, no colour and no control character.

use std::{
    borrow::Cow,
    io::{self, IsTerminal, Write},
    sync::Arc,
};

use console::Term;
use indicatif::{MultiProgress, ProgressDrawTarget};

use super::words;
use crate::program::with_name;

/// stderr. Clones write to the same.
#[derive(Clone)]
pub(crate) struct Console(Arc<Terminal>);

struct Terminal {
    live: Option<(Term, MultiProgress)>,
    colour: bool,
    /// The name of the program.
    program: &'static str,
}

impl Console {
    /// Returns the stderr of this process; messages name the program `program`.
    pub(crate) fn of_process(program: &'static str) -> Self {
        let terminal = io::stderr().is_terminal() && !console::is_dumb();
        let live = terminal.then(|| {
            let term = Term::stderr();
            (term.clone(), MultiProgress::with_draw_target(ProgressDrawTarget::term(term, 10)))
        });
        Self(Arc::new(Terminal { live, colour: terminal && !no_color(), program }))
    }

    /// Returns true if colour may be used.
    pub(crate) fn colour(&self) -> bool {
        self.0.colour
    }

    /// The live lines, where there can be some.
    pub(crate) fn live(&self) -> Option<&MultiProgress> {
        self.0.live.as_ref().map(|(_, lines)| lines)
    }

    /// Rows and columns of the terminal; none where it is none.
    pub(crate) fn size(&self) -> Option<(usize, usize)> {
        let (term, _) = self.0.live.as_ref()?;
        let (rows, columns) = term.size();
        Some((usize::from(rows), usize::from(columns)))
    }

    /// Columns to fill; where there is no terminal, what is pleasant in a log.
    pub(crate) fn width(&self) -> usize {
        self.size().map_or(140, |(_, columns)| columns)
    }

    /// Says something: a line or several, without the end of the last one.
    pub(crate) fn say(&self, text: &str) {
        let text = self.with_name(text);
        let text = if self.0.colour { words::clean_but_colour(&text) } else { words::clean(&text) };
        // Nothing can be done about a stderr that does not take words.
        self.undisturbed(|| drop(writeln!(io::stderr().lock(), "{text}")));
    }

    /// Replaces the name of the program in commands such as `sealift run`.
    pub(crate) fn with_name<'t>(&self, text: &'t str) -> Cow<'t, str> {
        with_name(text, self.0.program)
    }

    /// Does something to the terminal while the live lines are away.
    pub(crate) fn undisturbed<R>(&self, work: impl FnOnce() -> R) -> R {
        match &self.0.live {
            Some((_, lines)) => lines.suspend(work),
            None => work(),
        }
    }
}

/// <https://no-color.org>: set to anything but nothing.
fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}
