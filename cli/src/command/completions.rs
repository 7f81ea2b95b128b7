//! `sealift completions`: what shells need to know of this command line.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{args::Cli, session::Session};

/// Print completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "\
For example: sealift completions bash > ~/.local/share/bash-completion/completions/sealift")]
pub(crate) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn execute(args: &Args, session: &Session) -> u8 {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "sealift", &mut script);
    session.out.text(&String::from_utf8_lossy(&script));
    0
}
