//! The dialects in which files are read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The strictness in which files are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// A mistake anywhere in a file refuses the run, before any traffic.
    #[default]
    Strict,
    /// As image-syncer reads them. A wrong rule fails alone and the others run; a wrong entry of the logins is left
    /// out with a warning. The tags of the two sides of a rule are counted after listing, variables are replaced as
    /// Go's `os.ExpandEnv` does, and names in JSON may be in any case.
    ImageSyncer,
}
