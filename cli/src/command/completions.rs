//! `sealift completions`: prints completion scripts for shells.

use std::collections::BTreeSet;

use clap::{Command, builder::PossibleValuesParser};
use clap_complete::Shell;

use crate::{context::Context, reference::topics};

/// Print completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "\
For example: sealift completions bash > ~/.local/share/bash-completion/completions/sealift")]
pub(crate) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn execute(args: &Args, context: &Context) -> u8 {
    let mut script = Vec::new();
    // Help and messages tell the names of tables in their own way; only completions need them as values.
    let tables = PossibleValuesParser::new(names_of_tables());
    let explain = |command: Command| command.mut_arg("name", |name| name.value_parser(tables));
    let mut command = context.command.clone().mut_subcommand("explain", explain);
    clap_complete::generate(args.shell, &mut command, context.program.name, &mut script);
    context.out.document(&String::from_utf8_lossy(&script));
    0
}

/// Returns the words of which the names of tables consist: roles, kinds, sections. They live as long as the program, which
/// ends with the script.
fn names_of_tables() -> BTreeSet<&'static str> {
    topics().into_iter().flat_map(|topic| topic.name.leak().split(' ')).collect()
}
