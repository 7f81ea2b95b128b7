//! Logins for Azure Container Registry.
//!
//! Entra ID gives an access token for a workload identity (AKS, CI systems), an application with a secret, or the managed
//! identity of a machine. The registry exchanges it for a refresh token of three hours, which is the password of the user
//! `00000000-0000-0000-0000-000000000000`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http::Request;
use schemars::JsonSchema;
use sealift_cloud_login::{Api, Issuer, TemporaryLogin, encode, read_token, text, variable, with_body};
use sealift_core::{
    async_trait,
    error::Result,
    login::{Login, LoginProvider},
    plugin::{BuildContext, ConfigError, Plugin, StageConfig},
    secret::Secret,
};
use serde::Deserialize;
use serde_json::Value;

/// Logs in to Azure Container Registry with a workload identity, an application or a managed identity.
///
/// It needs no table where the environment has `AZURE_CLIENT_ID` and `AZURE_TENANT_ID`, and `AZURE_FEDERATED_TOKEN_FILE`
/// (workload identity) or `AZURE_CLIENT_SECRET`. With a table and none of these, the metadata service of the machine is
/// asked for its managed identity, that of `AZURE_CLIENT_ID` if it is set.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The URL at which the registry exchanges tokens. Default: that of the registry.
    endpoint: Option<String>,
}

const USER: &str = "00000000-0000-0000-0000-000000000000";
/// The audience of access tokens for registries.
const AUDIENCE: &str = "https://containerregistry.azure.net";
/// The lifetime of a login whose end cannot be read.
const LIFETIME: Duration = Duration::from_secs(3600);

impl StageConfig<dyn LoginProvider> for Config {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn LoginProvider>, ConfigError> {
        let mut api = Api::new(cx, self.endpoint, "the role `AcrPull` or `AcrPush`")?;
        let value = |name| variable(cx, &[name]).map(|(_, value)| value);
        let (client, tenant) = (value("AZURE_CLIENT_ID"), value("AZURE_TENANT_ID"));
        let file = value("AZURE_FEDERATED_TOKEN_FILE").map(Proof::File);
        let proof = file.or_else(|| Some(Proof::Secret(Secret::new(value("AZURE_CLIENT_SECRET")?))));
        let identity = match (client, tenant, proof) {
            (Some(client), Some(tenant), Some(proof)) => {
                let authority = value("AZURE_AUTHORITY_HOST");
                let authority = authority.unwrap_or_else(|| "https://login.microsoftonline.com".to_owned());
                let url = format!("{}/{tenant}/oauth2/v2.0/token", authority.trim_end_matches('/'));
                Some(Identity::Application { url, client, proof })
            }
            _ if cx.is_automatic() => None,
            (client, _, _) => {
                let root = value("AZURE_POD_IDENTITY_AUTHORITY_HOST");
                let root = root.unwrap_or_else(|| "http://169.254.169.254".to_owned());
                Some(Identity::Machine { root: root.trim_end_matches('/').to_owned(), client })
            }
        };
        api.credentials = identity.as_ref().map(|identity| identity.origin().to_owned()).unwrap_or_default();
        Ok(Box::new(TemporaryLogin::new(Acr { api, identity })))
    }
}

/// Proves that a client is the application.
enum Proof {
    /// A file with a token of another issuer, such as Kubernetes.
    File(String),
    Secret(Secret),
}

enum Identity {
    Application { url: String, client: String, proof: Proof },
    Machine { root: String, client: Option<String> },
}

impl Identity {
    fn origin(&self) -> &'static str {
        match self {
            Self::Application { .. } => "the identity of `AZURE_CLIENT_ID`",
            Self::Machine { .. } => "the managed identity of this machine",
        }
    }

    /// Returns the request for an access token.
    async fn request(&self) -> Result<Request<String>> {
        let (url, client, proof) = match self {
            Self::Application { url, client, proof } => (url, client, proof),
            Self::Machine { root, client } => {
                let client = client.as_ref().map(|id| format!("&client_id={}", encode(id))).unwrap_or_default();
                let query = format!("api-version=2018-02-01&resource={}{client}", encode(AUDIENCE));
                let url = format!("{root}/metadata/identity/oauth2/token?{query}");
                return with_body(Request::get(url).header("metadata", "true"), "");
            }
        };
        let scope = encode(&format!("{AUDIENCE}/.default"));
        let proof = match proof {
            Proof::Secret(secret) => format!("client_secret={}", encode(secret.expose())),
            Proof::File(file) => {
                let token = read_token(file, "AZURE_FEDERATED_TOKEN_FILE").await?;
                let kind = encode("urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
                format!("client_assertion_type={kind}&client_assertion={}", encode(token.expose()))
            }
        };
        let form = format!("grant_type=client_credentials&client_id={}&scope={scope}&{proof}", encode(client));
        with_body(form_request(url), form)
    }
}

fn form_request(url: &str) -> http::request::Builder {
    Request::post(url).header("content-type", "application/x-www-form-urlencoded")
}

struct Acr {
    api: Api,
    identity: Option<Identity>,
}

#[async_trait]
impl Issuer for Acr {
    fn has_credentials(&self) -> bool {
        self.identity.is_some()
    }

    async fn issue(&self, registry: &str) -> Result<Option<Login>> {
        let Some(identity) = &self.identity else { return Ok(None) };
        let answer = self.api.ask(&identity.request().await?).await?;
        let access = text(&answer, "/access_token", "the identity service")?;
        let default = format!("https://{registry}");
        let root = self.api.root(&default);
        let form = format!("grant_type=access_token&service={}&access_token={}", encode(registry), encode(access));
        let answer = self.api.ask(&with_body(form_request(&format!("{root}/oauth2/exchange")), form)?).await?;
        let token = text(&answer, "/refresh_token", registry)?;
        let login = Login::basic(USER, Secret::new(token), format!("`azure` with {}", identity.origin()));
        Ok(Some(login.with_expiry(end_of(token).unwrap_or_else(|| SystemTime::now() + LIFETIME))))
    }
}

/// Returns the end of a token in the form of a JWT.
fn end_of(token: &str) -> Option<SystemTime> {
    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let end = serde_json::from_slice::<Value>(&claims).ok()?.get("exp")?.as_u64()?;
    Some(UNIX_EPOCH + Duration::from_secs(end))
}

sealift_core::inventory::submit! {
    Plugin::login::<Config>("azure").for_hosts(&["*.azurecr.io", "*.azurecr.cn", "*.azurecr.us"])
}
