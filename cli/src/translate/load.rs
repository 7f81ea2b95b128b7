//! The arguments of `sealift load`.

use super::{Translation, list, path};
use crate::{args::said, command::load::Args, session::Refused};

impl TryFrom<&Args> for Translation {
    type Error = Refused;

    fn try_from(args: &Args) -> Result<Self, Refused> {
        let mut pipeline = Self::new("load");
        pipeline.run(args.pace, args.emptiness, &args.savings, args.referrers.choice());
        pipeline.credentials(args.auth.as_deref())?;

        pipeline.table("[list]");
        pipeline.key("use", "oci-dir".into(), "");
        pipeline.key("path", path(&args.dir, "DIR")?, &args.dir.display().to_string());
        let include = said(&args.include);
        if !include.is_empty() {
            pipeline.key("include", list(&include), &format!("--include {}", include.join(",")));
        }
        if let Some(to) = &args.to {
            pipeline.key("to", to.as_str().into(), &format!("--to {to}"));
        }
        pipeline.platforms(&args.platforms);

        pipeline.table("[[push]]");
        pipeline.key("use", if args.harbor { "harbor" } else { "registry" }.into(), "");
        if args.create_projects {
            pipeline.key("create_projects", true.into(), "--create-projects");
        }
        Ok(pipeline)
    }
}
