//! `sealift man`: manual pages.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::Command;
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};
use sealift_core::diagnostic::Diagnostic;

use crate::{context::Context, display::io_message, usage_error::UsageError};

/// Print the manual page of the program, or write those of all verbs into a directory
#[derive(Debug, clap::Args)]
#[command(after_help = "For example: sealift man | man -l -")]
pub(crate) struct Args {
    /// Write a page for the program and for each verb into this directory, made if it is missing
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// The variables that the program reads.
const ENVIRONMENT: [(&str, &str); 5] = [
    ("DOCKER_CONFIG, REGISTRY_AUTH_FILE", "Where the logins of `docker login` and `podman login` are."),
    ("HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY", "The proxy, and the hosts that are reached without it."),
    ("NO_COLOR", "If it is set, nothing is coloured."),
    ("XDG_CACHE_HOME", "The directory of the cache is `sealift` in it. Default: ~/.cache."),
    ("Others", "Those that a pipeline names: `{ env = \"NAME\" }`, and `${NAME}` in image-syncer\'s files."),
];

/// The files that the program reads without being told to.
const FILES: [(&str, &str); 4] = [
    ("~/.docker/config.json, containers/auth.json", "Logins and credential helpers, if no other login is configured."),
    ("/etc/containers/registries.conf", "Mirrors and names of registries, where `[containers]` asks for them."),
    ("/etc/containers/certs.d, /etc/docker/certs.d", "Certificates of registries."),
    ("~/.cache/sealift", "What earlier runs found; it may be removed at any time."),
];

pub(super) fn execute(args: &Args, context: &Context) -> Result<u8, UsageError> {
    let mut command = context.command.clone();
    command.build();
    match &args.dir {
        Some(dir) => fs::create_dir_all(dir)
            .and_then(|()| write_all(&command, dir))
            .map_err(|error| cannot_write(dir, &error))?,
        None => {
            let page = page(&command).expect("memory takes everything");
            context.out.document(&String::from_utf8_lossy(&page));
        }
    }
    Ok(0)
}

/// Writes the page of a command and those of the commands below it.
fn write_all(command: &Command, dir: &Path) -> io::Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        write_all(below, dir)?;
    }
    fs::write(dir.join(Man::new(command.clone()).get_filename()), page(command)?)
}

fn page(command: &Command) -> io::Result<Vec<u8>> {
    let man = Man::new(command.clone());
    let page = &mut Vec::new();
    man.render_title(page)?;
    man.render_name_section(page)?;
    section("SYNOPSIS", |roff| {
        let usage = command.clone().render_usage().to_string();
        for line in usage.trim_start_matches("Usage:").lines() {
            roff.text([roman(line.trim())]).control("br", []);
        }
    })
    .to_writer(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(page)?;
    }
    if let Some(notes) = command.get_after_help().map(ToString::to_string) {
        notes_of(&notes).to_writer(page)?;
    }
    let is_program = command.get_version().is_some();
    for (title, rows) in [("ENVIRONMENT", &ENVIRONMENT[..]), ("FILES", &FILES)].into_iter().filter(|_| is_program) {
        section(title, |roff| {
            for (name, meaning) in rows {
                roff.control("TP", []).text([bold(*name)]).text([roman(*meaning)]);
            }
        })
        .to_writer(page)?;
    }
    Ok(std::mem::take(page))
}

fn section(title: &str, content: impl FnOnce(&mut Roff)) -> Roff {
    let mut roff = Roff::new();
    content(roff.control("SH", [title]));
    roff
}

/// Returns what stands below the help of a command, as the section that it is.
fn notes_of(notes: &str) -> Roff {
    let (title, text) = [("For example:", "EXAMPLES"), ("Exit codes:", "EXIT STATUS")]
        .into_iter()
        .find_map(|(start, title)| Some((title, notes.strip_prefix(start)?)))
        .unwrap_or(("NOTES", notes));
    section(title, |roff| {
        for line in text.trim().lines() {
            roff.text([roman(line)]).control("br", []);
        }
    })
}

fn cannot_write(dir: &Path, error: &io::Error) -> UsageError {
    Diagnostic::error(format!("cannot write to `{}`: {}", dir.display(), io_message(error))).into()
}
