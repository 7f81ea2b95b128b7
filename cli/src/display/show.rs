//! Shows a run: an observer of its events, and a thread that samples the counters.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use sealift_core::{
    async_trait,
    error::Result,
    event::Event,
    job::Outcome,
    observer::{Delivery, Observer},
    report::Report,
};

use super::{
    Console, Out, RUN_LOG,
    board::Board,
    causes::{CauseCounter, Say},
    json,
    keys::KeysUnseen,
    lines::{self, Weight},
    plan::Plan,
    summary,
    totals::Totals,
};
/// The interval at which live lines change.
const TICK: Duration = Duration::from_millis(100);

/// The interval of progress lines where there are no live lines.
const QUARTER_MINUTE: Duration = Duration::from_secs(15);

/// The interval of progress events.
const EVENTS: Duration = Duration::from_secs(5);

/// The kind of run that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShowMode {
    /// A run.
    Run,
    /// A run that writes nothing and shows what it would do.
    Plan,
}

/// Shows a run.
pub(crate) struct Show {
    shared: Arc<ShowState>,
    ticker: Mutex<Option<JoinHandle<()>>>,
}

/// The options of the display.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShowOptions {
    /// Writes events as JSON objects to stdout.
    pub(crate) json: bool,
    /// Shows warnings and, if something failed, the summary.
    pub(crate) quiet: bool,
    /// Shows everything (`-v`).
    pub(crate) all: bool,
    /// Writes lines and the summary to the log file; stderr gets the summary alone.
    pub(crate) to_log_file: bool,
    /// Writes everything to the log file, and keeps the terminal silent while all goes well.
    pub(crate) scraped: bool,
    /// Ends with the line that image-syncer ends with.
    pub(crate) is_image_syncer: bool,
}

struct ShowState {
    console: Console,
    out: Out,
    mode: ShowMode,
    voice: Voice,
    options: ShowOptions,
    /// The least weight of a line that is shown.
    least: Weight,
    state: Mutex<ShownRun>,
    over: Condvar,
}

/// The form in which events are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Voice {
    /// Lines, and live ones on a terminal.
    Lines,
    /// Live lines on a terminal; the others go to the log file.
    Live,
    /// JSON objects.
    Json,
    /// Warnings only, until the end.
    Quiet,
}

struct ShownRun {
    totals: Totals,
    board: Board,
    plan: Plan,
    causes: CauseCounter,
    counters: HashMap<u64, Arc<AtomicU64>>,
    over: bool,
}

impl Show {
    /// Starts to show a run.
    pub(crate) fn start(console: &Console, out: &Out, options: ShowOptions, mode: ShowMode) -> Arc<Self> {
        let voice = match options {
            ShowOptions { quiet: true, .. } => Voice::Quiet,
            ShowOptions { json: true, .. } => Voice::Json,
            ShowOptions { to_log_file: true, .. } => Voice::Live,
            _ => Voice::Lines,
        };
        let shared = Arc::new(ShowState {
            console: console.clone(),
            out: out.clone(),
            mode,
            voice,
            options,
            // A log file gets all lines, so that it is not empty after a run in which nothing was copied.
            least: if options.all || options.scraped { Weight::More } else { Weight::Fact },
            state: Mutex::new(ShownRun {
                totals: Totals::new(Instant::now()),
                board: Board::default(),
                plan: Plan::new(options.all),
                causes: CauseCounter::default(),
                counters: HashMap::new(),
                over: false,
            }),
            over: Condvar::new(),
        });
        let ticker = (voice != Voice::Quiet).then(|| {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new().spawn(move || shared.tick_until_over()).ok()
        });
        Arc::new(Self { shared, ticker: Mutex::new(ticker.flatten()) })
    }

