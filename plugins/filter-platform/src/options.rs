//! The choices that the filter offers beside the platforms.

use schemars::JsonSchema;
use serde::Deserialize;

/// Treatment of attestations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Attestations {
    /// They stay with the image that they describe.
    #[default]
    Keep,
    /// They are dropped.
    Drop,
}

/// Single OCI images to keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OciImages {
    /// Those whose config names a platform that is wanted.
    #[default]
    Matching,
    /// All of them.
    All,
}
