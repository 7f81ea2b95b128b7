//! Configs that break the rules that all roles have.

use schemars::JsonSchema;
use sealift_conformance::{Given, filter::RULES};
use sealift_core::{
    diagnostic::Diagnostic,
    inventory,
    plugin::{BuildContext, ConfigError, Plugin, StageConfig},
    secret::SecretValue,
    stage::Filter,
};
use serde::Deserialize;

use super::broken;

/// Drops nothing.
struct Nothing;
impl Filter for Nothing {}

type Built = Result<Box<dyn Filter>, ConfigError>;

/// Has a field that nobody explains.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema matters")]
struct Undescribed {
    /// Tells what it is.
    one: String,
    #[serde(default)]
    inner: Vec<Inner>,
}

/// Tells what it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema matters")]
struct Inner {
    other: bool,
}

impl StageConfig<dyn Filter> for Undescribed {
    fn build(self, _: &BuildContext<'_>) -> Built {
        Ok(Box::new(Nothing))
    }
}

/// Takes any key.
#[derive(Deserialize, JsonSchema)]
struct Lenient {}

impl StageConfig<dyn Filter> for Lenient {
    fn build(self, _: &BuildContext<'_>) -> Built {
        Ok(Box::new(Nothing))
    }
}

/// Says its secret.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Loud {
    /// A secret.
    token: SecretValue,
}

impl StageConfig<dyn Filter> for Loud {
    fn build(self, cx: &BuildContext<'_>) -> Built {
        let token = cx.reveal(&self.token, "token")?;
        cx.warn(Diagnostic::warning(format!("asking with `{}`", token.expose())));
        Ok(Box::new(Nothing))
    }
}

/// Keeps its secret as a text that anybody may print.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema matters")]
struct Plain {
    /// A secret.
    proxy_password: Option<String>,
}

impl StageConfig<dyn Filter> for Plain {
    fn build(self, _: &BuildContext<'_>) -> Built {
        Ok(Box::new(Nothing))
    }
}

/// Keeps its secret to itself.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Discreet {
    /// A secret.
    token: SecretValue,
}

impl StageConfig<dyn Filter> for Discreet {
    fn build(self, cx: &BuildContext<'_>) -> Built {
        cx.reveal(&self.token, "token")?;
        Err(ConfigError::new("there is something else").at("token")).or(Ok(Box::new(Nothing)))
    }
}

inventory::submit! { Plugin::filter::<Undescribed>("undescribed") }
inventory::submit! { Plugin::filter::<Lenient>("lenient") }
inventory::submit! { Plugin::filter::<Loud>("loud") }
inventory::submit! { Plugin::filter::<Plain>("plain") }
inventory::submit! { Plugin::filter::<Discreet>("discreet") }

async fn broken_by(stage: &str) -> Vec<&'static str> {
    broken(RULES, || Given::new(format!("[[filter]]\n{stage}")).env("TOKEN", "t")).await
}

#[tokio::test]
async fn a_field_without_a_text_breaks_one_rule() {
    assert_eq!(broken_by("use = \"undescribed\"\none = \"\"\n").await, ["every_field_is_described"]);
}

#[tokio::test]
async fn a_config_that_takes_any_key_breaks_one_rule() {
    assert_eq!(broken_by("use = \"lenient\"\n").await, ["unknown_keys_are_refused"]);
}

#[tokio::test]
async fn a_secret_that_is_said_breaks_one_rule() {
    assert_eq!(broken_by("use = \"loud\"\ntoken = { env = \"TOKEN\" }\n").await, ["secrets_never_print"]);
    assert_eq!(broken_by("use = \"plain\"\n").await, ["secrets_never_print"]);
}

mod discreet {
    use super::Given;
    sealift_conformance::conformance!(
        filter: Given::new("[[filter]]\nuse = \"discreet\"\ntoken = { env = \"TOKEN\" }\n").env("TOKEN", "t")
    );
}
