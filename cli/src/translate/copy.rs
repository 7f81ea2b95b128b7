//! The arguments of `sealift copy`.

use sealift_core::{
    content::{ImageRef, ReferenceError, Repository},
    diagnostic::Diagnostic,
};
use toml::{Table, Value};

use super::{Translation, list, path};
use crate::{command::copy::Args, session::Refused};

impl TryFrom<&Args> for Translation {
    type Error = Refused;

    fn try_from(args: &Args) -> Result<Self, Refused> {
        let mut pipeline = Self::new("copy");
        if args.force || args.referrers.choice().is_some() {
            pipeline.table("[run]");
        }
        if args.force {
            pipeline.key("force", true.into(), "--force");
        }
        if let Some(choice) = args.referrers.choice() {
            pipeline.key("referrers", choice.into(), "");
        }
        if let Some(file) = &args.auth {
            pipeline.table("[credentials]");
            pipeline.key("file", path(file, "--auth")?, &format!("--auth {}", file.display()));
        }

        let mut rule = Table::new();
        rule.insert("from".into(), source(args)?.into());
        rule.insert("to".into(), list(&args.destinations));
        pipeline.table("[list]");
        pipeline.key("use", "registry".into(), "");
        let typed = format!("{} {}", args.source, args.destinations.join(" "));
        pipeline.key("images", Value::Array(vec![Value::Table(rule)]), &typed);

        if !args.platforms.is_empty() {
            pipeline.table("[[filter]]");
            pipeline.key("use", "platform".into(), "");
            let typed = format!("--platform {}", args.platforms.join(","));
            pipeline.key("keep", list(&args.platforms), &typed);
        }
        Ok(pipeline)
    }
}

/// The source as a rule says it. A rule without tag means all tags; on the command line it means `latest`.
fn source(args: &Args) -> Result<String, Refused> {
    let wrong = |error: ReferenceError| Diagnostic::error(error.to_string()).note(format!("from `{}`", args.source));
    if !args.all_tags {
        return ImageRef::parse_or_latest(&args.source)
            .map(|image| image.to_string())
            .map_err(|error| wrong(error).into());
    }
    match args.source.parse::<Repository>() {
        Ok(repository) => Ok(repository.to_string()),
        Err(error @ ReferenceError::Versioned(_)) => {
            Err(wrong(error).hint("`--all-tags` takes a repository: leave the tag or digest out").into())
        }
        Err(error) => Err(wrong(error).into()),
    }
}
