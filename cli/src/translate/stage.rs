//! The arguments of `sealift stage`.

use sealift_core::{content::Reference, diagnostic::Diagnostic};

use super::{Translation, list, path};
use crate::{command::stage::Args, session::Refused};

impl TryFrom<&Args> for Translation {
    type Error = Refused;

    fn try_from(args: &Args) -> Result<Self, Refused> {
        let mut pipeline = Self::new("stage");
        pipeline.run(args.pace, args.emptiness, &args.savings, args.referrers.choice());
        pipeline.credentials(args.auth())?;
        what(&mut pipeline, args)?;
        pipeline.platforms(&args.platforms);

        pipeline.table("[[push]]");
        pipeline.key("use", "oci-dir".into(), "");
        pipeline.key("path", path(&args.to, "--to")?, &format!("--to {}", args.to.display()));
        if let Some(style) = &args.ref_style {
            pipeline.key("ref_style", style.as_str().into(), &format!("--ref-style {style}"));
        }
        if let Some(base) = &args.base {
            pipeline.key("base", path(base, "--base")?, &format!("--base {}", base.display()));
        }
        Ok(pipeline)
    }
}

/// `[list]`: one of the three ways to say what is staged.
fn what(pipeline: &mut Translation, args: &Args) -> Result<(), Refused> {
    let ways = [!args.sources.is_empty(), args.rules().is_some(), !args.lists.is_empty()];
    match ways.iter().filter(|way| **way).count() {
        1 => {}
        0 => {
            return Err(Diagnostic::error("it is not said which images to stage")
                .hint("name them, or give `--images images.yaml` or `--file images.txt`")
                .into());
        }
        _ => {
            return Err(Diagnostic::error("images are named in several ways, and only one goes at a time")
                .hint("stage them one after the other: the same directory takes them all")
                .into());
        }
    }
    pipeline.table("[list]");
    if let Some(rules) = args.rules() {
        pipeline.key("use", "registry".into(), "");
        pipeline.key("rules", path(rules, "--images")?, &format!("--images {}", rules.display()));
    } else if !args.lists.is_empty() {
        pipeline.key("use", "text".into(), "");
        let files: Vec<_> = args.lists.iter().map(|file| path(file, "--file")).collect::<Result<_, _>>()?;
        let files: Vec<&str> = files.iter().filter_map(toml::Value::as_str).collect();
        pipeline.key("files", list(&files), &format!("--file {}", files.join(" --file ")));
    } else {
        pipeline.key("use", "registry".into(), "");
        for source in &args.sources {
            let image = Reference::parse_or_latest(source)
                .map_err(|error| Diagnostic::error(error.to_string()).note(format!("from `{source}`")))?;
            pipeline.table("[[list.images]]");
            pipeline.key("from", image.to_string().into(), source);
        }
    }
    Ok(())
}
