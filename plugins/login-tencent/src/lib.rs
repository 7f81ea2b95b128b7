//! Logins for Tencent Container Registry (TCR), Enterprise Edition.
//!
//! `CreateInstanceToken` gives a user and a password for an hour. The id of an instance is looked up by its name, with which
//! the name of the registry begins: `NAME.tencentcloudcr.com`.

use std::time::SystemTime;

use http::Request;
use schemars::JsonSchema;
use sealift_cloud_login::{Api, Issuer, KeyNames, Keys, Tc3, TemporaryLogin, millis, text, with_body};
use sealift_core::{
    async_trait,
    error::{Error, ErrorKind, Result},
    login::{Login, LoginProvider},
    plugin::{BuildContext, ConfigError, Plugin, StageConfig},
    secret::{Secret, SecretValue},
};
use serde::Deserialize;
use serde_json::{Value, json};

/// Logs in to Tencent Container Registry (TCR), Enterprise Edition, with an access key.
///
/// It needs no table where the environment has the key.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The id of the access key (`SecretId`). Default: `TENCENTCLOUD_SECRET_ID`.
    #[schemars(extend("examples" = [{ "env": "MIRROR_KEY_ID" }]))]
    access_key: Option<SecretValue>,
    /// The secret of the access key (`SecretKey`). Default: `TENCENTCLOUD_SECRET_KEY`.
    #[schemars(extend("examples" = [{ "env": "MIRROR_KEY_SECRET" }]))]
    secret_key: Option<SecretValue>,
    /// The token of a temporary access key. Default: `TENCENTCLOUD_SESSION_TOKEN`, else `TENCENTCLOUD_TOKEN`, where the key
    /// is that of the environment; else none.
    session_token: Option<SecretValue>,
    /// The region, such as `ap-guangzhou`. Default: that of the instance.
    region: Option<String>,
    /// The id of the instance, such as `tcr-xxxx`. Default: looked up by the name of the registry.
    instance: Option<String>,
    /// The URL of the API. Default: `https://tcr.tencentcloudapi.com`.
    endpoint: Option<String>,
}

const NAMES: KeyNames = KeyNames {
    id: &["TENCENTCLOUD_SECRET_ID"],
    secret: &["TENCENTCLOUD_SECRET_KEY"],
    session_token: &["TENCENTCLOUD_SESSION_TOKEN", "TENCENTCLOUD_TOKEN"],
};

/// The region that is asked for instances of all regions.
const ANY_REGION: &str = "ap-guangzhou";

impl StageConfig<dyn LoginProvider> for Config {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn LoginProvider>, ConfigError> {
        let Self { access_key, secret_key, session_token, region, instance, endpoint } = self;
        let api = Api::new(cx, endpoint, "`tcr:CreateInstanceToken` and `tcr:DescribeInstances`");
        let (api, keys) = NAMES.open(cx, api, [&access_key, &secret_key, &session_token])?;
        if keys.is_none() {
            NAMES.missing(cx)?;
        }
        Ok(Box::new(TemporaryLogin::new(Tcr { api, keys, region, instance })))
    }
}

struct Tcr {
    api: Api,
    keys: Option<Keys>,
    region: Option<String>,
    instance: Option<String>,
}

impl Tcr {
    async fn ask(&self, keys: &Keys, action: &str, region: &str, body: &Value) -> Result<Value> {
        let request = Request::post(format!("{}/", self.root())).header("content-type", "application/json");
        let mut request = with_body(request, body.to_string())?;
        Tc3 { keys, service: "tcr", action, version: "2019-09-24", region }.sign(&mut request, SystemTime::now())?;
        self.api.ask(&request).await
    }

    fn root(&self) -> &str {
        self.api.root("https://tcr.tencentcloudapi.com")
    }

    /// Returns region and id of the instance of a registry.
    async fn instance(&self, keys: &Keys, registry: &str) -> Result<(String, String)> {
        if let (Some(region), Some(instance)) = (&self.region, &self.instance) {
            return Ok((region.clone(), instance.clone()));
        }
        let name = registry.split('.').next().unwrap_or_default();
        let body = match &self.instance {
            Some(id) => json!({ "AllRegions": true, "Registryids": [id] }),
            None => json!({ "AllRegions": true, "Filters": [{ "Name": "RegistryName", "Values": [name] }] }),
        };
        let region = self.region.as_deref().unwrap_or(ANY_REGION);
        let answer = self.ask(keys, "DescribeInstances", region, &body).await?;
        let found = |key: &str| answer.pointer(&format!("/Response/Registries/0/{key}")).and_then(Value::as_str);
        match (found("RegistryId"), self.region.as_deref().or_else(|| found("RegionName"))) {
            (Some(id), Some(region)) => Ok((region.to_owned(), id.to_owned())),
            _ => Err(Error::new(
                ErrorKind::Denied,
                format!("there is no instance `{name}` of the account of {}", keys.origin),
            )
            .with_hint("write `region` and `instance` in [[login]]")),
        }
    }
}

#[async_trait]
impl Issuer for Tcr {
    fn has_credentials(&self) -> bool {
        self.keys.is_some()
    }

    async fn issue(&self, registry: &str) -> Result<Option<Login>> {
        let Some(keys) = &self.keys else { return Ok(None) };
        let (region, instance) = self.instance(keys, registry).await?;
        let body = json!({ "RegistryId": instance, "TokenType": "temp" });
        let answer = self.ask(keys, "CreateInstanceToken", &region, &body).await?;
        // The documentation has it as a number in its example, and as a text in its table.
        let user = match answer.pointer("/Response/Username") {
            Some(Value::Number(number)) => number.to_string(),
            _ => text(&answer, "/Response/Username", self.root())?.to_owned(),
        };
        let password = Secret::new(text(&answer, "/Response/Token", self.root())?);
        let login = Login::basic(user, password, format!("`tencent` with the access key of {}", keys.origin));
        Ok(Some(match millis(&answer, "/Response/ExpTime") {
            Some(end) => login.with_expiry(end),
            None => login,
        }))
    }
}

sealift_core::inventory::submit! {
    Plugin::login::<Config>("tencent").for_hosts(&["*.tencentcloudcr.com"])
}
