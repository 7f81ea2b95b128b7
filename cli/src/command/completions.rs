//! `sealift completions`: prints completion scripts for shells.

use clap_complete::Shell;

use crate::context::Context;

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
    clap_complete::generate(args.shell, &mut context.command.clone(), context.program.name, &mut script);
    context.out.document(&String::from_utf8_lossy(&script));
    0
}
