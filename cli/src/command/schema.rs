//! `sealift schema`: what editors need to know of pipeline files.

use sealift_core::spec;

use crate::context::Context;

/// Print the JSON Schema of pipeline files, so that editors complete and underline
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Editors with the Taplo or Tombi server take it from the first line of a pipeline: `#:schema ./pipeline.schema.json`")]
pub(crate) struct Args {}

pub(super) fn execute(_: &Args, context: &Context) -> u8 {
    match context.global.json {
        true => context.out.json(&spec::schema()),
        false => context.out.document(&pretty()),
    }
    0
}

/// The schema, for people as well.
pub(crate) fn pretty() -> String {
    serde_json::to_string_pretty(&spec::schema()).expect("a schema can be written as JSON") + "\n"
}
