//! The arguments of `sealift copy`.

use sealift_core::{
    content::{Reference, ReferenceError, Repository},
    diagnostic::Diagnostic,
};
use toml::{Table, Value};

use super::{Translation, list, oci_dir::OciDir};
use crate::{command::copy::Args, session::Refused};

impl TryFrom<&Args> for Translation {
    type Error = Refused;

    fn try_from(args: &Args) -> Result<Self, Refused> {
        let mut pipeline = Self::new("copy");
        let choice = args.referrers.choice();
        if args.force || args.emptiness.allow_empty || choice.is_some() || args.savings.verify().is_some() {
            pipeline.table("[run]");
        }
        if args.force {
            pipeline.key("force", true.into(), "--force");
        }
        pipeline.emptiness(args.emptiness);
        if let Some(choice) = choice {
            pipeline.key("referrers", choice.into(), "");
        }
        pipeline.verify(&args.savings);
        pipeline.credentials(args.auth.as_deref())?;

        let destinations = Destinations::of(args)?;
        let mut rule = Table::new();
        pipeline.table("[list]");
        if let Some(dir) = OciDir::parse(&args.source)? {
            if args.all_tags {
                return Err(Diagnostic::error("`--all-tags` takes a repository, and the source is a directory")
                    .hint(format!("`sealift load {} --to HOST/PREFIX` copies all images of it", dir.path))
                    .into());
            }
            pipeline.key("use", "oci-dir".into(), "");
            pipeline.key("path", dir.path.into(), &args.source);
            if let Some(image) = dir.image {
                rule.insert("from".into(), image.into());
            }
        } else {
            pipeline.key("use", "registry".into(), "");
            rule.insert("from".into(), source(args)?.into());
        }
        if !destinations.registries.is_empty() {
            rule.insert("to".into(), list(&destinations.registries));
        }
        let typed = format!("{} {}", args.source, args.destinations.join(" "));
        pipeline.key("images", Value::Array(vec![Value::Table(rule)]), &typed);

        if !args.platforms.is_empty() {
            pipeline.table("[[filter]]");
            pipeline.key("use", "platform".into(), "");
            let typed = format!("--platform {}", args.platforms.join(","));
            pipeline.key("keep", list(&args.platforms), &typed);
        }
        destinations.write(&mut pipeline);
        Ok(pipeline)
    }
}

/// Where the image goes.
struct Destinations<'a> {
    registries: Vec<&'a str>,
    /// Directories, with the text that each was.
    dirs: Vec<(OciDir<'a>, &'a str)>,
}

impl<'a> Destinations<'a> {
    fn of(args: &'a Args) -> Result<Self, Refused> {
        let mut all = Self { registries: Vec::new(), dirs: Vec::new() };
        for text in &args.destinations {
            match OciDir::parse(text)? {
                Some(dir) => all.dirs.push((dir, text)),
                None => all.registries.push(text),
            }
        }
        Ok(all)
    }

    /// `[[push]]`, which is left out where only registries are meant.
    fn write(&self, pipeline: &mut Translation) {
        if self.dirs.is_empty() {
            return;
        }
        if !self.registries.is_empty() {
            pipeline.table("[[push]]");
            pipeline.key("use", "registry".into(), "");
        }
        for (dir, typed) in &self.dirs {
            pipeline.table("[[push]]");
            pipeline.key("use", "oci-dir".into(), "");
            pipeline.key("path", dir.path.into(), typed);
            if let Some(image) = dir.image {
                pipeline.key("name", image.into(), typed);
            }
        }
    }
}

/// The source as a rule says it. A rule without tag means all tags; on the command line it means `latest`.
fn source(args: &Args) -> Result<String, Refused> {
    let wrong = |error: ReferenceError| Diagnostic::error(error.to_string()).note(format!("from `{}`", args.source));
    if !args.all_tags {
        return Reference::parse_or_latest(&args.source)
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
