//! The arguments of `sealift receipt` that name repositories.

use toml::{Table, Value};

use super::Translation;
use crate::{command::receipt::Args, session::Refused};

impl TryFrom<&Args> for Translation {
    type Error = Refused;

    fn try_from(args: &Args) -> Result<Self, Refused> {
        let mut pipeline = Self::new("receipt");
        if args.emptiness.allow_empty {
            pipeline.table("[run]");
            pipeline.emptiness(args.emptiness);
        }
        pipeline.credentials(args.auth.as_deref().filter(|file| !file.as_os_str().is_empty()))?;
        pipeline.table("[list]");
        pipeline.key("use", "registry".into(), "");
        let rule = |from: &String| Value::Table(Table::from_iter([("from".to_owned(), from.as_str().into())]));
        let typed: Vec<&str> = args.repositories().map(String::as_str).collect();
        pipeline.key("images", Value::Array(args.repositories().map(rule).collect()), &typed.join(" "));
        Ok(pipeline)
    }
}
