//! From the tables of a file to a pipeline: every stage and section is read, then every one of them is built.

use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

use serde::Deserialize;
use toml::{
    Spanned,
    de::{DeTable, Deserializer},
};

use super::{
    LoadOptions, Named, OpenPipeline, Parts, RunOptions,
    findings::{Findings, Scope},
    locate,
    read::read,
    several_lists::SeveralLists,
    stages::{Plugins, Selected},
    written::{SpannedTable, Written, missing_list},
};
use crate::{
    cache::Cache,
    counters::Counters,
    limit::Limiter,
    login::LoginProvider,
    observer::Observer,
    panic::panic_message,
    plugin::{BuildContext, ConfigError, KeyPath, Problem, Role, SectionPlugin, SectionReport, Sections, Stage},
    stage::{Fetch, Filter, List, Push},
};

/// The tables of the stages of a pipeline, read.
struct Stages<'t> {
    lists: Vec<Option<Selected<'t>>>,
    filters: Vec<Option<Selected<'t>>>,
    fetch: Option<Selected<'t>>,
    pushes: Vec<Option<Selected<'t>>>,
    observers: Vec<Option<Selected<'t>>>,
    logins: Vec<Option<Selected<'t>>>,
    /// Logins that no table names.
    automatic_logins: Vec<Option<Selected<'t>>>,
}

/// The stages that were built; none where something is wrong, and the findings have it then.
pub(super) struct Built {
    name: String,
    run: Option<RunOptions>,
    list: Option<Named<dyn List>>,
    filters: Option<Vec<Named<dyn Filter>>>,
    fetch: Option<Named<dyn Fetch>>,
    pushes: Option<Vec<Named<dyn Push>>>,
    observers: Option<Vec<Named<dyn Observer>>>,
    logins: Option<Vec<Named<dyn LoginProvider>>>,
    tallies: Counters,
    limiter: Limiter,
}

/// The treatment of stages that a file does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeftOut {
    /// They are what a pipeline has without them; a list is missed.
    Default,
    /// They are not there.
    Nothing,
}

/// Reads and builds all stages and sections of the top-level table of a file.
pub(super) fn assemble(
    root: DeTable<'_>,
    file: &str,
    settings: &LoadOptions,
    left_out: LeftOut,
    findings: &mut Findings,
) -> Built {
    let mut written = Written::sort(root, findings);
    if !written.has_list && left_out == LeftOut::Default {
        findings.add(0..0, missing_list());
    }
    let name = written.name.take().unwrap_or_else(|| name_of(file));
    let run = run_options(written.run.take(), findings);
    let tables = std::mem::take(&mut written.sections);
    let stages = Stages::read(written, left_out, findings);

    let sections = Sections::default();
    let context = || {
        BuildContext::new(Arc::clone(&settings.environment), &settings.base, settings.purpose)
            .with_extensions(settings.extensions.clone())
    };
    // Sections use the logins, so a login comes first and has no sections.
    let logins = build_all(stages.logins, Stage::login, &context(), findings);
    let automatic = build_all(stages.automatic_logins, Stage::login, &context().automatic(), findings);
    let requests = run.as_ref().and_then(|run| run.requests);
    let providers = |of: &Option<Vec<Named<dyn LoginProvider>>>| {
        of.iter().flatten().map(|login| Arc::clone(&login.stage)).collect()
    };
    let cx = context().with_sections(&sections).with_cache(settings.cache.clone());
    let cx = cx.with_limiter(Limiter::new(requests)).with_logins(providers(&logins));
    let cx = cx.with_automatic_logins(providers(&automatic));
    let logins = logins.filter(|_| automatic.is_some());
    build_sections(&tables, &sections, &cx, findings);
    let list = build_all(stages.lists, Stage::list, &cx, findings).and_then(SeveralLists::join);
    let filters = build_all(stages.filters, Stage::filter, &cx, findings);
    let fetch = build(stages.fetch, Stage::fetch, &cx, findings);
    let pushes = build_all(stages.pushes, Stage::push, &cx, findings);
    let observers = build_all(stages.observers, Stage::observer, &cx, findings);
    for report in sections.take_reports() {
        add_report(report, &tables, findings);
    }
    let (tallies, limiter) = (sections.tallies(), cx.limiter().clone());
    Built { name, run, list, filters, fetch, pushes, observers, logins, tallies, limiter }
}

