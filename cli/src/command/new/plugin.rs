//! `sealift new plugin`: a crate with a plugin of one's own that builds, passes its tests and has its own binary.

mod crates;
mod name;
mod template;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use sealift_core::{diagnostic::Diagnostic, plugin::Role};

use crate::{context::Context, display::io_message, usage_error::UsageError};
use crates::Crates;
use name::PluginName;

/// Write a crate with a plugin of your own, its tests, and a binary that links it with the built-in ones
#[derive(Debug, clap::Args)]
#[command(after_help = "\
What is written builds and passes its tests as it is: `cargo test` in the new folder, then `cargo run -- plugins`.")]
pub(crate) struct Args {
    /// The role: list, filter, fetch, push, observe or login
    #[arg(value_name = "ROLE", value_parser = role)]
    role: Role,

    /// The name in pipelines (`use = "NAME"`); also the name of the crate and of its folder
    #[arg(value_name = "NAME")]
    name: String,

    /// A checkout of Sealift to depend on; not given, it is the published version of this program
    #[arg(long, value_name = "PATH")]
    sealift: Option<PathBuf>,
}

fn role(text: &str) -> Result<Role, String> {
    let found = Role::ALL.into_iter().find(|role| role.name() == text);
    found.ok_or_else(|| "a role is `list`, `filter`, `fetch`, `push`, `observe` or `login`".to_owned())
}

pub(super) fn execute(args: &Args, context: &Context) -> Result<u8, UsageError> {
    let name = PluginName::parse(args.role, &args.name)?;
    let folder = Path::new(name.as_str());
    if fs::symlink_metadata(folder).is_ok() {
        let hint = "choose another name, or remove it";
        return Err(Diagnostic::error(format!("`{name}` exists already")).hint(hint).into());
    }
    let crates = match &args.sealift {
        Some(path) => Crates::of_checkout(path)?,
        None => Crates::published(),
    };
    let files = template::files(args.role, &name, &crates);
    write(folder, &files)
        .map_err(|error| Diagnostic::error(format!("cannot write `{name}`: {}", io_message(&error))))?;
    context.out.text(&told(args.role, &name, &files));
    if args.sealift.is_none() && !context.global.quiet {
        context.console.say("it depends on the published version of this program; where there is none, `--sealift PATH` names a checkout");
    }
    Ok(0)
}

/// Writes the folder whole or not at all: it gets its name when everything is in it.
fn write(folder: &Path, files: &[(&str, String)]) -> io::Result<()> {
    let incoming = tempfile::Builder::new().prefix(".new-plugin-").tempdir_in(".")?;
    for (file, text) in files {
        let path = incoming.path().join(file);
        fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        fs::write(path, text)?;
    }
    open_to_others(incoming.path())?;
    fs::rename(incoming.path(), folder)?;
    let _ = incoming.keep(); // its name is another now, so there is nothing to remove
    Ok(())
}

/// Temporary folders are their owner's alone; a crate is like any folder.
#[cfg(unix)]
fn open_to_others(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let like_any = fs::metadata(folder.join("src"))?.permissions().mode();
    fs::set_permissions(folder, fs::Permissions::from_mode(like_any))
}

#[cfg(not(unix))]
fn open_to_others(_: &Path) -> io::Result<()> {
    Ok(())
}

fn told(role: Role, name: &PluginName, files: &[(&str, String)]) -> String {
    let mut text = format!("the {} `{name}`:\n", role.singular());
    for (file, _) in files {
        text += &format!("  {name}/{file}\n");
    }
    text + &format!("next: `cd {name}`, `cargo test`, `cargo run -- plugins`; README.md says the rest\n")
}
