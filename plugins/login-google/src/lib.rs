//! Logins for Google Artifact Registry and Container Registry.
//!
//! A key of a service account is a password as it is (user `_json_key`); the metadata server of a machine gives access
//! tokens for an hour (user `oauth2accesstoken`).

use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};

use http::Request;
use schemars::JsonSchema;
use sealift_cloud_login::{Api, Issuer, TemporaryLogin, text, variable, with_body};
use sealift_core::{
    async_trait,
    error::{Error, ErrorKind, Result, io_message},
    login::{Login, LoginProvider},
    plugin::{BuildContext, ConfigError, Plugin, StageConfig},
    secret::Secret,
};
use serde::Deserialize;
use serde_json::Value;

/// Logs in to Google Artifact Registry and Container Registry.
///
/// It needs no table where `GOOGLE_APPLICATION_CREDENTIALS` names the key file of a service account. With a table and no
/// key file, the metadata server of the machine is asked (Compute Engine, GKE, Cloud Build).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The JSON key file of a service account. Default: `GOOGLE_APPLICATION_CREDENTIALS`.
    #[schemars(example = &"/run/secrets/google.json")]
    key_file: Option<String>,
}

impl StageConfig<dyn LoginProvider> for Config {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn LoginProvider>, ConfigError> {
        let mut api = Api::new(cx, None, "`roles/artifactregistry.reader` or `writer`")?;
        api.credentials = "the service account of this machine".to_owned();
        let named = variable(cx, &["GOOGLE_APPLICATION_CREDENTIALS"]).map(|(_, file)| file);
        let source = match self.key_file.or(named) {
            Some(file) => Some(GoogleKey::KeyFile { path: cx.path(&file), written: file }),
            None if cx.is_automatic() => None,
            None => {
                let host = variable(cx, &["GCE_METADATA_HOST"]).map(|(_, host)| host);
                Some(GoogleKey::Metadata(host.unwrap_or_else(|| "metadata.google.internal".to_owned())))
            }
        };
        Ok(Box::new(TemporaryLogin::new(Google { api, source })))
    }
}

enum GoogleKey {
    KeyFile {
        path: PathBuf,
        written: String,
    },
    /// The host of the metadata server.
    Metadata(String),
}

struct Google {
    api: Api,
    source: Option<GoogleKey>,
}

#[async_trait]
impl Issuer for Google {
    fn has_credentials(&self) -> bool {
        self.source.is_some()
    }

    async fn issue(&self, _: &str) -> Result<Option<Login>> {
        match &self.source {
            None => Ok(None),
            Some(GoogleKey::KeyFile { path, written }) => {
                let fail = |why: String| {
                    Error::new(ErrorKind::Denied, format!("the key file `{written}` {why}")).with_hint(
                        "`GOOGLE_APPLICATION_CREDENTIALS` or `key_file` must name the JSON key of a service account",
                    )
                };
                let key = tokio::fs::read_to_string(path).await;
                let key = key.map_err(|error| fail(format!("cannot be read: {}", io_message(&error))))?;
                let kind = serde_json::from_str::<Value>(&key).ok();
                match kind.as_ref().and_then(|json| json["type"].as_str()) {
                    Some("service_account") => {
                        let origin = format!("`google` with the key file `{written}`");
                        Ok(Some(Login::basic("_json_key", Secret::new(key), origin)))
                    }
                    _ => Err(fail("is no key of a service account".to_owned())),
                }
            }
            Some(GoogleKey::Metadata(host)) => {
                let url = format!("http://{host}/computeMetadata/v1/instance/service-accounts/default/token");
                let request = with_body(Request::get(url).header("metadata-flavor", "Google"), "")?;
                let answer = self.api.ask(&request).await?;
                let token = Secret::new(text(&answer, "/access_token", host)?);
                let login = Login::basic("oauth2accesstoken", token, "`google` with the metadata server");
                let lifetime = answer["expires_in"].as_u64().unwrap_or(300);
                Ok(Some(login.with_expiry(SystemTime::now() + Duration::from_secs(lifetime))))
            }
        }
    }
}

sealift_core::inventory::submit! {
    Plugin::login::<Config>("google").for_hosts(&["*-docker.pkg.dev", "gcr.io", "*.gcr.io"])
}
