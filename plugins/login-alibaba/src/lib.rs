//! Logins for Alibaba Cloud Container Registry (ACR), Personal and Enterprise Edition.
//!
//! The operation `GetAuthorizationToken` gives a user and a password for an hour. Its region and, of the Enterprise
//! Edition, the id of the instance stand in the challenge of the registry:
//! `service="registry.aliyuncs.com:cn-hangzhou:china:cri-xxxx"`.

mod inventory;

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use http::Request;
use schemars::JsonSchema;
use sealift_cloud_login::{
    Acs3, Api, Issuer, KeyNames, Keys, TemporaryLogin, check_region, encode, millis, text, with_body,
};
use sealift_core::{
    async_trait,
    error::{Error, ErrorKind, Result},
    login::{Login, LoginInventory, LoginProvider},
    plugin::{BuildContext, ConfigError, Plugin, StageConfig},
    secret::{Secret, SecretValue},
};
use serde::Deserialize;

/// Logs in to Alibaba Cloud Container Registry (ACR) with an access key.
///
/// It needs no table where the environment has the key. Region and instance are found out at the registry.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The id of the access key. Default: `ALIBABA_CLOUD_ACCESS_KEY_ID`.
    #[schemars(extend("examples" = [{ "env": "MIRROR_KEY_ID" }]))]
    access_key: Option<SecretValue>,
    /// The secret of the access key. Default: `ALIBABA_CLOUD_ACCESS_KEY_SECRET`.
    #[schemars(extend("examples" = [{ "env": "MIRROR_KEY_SECRET" }]))]
    secret_key: Option<SecretValue>,
    /// The token of a temporary access key (STS). Default: `ALIBABA_CLOUD_SECURITY_TOKEN` where the key is that of the
    /// environment, else none.
    session_token: Option<SecretValue>,
    /// The region, such as `cn-hangzhou`. Default: that of the registry.
    region: Option<String>,
    /// The id of an instance of the Enterprise Edition, such as `cri-xxxx`. Default: that of the registry.
    instance: Option<String>,
    /// The URL of the API, such as `https://cr-vpc.cn-hangzhou.aliyuncs.com`. Default: that of the region.
    endpoint: Option<String>,
}

const NAMES: KeyNames = KeyNames {
    id: &["ALIBABA_CLOUD_ACCESS_KEY_ID"],
    secret: &["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
    session_token: &["ALIBABA_CLOUD_SECURITY_TOKEN"],
};

/// The lifetime of a login whose end is not told.
const LIFETIME: Duration = Duration::from_secs(3600);

impl StageConfig<dyn LoginProvider> for Config {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn LoginProvider>, ConfigError> {
        let Self { access_key, secret_key, session_token, region, instance, endpoint } = self;
        check_region(region.as_deref())?;
        let api = Api::new(cx, endpoint, "`cr:GetAuthorizationToken`");
        let (api, keys) = NAMES.open(cx, api, [&access_key, &secret_key, &session_token])?;
        if keys.is_none() {
            NAMES.missing(cx)?;
        }
        Ok(Box::new(TemporaryLogin::new(Acr { api, keys, region, instance, found: Mutex::default() })))
    }
}

struct Acr {
    api: Api,
    keys: Option<Keys>,
    region: Option<String>,
    instance: Option<String>,
    /// The regions and instances of registries, as far as they were asked for.
    found: Mutex<HashMap<String, AcrInstance>>,
}

/// The versions of the API: that of the Enterprise Edition and that of the Personal Edition.
const ENTERPRISE: &str = "2018-12-01";
const PERSONAL: &str = "2016-06-07";

/// The region of a registry and, of the Enterprise Edition, its instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct AcrInstance {
    region: Option<String>,
    instance: Option<String>,
}

impl AcrInstance {
    /// Reads the service of a challenge: `registry.aliyuncs.com:REGION:china:cri-xxxx`, or `…:REGION:26842` of the
    /// Personal Edition.
    fn of(service: &str) -> Self {
        let mut parts = service.split(':');
        if parts.next().is_none_or(|name| !name.eq_ignore_ascii_case("registry.aliyuncs.com")) {
            return Self::default();
        }
        // The region becomes part of the name of a host, to which a signed request goes.
        let is_name = |text: &&str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let region = parts.next().filter(is_name).map(ToOwned::to_owned);
        let instance = parts.next_back().filter(|last| last.starts_with("cri-")).map(ToOwned::to_owned);
        Self { region, instance }
    }
}