impl Built {
    /// The stages of a run, if nothing is missing.
    pub(super) fn pipeline(self, notes: &Cache) -> Option<OpenPipeline> {
        let Self { name, run, list, filters, fetch, pushes, observers, logins, tallies, limiter } = self;
        let (list, filters, fetch, pushes) = (list?, filters?, fetch?, pushes?);
        logins?;
        let (cache, observers, counters) = (notes.clone(), observers?, tallies);
        Some(OpenPipeline { name, run: run?, list, filters, fetch, pushes, observers, counters, cache, limiter })
    }

    /// The stages that are there.
    pub(super) fn parts(self) -> Parts {
        let Self { list, filters, fetch, pushes, observers, logins, .. } = self;
        Parts {
            list,
            filters: filters.unwrap_or_default(),
            fetch,
            pushes: pushes.unwrap_or_default(),
            observers: observers.unwrap_or_default(),
            logins: logins.unwrap_or_default(),
            warnings: Vec::new(),
        }
    }
}

/// A pipeline that has no name is called like its file.
fn name_of(file: &str) -> String {
    Path::new(file).file_stem().map_or_else(|| file.to_owned(), |stem| stem.to_string_lossy().into_owned())
}

fn run_options(table: Option<SpannedTable<'_>>, findings: &mut Findings) -> Option<RunOptions> {
    let Some(table) = table else { return Some(RunOptions::default()) };
    let schema = schemars::schema_for!(RunOptions);
    let parse = |table: crate::plugin::Table<'_>| RunOptions::deserialize(Deserializer::from(table.0));
    let run = read(&table, &schema, &Scope::table("run"), findings, parse)?;
    if run.force && !run.overwrites() {
        let error = ConfigError::new("`force` and `overwrite = false` exclude each other").at("force");
        let hint = "`force` writes every tag again, and `overwrite = false` leaves those alone that stand for other images: \
            keep one of them";
        for problem in error.hint(hint).into_problems() {
            add(problem, span_of(&table, Some(KeyPath::new().key("force"))), &Scope::table("run"), findings);
        }
        return None;
    }
    Some(run)
}

impl<'t> Stages<'t> {
    fn read(written: Written<'t>, left_out: LeftOut, findings: &mut Findings) -> Self {
        let fill_in = left_out == LeftOut::Default;
        let mut plugins = Plugins::linked();
        let mut all = |role, tables: Vec<_>, findings: &mut Findings| -> Vec<_> {
            tables.into_iter().map(|table| plugins.select(role, table, findings)).collect()
        };
        let lists = all(Role::List, written.lists, findings);
        let filters = all(Role::Filter, written.filters, findings);
        let mut pushes = all(Role::Push, written.pushes, findings);
        let observers = all(Role::Observe, written.observers, findings);
        let logins = all(Role::Login, written.logins, findings);
        let fetch = match written.fetch {
            Some(table) => plugins.select(Role::Fetch, table, findings),
            None if fill_in && !written.has_fetch => plugins.left_out_fetch(&lists, findings),
            None => None,
        };
        if fill_in && !written.has_push {
            pushes.push(plugins.left_out_push(findings));
        }
        let automatic_logins = if fill_in { plugins.automatic_logins(&logins, findings) } else { Vec::new() };
        Self { lists, filters, fetch, pushes, observers, logins, automatic_logins }
    }
}

