//! stderr: the one place where lines and live progress meet.
//!
//! On a terminal the live lines stand below everything else, and other lines are printed above them. If stderr is no
//! terminal there is no live line, no colour and no control character.

use std::{
    io::{self, IsTerminal, Write},
    sync::Arc,
};

use console::Term;
use indicatif::{MultiProgress, ProgressDrawTarget};

use super::words;
use crate::program::Program;

/// stderr. Clones write to the same.
#[derive(Clone)]
pub(crate) struct Console(Arc<Terminal>);

struct Terminal {
    live: Option<(Term, MultiProgress)>,
    colour: bool,
    /// True if stderr is no terminal, so that its lines are read later.
    is_kept: bool,
    program: Program,
}

impl Console {
    /// Returns the stderr of this process; messages are in the words of the program.
    pub(crate) fn of_process(program: Program) -> Self {
        let is_kept = !io::stderr().is_terminal();
        let terminal = !is_kept && !console::is_dumb();
        let live = terminal.then(|| {
            let term = Term::stderr();
            (term.clone(), MultiProgress::with_draw_target(ProgressDrawTarget::term(term, 10)))
        });
        Self(Arc::new(Terminal { live, colour: terminal && !no_color(), is_kept, program }))
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

    /// Says what happens at this moment: as [`Console::say`], with the time in front where it is read later.
    pub(crate) fn report(&self, text: &str) {
        match self.0.is_kept {
            true => {
                let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
                self.say(&text.lines().map(|line| format!("{time} {line}")).collect::<Vec<_>>().join("\n"));
            }
            false => self.say(text),
        }
    }

    /// Says something: a line or several, without the end of the last one.
    pub(crate) fn say(&self, text: &str) {
        let text = self.0.program.worded(text);
        let text = if self.0.colour { words::clean_but_colour(&text) } else { words::clean(&text) };
        // Nothing can be done about a stderr that does not take words.
        self.undisturbed(|| drop(writeln!(io::stderr().lock(), "{text}")));
    }

    /// Returns the program whose words are used.
    pub(crate) fn program(&self) -> Program {
        self.0.program
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
