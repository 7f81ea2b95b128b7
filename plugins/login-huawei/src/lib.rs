//! Logins for Huawei Cloud's SoftWare Repository for Container (SWR).
//!
//! The "long-term login" needs no API: the user is `REGION@ACCESS_KEY`, the password an HMAC of the access key under its
//! secret. Its API is asked for lists of tags only.

mod inventory;

use schemars::JsonSchema;
use sealift_cloud_login::{Api, KeyNames, Keys, check_region, hex_hmac};
use sealift_core::{
    async_trait,
    content::Repository,
    error::{Error, ErrorKind, Result},
    login::{Login, LoginInventory, LoginProvider},
    plugin::{BuildContext, ConfigError, Plugin, StageConfig},
    secret::{Secret, SecretValue},
};
use serde::Deserialize;

/// Logs in to Huawei Cloud SWR with a permanent access key.
///
/// It needs no table where the environment has the key. For the login no API is asked.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The id of the access key (AK). Default: `HUAWEICLOUD_SDK_AK`, else `HW_ACCESS_KEY`.
    #[schemars(extend("examples" = [{ "env": "MIRROR_KEY_ID" }]))]
    access_key: Option<SecretValue>,
    /// The secret of the access key (SK). Default: `HUAWEICLOUD_SDK_SK`, else `HW_SECRET_KEY`.
    #[schemars(extend("examples" = [{ "env": "MIRROR_KEY_SECRET" }]))]
    secret_key: Option<SecretValue>,
    /// The region, or the project of a region, such as `cn-north-4`. Default: that in the name of the registry.
    region: Option<String>,
    /// The URL of the API that lists tags, such as `https://swr-api.cn-north-4.myhuaweicloud.com`. Default: that of the
    /// region.
    endpoint: Option<String>,
}

const NAMES: KeyNames = KeyNames {
    id: &["HUAWEICLOUD_SDK_AK", "HW_ACCESS_KEY"],
    secret: &["HUAWEICLOUD_SDK_SK", "HW_SECRET_KEY"],
    session_token: &[],
};

impl StageConfig<dyn LoginProvider> for Config {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn LoginProvider>, ConfigError> {
        let Self { access_key, secret_key, region, endpoint } = self;
        check_region(region.as_deref())?;
        let api = Api::new(cx, endpoint, RIGHT);
        let (api, keys) = NAMES.open(cx, api, [&access_key, &secret_key, &None])?;
        if keys.is_none() {
            NAMES.missing(cx)?;
        }
        Ok(Box::new(Swr { api, keys, region }))
    }
}

/// The right that a list of tags needs, for hints.
const RIGHT: &str = "reading of the images of the organization";

struct Swr {
    api: Api,
    keys: Option<Keys>,
    region: Option<String>,
}

impl Swr {
    /// Returns the region of a registry: that of the table, else that in its name, `swr.cn-north-4.myhuaweicloud.com`.
    fn region_of<'a>(&'a self, registry: &'a str) -> Result<&'a str> {
        let found = || registry.strip_prefix("swr.")?.split('.').next();
        self.region.as_deref().or_else(found).ok_or_else(|| {
            let message = format!("the name of `{registry}` does not tell its region, as registries of SWR do");
            Error::new(ErrorKind::Unsupported, message).with_hint("write `region` in [[login]]")
        })
    }
}

#[async_trait]
impl LoginProvider for Swr {
    async fn get(&self, repository: &Repository) -> Result<Option<Login>> {
        let Some(keys) = &self.keys else { return Ok(None) };
        let region = self.region_of(repository.registry())?;
        let id = keys.id.expose();
        let password = Secret::new(hex_hmac(keys.secret.expose().as_bytes(), id));
        let origin = format!("`huawei` with the access key of {}", keys.origin);
        Ok(Some(Login::basic(format!("{region}@{id}"), password, origin)))
    }

    // The key is read once.
    async fn invalidate(&self, _: &Login) {}

    async fn may_have(&self, _: &Repository) -> bool {
        self.keys.is_some()
    }

    fn inventory(&self) -> Option<&dyn LoginInventory> {
        self.keys.is_some().then_some(self)
    }
}

sealift_core::inventory::submit! {
    Plugin::login::<Config>("huawei").for_hosts(&["swr.*.myhuaweicloud.com", "swr.*.myhuaweicloud.eu"])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sealift_core::plugin::Purpose;

    use super::*;

    /// Computed by the command in Huawei's user guide: `printf AK | openssl dgst -binary -sha256 -hmac SK | od -An -vtx1`.
    #[tokio::test]
    async fn the_password_is_what_the_documented_command_prints() {
        let keys = Keys {
            id: Secret::new("AKEXAMPLE"),
            secret: Secret::new("SKEXAMPLE"),
            session_token: None,
            origin: "x".into(),
        };
        let cx = BuildContext::new(Arc::new(|_: &str| None), ".", Purpose::Run);
        let login = Swr { api: Api::new(&cx, None, "").unwrap(), keys: Some(keys), region: None };
        let login = login.get(&"swr.cn-north-4.myhuaweicloud.com/a/b".parse().unwrap()).await.unwrap().unwrap();
        let password = "0e88cbb99273df9955697b92044912a5883c7ea4463f1cae99013c9478dba7c0";
        assert_eq!(
            login,
            Login::basic("cn-north-4@AKEXAMPLE", Secret::new(password), "`huawei` with the access key of x")
        );
    }
}