impl Acr {
    async fn location(&self, registry: &str) -> Result<(String, Option<String>)> {
        let (mut region, mut instance) = (self.region.clone(), self.instance.clone());
        if region.is_none() || instance.is_none() {
            let found = self.found_at(registry).await?;
            (region, instance) = (region.or(found.region), instance.or(found.instance));
        }
        let unknown = || {
            let message = format!("`{registry}` does not tell its region, as registries of Alibaba Cloud do");
            Error::new(ErrorKind::Unsupported, message)
                .with_hint("write `region` in [[login]], and `instance` for the Enterprise Edition")
        };
        Ok((region.ok_or_else(unknown)?, instance))
    }

    async fn found_at(&self, registry: &str) -> Result<AcrInstance> {
        let all = || self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = all().get(registry) {
            return Ok(found.clone());
        }
        let found = AcrInstance::of(&self.api.web().service_of(registry).await?.unwrap_or_default());
        if found.region.is_some() {
            all().insert(registry.to_owned(), found.clone());
        }
        Ok(found)
    }

    /// Returns a request for an operation with the signature of the key.
    fn signed(&self, request: http::request::Builder, action: &str, version: &str) -> Result<Request<String>> {
        let mut request = with_body(request.header("accept", "application/json"), "")?;
        if let Some(keys) = &self.keys {
            let nonce = format!("{:032x}", fastrand::u128(..));
            Acs3 { keys, action, version, nonce }.sign(&mut request, SystemTime::now())?;
        }
        Ok(request)
    }
}

#[async_trait]
impl Issuer for Acr {
    fn has_credentials(&self) -> bool {
        self.keys.is_some()
    }

    async fn issue(&self, registry: &str) -> Result<Option<Login>> {
        let Some(keys) = &self.keys else { return Ok(None) };
        let (region, instance) = self.location(registry).await?;
        let default = format!("https://cr.{region}.aliyuncs.com");
        let root = self.api.root(&default);
        let (request, version, [user, password, end]) = match instance {
            Some(instance) => (
                Request::post(format!("{root}/?InstanceId={}", encode(&instance))),
                ENTERPRISE,
                ["/TempUsername", "/AuthorizationToken", "/ExpireTime"],
            ),
            None => (
                Request::get(format!("{root}/tokens")),
                PERSONAL,
                ["/data/tempUserName", "/data/authorizationToken", "/data/expireDate"],
            ),
        };
        let answer = self.api.ask(&self.signed(request, "GetAuthorizationToken", version)?).await?;
        let password = Secret::new(text(&answer, password, root)?);
        let login = Login::basic(
            text(&answer, user, root)?,
            password,
            format!("`alibaba` with the access key of {}", keys.origin),
        );
        Ok(Some(login.with_expiry(millis(&answer, end).unwrap_or_else(|| SystemTime::now() + LIFETIME))))
    }

    fn inventory(&self) -> Option<&dyn LoginInventory> {
        Some(self)
    }
}

sealift_core::inventory::submit! {
    Plugin::login::<Config>("alibaba")
        .for_hosts(&["registry.*.aliyuncs.com", "registry-*.aliyuncs.com", "*.cr.aliyuncs.com"])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(region: &str, instance: Option<&str>) -> AcrInstance {
        AcrInstance { region: Some(region.to_owned()), instance: instance.map(ToOwned::to_owned) }
    }

    #[test]
    fn the_challenge_tells_region_and_instance() {
        let enterprise = "registry.aliyuncs.com:cn-hangzhou:china:cri-abc123";
        assert_eq!(AcrInstance::of(enterprise), location("cn-hangzhou", Some("cri-abc123")));
        assert_eq!(AcrInstance::of("registry.aliyuncs.com:cn-hangzhou:26842"), location("cn-hangzhou", None));
        for other in ["registry.docker.io", "", "registry.aliyuncs.com", "registry.aliyuncs.com:evil.example/:1"] {
            assert_eq!(AcrInstance::of(other), AcrInstance::default(), "{other}");
        }
    }
}
