//! `sealift new`: writes the beginning of something that the user goes on with.

mod plugin;

use crate::session::{Refused, Session};

/// Begin something of your own: a plugin
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Plugin(plugin::Args),
}

pub(super) fn execute(args: &Args, session: &Session) -> Result<u8, Refused> {
    match &args.what {
        What::Plugin(args) => plugin::execute(args, session),
    }
}
