//! A run as it is shown: an observer of its events, and a thread that samples the counters.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use sealift_core::{
    event::{Event, Observer},
    report::Report,
};

use super::{
    Console, Out,
    board::Board,
    causes::{Said, Say},
    json,
    keys::KeysUnseen,
    lines::{self, Weight},
    plan::Plan,
    summary,
    totals::Totals,
};
use crate::{args::Called, logging, session::Session};

/// How often live lines change.
const TICK: Duration = Duration::from_millis(100);

/// How often a log without live lines hears how far it is.
const QUARTER_MINUTE: Duration = Duration::from_secs(15);

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A run.
    Run,
    /// What a run would do.
    Plan,
}

/// Shows a run.
pub(crate) struct Show {
    shared: Arc<Shared>,
    ticker: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    console: Console,
    out: Out,
    mode: Mode,
    voice: Voice,
    /// `--json`: stdout is for programs, whoever else is spoken to.
    for_programs: bool,
    /// The least weight that is said.
    least: Weight,
    /// Everything goes to the log as well, and the terminal is silent while all goes well.
    scraped: bool,
    state: Mutex<State>,
    over: Condvar,
}

/// Who is spoken to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Voice {
    /// People: lines, and live ones on a terminal.
    Lines,
    /// People with a log file: lines go there, live ones to the terminal.
    LogFile,
    /// A program.
    Json,
    /// Nobody before the end.
    Quiet,
}

struct State {
    totals: Totals,
    board: Board,
    plan: Plan,
    said: Said,
    counters: HashMap<u64, Arc<AtomicU64>>,
    over: bool,
}

impl Show {
    /// Begins to show a run.
    pub(crate) fn start(session: &Session, mode: Mode) -> Arc<Self> {
        let voice = match &session.global {
            global if global.quiet => Voice::Quiet,
            global if global.json => Voice::Json,
            global if global.log_file().is_some() => Voice::LogFile,
            _ => Voice::Lines,
        };
        let shared = Arc::new(Shared {
            console: session.console.clone(),
            out: session.out.clone(),
            mode,
            voice,
            for_programs: session.global.json,
            // A log that is empty after a good night says nothing of it.
            least: if session.global.verbose > 0 || session.is_scraped() { Weight::More } else { Weight::Fact },
            scraped: session.is_scraped(),
            state: Mutex::new(State {
                totals: Totals::new(Instant::now()),
                board: Board::default(),
                plan: Plan::new(session.global.verbose > 0),
                said: Said::default(),
                counters: HashMap::new(),
                over: false,
            }),
            over: Condvar::new(),
        });
        let ticker = matches!(voice, Voice::Lines | Voice::LogFile).then(|| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.tick_until_over())
        });
        Arc::new(Self { shared, ticker: Mutex::new(ticker) })
    }

    /// The run is over: takes the live lines away and tells what came of it.
    pub(crate) fn finish(&self, session: &Session, report: &Report) {
        self.shared.state().over = true;
        self.shared.over.notify_all();
        if let Some(ticker) = self.ticker.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = ticker.join();
        }
        let shared = &self.shared;
        let (all, colour) = (session.global.verbose > 0, shared.console.colour());
        if shared.scraped {
            shared.log_the_end(report);
        }
        if session.global.json {
            shared.out.json(&json::report(report));
            return;
        }
        match shared.mode {
            Mode::Run if shared.scraped && report.exit_code() == 0 => {}
            Mode::Run => {
                shared.console.say(&summary::run(report, &shared.state().totals, all, colour));
                if session.called == Called::ImageSyncer && !session.global.quiet {
                    shared.console.say(&last_line(report));
                }
            }
            Mode::Plan => {
                let text = {
                    let plan = &mut shared.state().plan;
                    plan.rest() + &plan.sum(report)
                };
                shared.out.text(&text);
                let failures = summary::failures(report, all, colour);
                if !failures.is_empty() {
                    shared.console.say(failures.trim_start());
                }
            }
        }
    }
}

fn last_line(report: &Report) -> String {
    logging::last_line(report.failed, report.elapsed, report.interrupted)
}

