//! The verbs, one a file.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod convert;
pub(crate) mod copy;
pub(crate) mod demo;
pub(crate) mod docs;
pub(crate) mod explain;
mod file;
pub(crate) mod load;
pub(crate) mod ls;
pub(crate) mod man;
pub(crate) mod new;
mod perform;
pub(crate) mod plan;
pub(crate) mod plugins;
pub(crate) mod receipt;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod serve;
pub(crate) mod stage;
pub(crate) mod sync;
pub(crate) mod verify;

use std::process::ExitCode;

use sealift_core::diagnostic::Diagnostic;

use crate::{
    args::{Called, Cli, Verb},
    session::{Refused, Session},
};

/// Does what was typed.
pub(crate) fn execute(cli: Cli, called: Called) -> ExitCode {
    let mut session = Session::new(cli.global).called(called, &cli.verb);
    let code = session.start_logging().and_then(|()| dispatch(&cli.verb, &session));
    let code = code.unwrap_or_else(|refused| {
        session.show(&refused.0);
        2
    });
    let code = if session.lost_log_lines() { code.max(1) } else { code };
    match session.out.failure() {
        Some(reason) => {
            session.console.say(&format!("error: cannot write to stdout: {reason}"));
            ExitCode::from(code.max(1))
        }
        None => ExitCode::from(code),
    }
}

fn dispatch(verb: &Verb, session: &Session) -> Result<u8, Refused> {
    match verb {
        Verb::Run(args) => block_on(run::execute(args, session)),
        Verb::Plan(args) => block_on(plan::execute(args, session)),
        Verb::Check(args) => Ok(check::execute(args, session)),
        Verb::Sync(args) => block_on(sync::execute(args, session)),
        Verb::Copy(args) => block_on(copy::execute(args, session)),
        Verb::Stage(args) => block_on(stage::execute(args, session)),
        Verb::Load(args) => block_on(load::execute(args, session)),
        Verb::Verify(args) => block_on(verify::execute(args, session)),
        Verb::Ls(args) => block_on(ls::execute(args, session)),
        Verb::Receipt(args) => block_on(receipt::execute(args, session)),
        Verb::Plugins(args) => Ok(plugins::execute(args, session)),
        Verb::Explain(args) => explain::execute(args, session),
        Verb::Schema(args) => Ok(schema::execute(args, session)),
        Verb::New(args) => new::execute(args, session),
        Verb::Convert(args) => convert::execute(args, session),
        Verb::Completions(args) => Ok(completions::execute(args, session)),
        Verb::Man(args) => man::execute(args, session),
        Verb::Docs(args) => docs::execute(args),
        Verb::Serve(args) => block_on(serve::execute(args, session)),
        Verb::Demo(args) => block_on(demo::execute(args, session)),
    }
}

fn block_on(work: impl Future<Output = Result<u8, Refused>>) -> Result<u8, Refused> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Diagnostic::error(format!("cannot start: {error}")))?;
    let code = runtime.block_on(work);
    // What still blocks a thread now (a credential helper that hangs) holds up nobody.
    runtime.shutdown_background();
    code
}