fn build_sections(
    tables: &[(&'static SectionPlugin, SpannedTable<'_>)],
    sections: &Sections,
    cx: &BuildContext<'_>,
    findings: &mut Findings,
) {
    for (section, table) in tables {
        let scope = Scope::section(section.table());
        match read(table, &section.schema(), &scope, findings, |table| section.read(table)) {
            Some(config) => sections.insert(section.table(), config),
            None => sections.fail(section.table()),
        }
    }
    for (section, table) in tables {
        // Errors of a section are in the reports.
        let built = caught(&Scope::section(section.table()), || {
            let _ = section.build(sections, cx);
            Ok(())
        });
        if let Err(error) = built {
            sections.fail(section.table());
            error.into_problems().into_iter().for_each(|problem| {
                let scope = Scope::section(section.table());
                add(problem, table.span(), &scope, findings);
            });
        }
    }
}

fn build<S: ?Sized>(
    stage: Option<Selected<'_>>,
    role: impl Fn(Stage) -> Option<Box<S>>,
    cx: &BuildContext<'_>,
    findings: &mut Findings,
) -> Option<Named<S>> {
    let Selected { kind, table, scope, build } = stage?;
    let build = build?;
    let result = caught(&scope, || build(cx));
    let warnings = cx.take_warnings();
    let (stage, problems) = match result {
        Ok(stage) => (role(stage), Vec::new()),
        Err(error) => (None, error.into_problems()),
    };
    for problem in problems.into_iter().chain(warnings) {
        let span = span_of(&table, path_of(&problem));
        add(problem, span, &scope, findings);
    }
    stage.map(|stage| Named::new(kind, Arc::from(stage)))
}

/// Calls a plugin that builds something. A panic becomes an error that names the plugin.
fn caught<T>(scope: &Scope, build: impl FnOnce() -> Result<T, ConfigError>) -> Result<T, ConfigError> {
    catch_unwind(AssertUnwindSafe(build)).unwrap_or_else(|panic| {
        let message = format!("the {} broke while it was built: {}", scope.named(), panic_message(&*panic));
        Err(ConfigError::new(message).hint("this is a mistake in the plugin"))
    })
}

/// All of them, or none if one is missing; every one is built in any case, so that all of their problems are told.
fn build_all<S: ?Sized>(
    stages: Vec<Option<Selected<'_>>>,
    role: impl Fn(Stage) -> Option<Box<S>>,
    cx: &BuildContext<'_>,
    findings: &mut Findings,
) -> Option<Vec<Named<S>>> {
    let built: Vec<_> = stages.into_iter().map(|stage| build(stage, &role, cx, findings)).collect();
    built.into_iter().collect()
}

fn add_report(report: SectionReport, tables: &[(&'static SectionPlugin, SpannedTable<'_>)], findings: &mut Findings) {
    let scope = Scope::section(report.table);
    let table = tables.iter().find(|(section, _)| section.table() == report.table).map(|(_, table)| table);
    for problem in report.problems {
        let path = path_of(&problem).map(|path| match table {
            // A path may start with the name of the table, as the user reads it.
            Some(table) if !table.get_ref().contains_key(report.table) => path.inside(report.table),
            _ => path,
        });
        let span = table.map_or(0..0, |table| span_of(table, path));
        add(problem, span, &scope, findings);
    }
}

fn add(problem: Problem, span: Range<usize>, scope: &Scope, findings: &mut Findings) {
    let Problem { diagnostic, .. } = problem;
    // A file that a section names may have been read as a piece of a pipeline.
    let is_noted = diagnostic.notes.contains(&scope.note);
    findings.add(span, if is_noted { diagnostic } else { diagnostic.note(&scope.note) });
}

fn path_of(problem: &Problem) -> Option<KeyPath> {
    KeyPath::parse(problem.key.as_deref()?)
}

/// Returns the span of the value at `path`; that of the whole table if there is none.
fn span_of(table: &Spanned<DeTable<'_>>, path: Option<KeyPath>) -> Range<usize> {
    path.and_then(|path| locate::at_path(table.get_ref(), &path)).map_or_else(|| table.span(), Spanned::span)
}