impl Observer for Show {
    fn on(&self, event: &Event) {
        self.shared.on(event);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn on(&self, event: &Event) {
        let passed = self.state().take(event);
        if self.mode == Mode::Plan && !self.for_programs {
            let text = self.state().plan.take(event);
            if !text.is_empty() {
                self.out.text(&text);
            }
        }
        if self.scraped {
            self.log(event);
        }
        match self.voice {
            Voice::Json => {
                if let Some(line) = json::line(event, passed.as_ref()) {
                    self.out.json(&line);
                }
            }
            Voice::LogFile if self.scraped => {}
            Voice::Lines | Voice::LogFile => self.say(event),
            Voice::Quiet => {
                if let Event::Warning { message } = event {
                    self.console.say(&format!("warning: {message}"));
                }
            }
        }
    }

    /// Writes an event to the log.
    fn log(&self, event: &Event) {
        match lines::line(event, false) {
            Some((Weight::Failure, line)) => tracing::error!(target: logging::RUN, "{line}"),
            Some((Weight::Odd, line)) => tracing::warn!(target: logging::RUN, "{line}"),
            Some((_, line)) => tracing::info!(target: logging::RUN, "{line}"),
            None => {}
        }
    }

    /// Writes what came of a run to the log, and then the line that programs look for.
    fn log_the_end(&self, report: &Report) {
        let text = summary::run(report, &self.state().totals, true, false);
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            tracing::info!(target: logging::RUN, "{line}");
        }
        tracing::info!(target: logging::RUN, "{}", last_line(report));
    }

    fn say(&self, event: &Event) {
        let colour = self.voice == Voice::Lines && self.console.colour();
        let Some((weight, line)) = lines::line(event, colour) else { return };
        // A plan's own blocks say where it leads; only what is odd is worth a line beside them.
        let least = if self.mode == Mode::Plan { self.least.max(Weight::Odd) } else { self.least };
        if weight < least {
            return;
        }
        let say = match self.state().said.take(event) {
            _ if self.least == Weight::More || self.voice == Voice::LogFile => Say::Yes, // all of it was asked for
            Say::No => return,
            say => say,
        };
        match (self.voice, weight) {
            (Voice::LogFile, Weight::Failure) => tracing::error!(target: logging::RUN, "{line}"),
            (Voice::LogFile, Weight::Odd) => tracing::warn!(target: logging::RUN, "{line}"),
            (Voice::LogFile, _) => tracing::info!(target: logging::RUN, "{line}"),
            _ if say == Say::Last => {
                self.console
                    .say(&format!("{line}\n           more for the same cause are only counted (-v tells all)"));
            }
            _ => self.console.say(&line),
        }
    }

    fn tick_until_over(&self) {
        match self.console.live() {
            Some(live) => {
                let _quiet = KeysUnseen::on_stderr();
                let style = ProgressStyle::with_template("{msg}").expect("the template is right");
                let lines = live.add(ProgressBar::new_spinner().with_style(style));
                while self.wait(TICK) {
                    let Some(size) = self.console.size() else { continue };
                    // In one message, because lines that change one by one show the same transfer twice meanwhile.
                    let text = self.state().lines(size).join("\n");
                    lines.set_message(text);
                }
                lines.finish_and_clear();
                live.remove(&lines);
            }
            None => {
                while self.wait(QUARTER_MINUTE) {
                    if self.scraped {
                        continue;
                    }
                    let now = Instant::now();
                    let mut state = self.state();
                    state.totals.sample(now);
                    let line = state.totals.line(now);
                    drop(state);
                    self.console.say(&format!("progress   {line}"));
                }
            }
        }
    }

    /// Waits for a while; false once the run is over.
    fn wait(&self, time: Duration) -> bool {
        let state = self.state();
        let (state, _) =
            self.over.wait_timeout_while(state, time, |state| !state.over).unwrap_or_else(PoisonError::into_inner);
        !state.over
    }
}

impl State {
    /// Takes a fact; the counter of a transfer that is over is handed back.
    fn take(&mut self, event: &Event) -> Option<Arc<AtomicU64>> {
        self.totals.take(event);
        self.board.take(event, Instant::now());
        match event {
            Event::TransferStarted { transfer, passed, .. } => {
                self.counters.insert(*transfer, Arc::clone(passed));
            }
            Event::TransferFinished { transfer, .. } => return self.counters.remove(transfer),
            _ => {}
        }
        None
    }

    fn lines(&mut self, size: (usize, usize)) -> Vec<String> {
        let now = Instant::now();
        self.totals.sample(now);
        self.board.lines(&self.totals, now, size)
    }
}
