//! The flags of `sealift sync`.

use super::{MOST_TRANSFERS, Translation, list, path};
use crate::{command::sync::Args, session::Refused};

impl TryFrom<&Args> for Translation {
    type Error = Refused;

    fn try_from(args: &Args) -> Result<Self, Refused> {
        let mut pipeline = Self::new("sync");
        let written = |flag: &str, file: &std::path::Path| format!("{flag} {}", file.display());

        pipeline.table("[run]");
        if let Some(count) = args.transfers {
            pipeline.key("transfers", i64::from(count.get().min(MOST_TRANSFERS)).into(), &format!("--proc {count}"));
        }
        pipeline.key("retries", i64::from(args.retries).into(), &format!("--retries {}", args.retries));
        if args.force {
            pipeline.key("force", true.into(), "--force");
        }
        pipeline.key("referrers", args.referrers.choice().unwrap_or(false).into(), "");
        // image-syncer writes an index anew and compares content, so what it left there counts.
        pipeline.key("compare", "entries".into(), "");
        pipeline.verify(&args.savings);

        let (credentials, rules) = match args.files()? {
            (Some(config), _, _) => (Some(("--config", config)), ("--config", config)),
            (None, auth, Some(images)) => (auth.map(|auth| ("--auth", auth)), ("--images", images)),
            (None, _, None) => unreachable!("`files` asks for one of them"),
        };
        if let Some((flag, file)) = credentials {
            pipeline.table("[credentials]");
            pipeline.key("file", path(file, flag)?, &written(flag, file));
        }

        pipeline.table("[list]");
        pipeline.key("use", "registry".into(), "");
        pipeline.key("rules", path(rules.1, rules.0)?, &written(rules.0, rules.1));

        let (os, arch) = (args.os(), args.arch());
        if !os.is_empty() || !arch.is_empty() {
            pipeline.table("[[filter]]");
            pipeline.key("use", "platform".into(), "");
        }
        for (key, flag, values) in [("os", "--os", os), ("arch", "--arch", arch)] {
            if !values.is_empty() {
                pipeline.key(key, list(&values), &format!("{flag} {}", values.join(",")));
            }
        }
        Ok(pipeline)
    }
}
