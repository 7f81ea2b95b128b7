//! Logins for Huawei Cloud's SoftWare Repository for Container (SWR).
//!
//! The "long-term login" needs no API: the user is `REGION@ACCESS_KEY`, the password an HMAC of the access key under its
//! secret.

use schemars::JsonSchema;
use sealift_cloud_login::{KeyNames, Keys, hex_hmac};
use sealift_core::{
    async_trait,
    content::Repository,
    error::{Error, ErrorKind, Result},
    login::{Login, LoginProvider},
    plugin::{BuildContext, ConfigError, Plugin, StageConfig},
    secret::{Secret, SecretValue},
};
use serde::Deserialize;

/// Logs in to Huawei Cloud SWR with a permanent access key.
///
/// It needs no table where the environment has the key. No API is asked.
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
}

const NAMES: KeyNames = KeyNames {
    id: &["HUAWEICLOUD_SDK_AK", "HW_ACCESS_KEY"],
    secret: &["HUAWEICLOUD_SDK_SK", "HW_SECRET_KEY"],
    session_token: &[],
};

impl StageConfig<dyn LoginProvider> for Config {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn LoginProvider>, ConfigError> {
        let keys = NAMES.read(cx, [&self.access_key, &self.secret_key, &None])?;
        if keys.is_none() {
            NAMES.missing(cx)?;
        }
        Ok(Box::new(Swr { keys, region: self.region }))
    }
}

struct Swr {
    keys: Option<Keys>,
    region: Option<String>,
}

#[async_trait]
impl LoginProvider for Swr {
    async fn get(&self, repository: &Repository) -> Result<Option<Login>> {
        let Some(keys) = &self.keys else { return Ok(None) };
        let registry = repository.registry();
        // swr.cn-north-4.myhuaweicloud.com
        let found = || registry.strip_prefix("swr.")?.split('.').next();
        let region = self.region.as_deref().or_else(found).ok_or_else(|| {
            let message = format!("the name of `{registry}` does not tell its region, as registries of SWR do");
            Error::new(ErrorKind::Unsupported, message).with_hint("write `region` in [[login]]")
        })?;
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
}

sealift_core::inventory::submit! {
    Plugin::login::<Config>("huawei").for_hosts(&["swr.*.myhuaweicloud.com", "swr.*.myhuaweicloud.eu"])
}

#[cfg(test)]
mod tests {
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
        let login = Swr { keys: Some(keys), region: None };
        let login = login.get(&"swr.cn-north-4.myhuaweicloud.com/a/b".parse().unwrap()).await.unwrap().unwrap();
        let password = "0e88cbb99273df9955697b92044912a5883c7ea4463f1cae99013c9478dba7c0";
        assert_eq!(
            login,
            Login::basic("cn-north-4@AKEXAMPLE", Secret::new(password), "`huawei` with the access key of x")
        );
    }
}
