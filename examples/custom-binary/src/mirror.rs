//! A subcommand: runs the pipelines of a directory, one after the other.

use std::path::PathBuf;

use sealift_cli::{Subcommand, SubcommandContext, clap};
use sealift_core::error::{Error, ErrorKind, Result};

/// Run all pipelines of a directory, in the order of their names
#[derive(Debug, clap::Args)]
pub(crate) struct Mirror {
    /// The directory with the pipelines
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

impl Subcommand for Mirror {
    const NAME: &'static str = "mirror";

    async fn run(self, context: &SubcommandContext<'_>) -> Result<u8> {
        let mut code = 0;
        for file in self.pipelines()? {
            context.message(&format!("running {}", file.display()));
            code = code.max(context.run_pipeline(&file).await);
        }
        Ok(code)
    }
}

impl Mirror {
    fn pipelines(&self) -> Result<Vec<PathBuf>> {
        let cannot = |error: std::io::Error| {
            let message = format!("cannot read `{}`: {error}", self.dir.display());
            Error::new(ErrorKind::Storage, message).with_hint("`sealift new` begins a pipeline")
        };
        let entries =
            std::fs::read_dir(&self.dir).map_err(cannot)?.collect::<std::io::Result<Vec<_>>>().map_err(cannot)?;
        let mut files: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
        files.sort();
        Ok(files)
    }
}