    /// Removes the live lines and shows the result of the run.
    pub(crate) fn finish(&self, report: &Report) {
        if std::mem::replace(&mut self.shared.state().over, true) {
            return;
        }
        self.shared.over.notify_all();
        if let Some(ticker) = self.ticker.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = ticker.join();
        }
        let shared = &self.shared;
        let (options, all, colour) = (shared.options, shared.options.all, shared.console.colour());
        if options.to_log_file {
            shared.log_the_end(report);
        }
        if options.json {
            shared.out.json(&json::report(report));
            return;
        }
        match shared.mode {
            ShowMode::Run if (options.scraped || options.quiet) && report.exit_code() == 0 => {}
            ShowMode::Run => {
                shared.console.say(&summary::run(report, &shared.state().totals, all, colour));
                if options.is_image_syncer {
                    shared.console.say(&summary::image_syncer_line(report));
                }
            }
            ShowMode::Plan => {
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

#[async_trait]
impl Observer for Show {
    fn delivery(&self) -> Delivery {
        Delivery::Lossless { queue: 1024 }
    }

    async fn event(&self, event: &Event) -> Result<()> {
        self.shared.on(event);
        if let Event::RunFinished { report } = event {
            self.finish(report);
        }
        Ok(())
    }
}

impl ShowState {
    fn state(&self) -> MutexGuard<'_, ShownRun> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn on(&self, event: &Event) {
        let passed = self.state().take(event);
        if self.mode == ShowMode::Plan && !self.options.json {
            let text = self.state().plan.take(event);
            if !text.is_empty() {
                self.out.text(&text);
            }
        }
        if self.options.to_log_file {
            self.log(event);
        }
        match self.voice {
            Voice::Json => {
                if let Some(line) = json::line(event, passed.as_ref()) {
                    self.out.json(&line);
                }
            }
            Voice::Live => {}
            Voice::Lines => self.say(event),
            Voice::Quiet => {
                if let Event::Warning { message } = event {
                    self.console.say(&format!("warning: {message}"));
                }
            }
        }
    }

    /// Writes an event to the log.
    fn log(&self, event: &Event) {
        let is_start = matches!(event, Event::RunStarted { .. });
        match lines::line(event, false).filter(|(weight, _)| is_start || *weight >= self.least) {
            Some((Weight::Failure, line)) => tracing::error!(target: RUN_LOG, "{line}"),
            Some((Weight::Odd, line)) => tracing::warn!(target: RUN_LOG, "{line}"),
            Some((_, line)) => tracing::info!(target: RUN_LOG, "{line}"),
            None => {}
        }
    }

    /// Writes the result of a run to the log, and then the line that programs look for in the logs of image-syncer.
    fn log_the_end(&self, report: &Report) {
        let text = summary::run(report, &self.state().totals, true, false);
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            tracing::info!(target: RUN_LOG, "{line}");
        }
        if self.options.scraped {
            tracing::info!(target: RUN_LOG, "{}", summary::image_syncer_line(report));
        }
    }

    fn say(&self, event: &Event) {
        let Some((weight, line)) = lines::line(event, self.console.colour()) else { return };
        // A plan's own blocks say where it leads; only what is odd is worth a line beside them.
        let least = if self.mode == ShowMode::Plan { self.least.max(Weight::Odd) } else { self.least };
        let is_told = self.mode == ShowMode::Plan
            && matches!(event, Event::TargetFinished { outcome: Outcome::Skipped(_), .. } | Event::NotesChanged { .. });
        if weight < least || is_told {
            return;
        }
        let say = match self.state().causes.take(event) {
            _ if self.least == Weight::More => Say::Yes,
            Say::No => return,
            say => say,
        };
        let more = match say {
            Say::Last => "\n           more for the same cause are only counted (-v tells all)",
            _ => "",
        };
        self.console.report(&format!("{line}{more}"));
    }

    fn tick_until_over(&self) {
        match self.console.live() {
            _ if self.voice == Voice::Json => {
                while self.wait(EVENTS) {
                    let now = Instant::now();
                    let mut state = self.state();
                    state.totals.sample(now);
                    let progress = state.totals.progress();
                    drop(state);
                    self.out.json(&json::progress(&progress));
                }
            }
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
                    if self.options.scraped {
                        continue;
                    }
                    let now = Instant::now();
                    let mut state = self.state();
                    state.totals.sample(now);
                    let line = state.totals.line(now, usize::MAX);
                    drop(state);
                    self.console.report(&format!("progress   {line}"));
                }
            }
        }
    }

    /// Waits for the given time; returns false once the run is over.
    fn wait(&self, time: Duration) -> bool {
        let state = self.state();
        let (state, _) =
            self.over.wait_timeout_while(state, time, |state| !state.over).unwrap_or_else(PoisonError::into_inner);
        !state.over
    }
}

impl ShownRun {
    /// Takes an event, and returns the counter of a transfer that ended.
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
