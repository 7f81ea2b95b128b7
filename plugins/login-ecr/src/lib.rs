//! Logins for Amazon Elastic Container Registry (ECR), private and public.
//!
//! `GetAuthorizationToken` gives a user and a password for twelve hours. It is signed with keys of the table or of the
//! environment, or with those of a role (`credentials.rs`).

mod credentials;
mod inventory;

use std::time::SystemTime;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::Request;
use schemars::JsonSchema;
use sealift_cloud_login::{
    Api, Issuer, KeyNames, LOGIN, SigV4, TemporaryLogin, check_region, seconds, text, unreadable, with_body,
};
use sealift_core::{
    async_trait,
    error::{Error, ErrorKind, Result},
    login::{Login, LoginInventory, LoginProvider},
    plugin::{BuildContext, ConfigError, Plugin, StageConfig},
    secret::{Secret, SecretValue},
};
use serde::Deserialize;

use self::credentials::AwsCredentials;

/// Logs in to Amazon ECR with AWS credentials.
///
/// It needs no table where the environment names credentials: an access key, a web identity (EKS) or those of a container
/// (ECS, EKS Pod Identity). With a table and none of these, the metadata service of the machine is asked. Public ECR is
/// read without a login, or with one if `hosts` has `public.ecr.aws`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The id of the access key. Default: `AWS_ACCESS_KEY_ID`.
    #[schemars(extend("examples" = [{ "env": "MIRROR_KEY_ID" }]))]
    access_key: Option<SecretValue>,
    /// The secret of the access key. Default: `AWS_SECRET_ACCESS_KEY`.
    #[schemars(extend("examples" = [{ "env": "MIRROR_KEY_SECRET" }]))]
    secret_key: Option<SecretValue>,
    /// The token of a temporary access key. Default: `AWS_SESSION_TOKEN` where the key is that of the environment, else
    /// none.
    session_token: Option<SecretValue>,
    /// The region, such as `eu-west-1`. Default: that in the name of the registry.
    region: Option<String>,
    /// The URL of the API, such as a VPC endpoint. Default: that of the region.
    endpoint: Option<String>,
}

const NAMES: KeyNames =
    KeyNames { id: &["AWS_ACCESS_KEY_ID"], secret: &["AWS_SECRET_ACCESS_KEY"], session_token: &["AWS_SESSION_TOKEN"] };

const PUBLIC: &str = "public.ecr.aws";

impl StageConfig<dyn LoginProvider> for Config {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn LoginProvider>, ConfigError> {
        let Self { access_key, secret_key, session_token, region, endpoint } = self;
        check_region(region.as_deref())?;
        let api = Api::new(cx, endpoint, "`ecr:GetAuthorizationToken`");
        let (mut api, keys) = NAMES.open(cx, api, [&access_key, &secret_key, &session_token])?;
        let credentials = keys.map(AwsCredentials::Keys).or_else(|| AwsCredentials::from_environment(cx));
        match &credentials {
            Some(credentials) => api.credentials = credentials.to_string(),
            None => NAMES.missing(cx)?,
        }
        Ok(Box::new(TemporaryLogin::new(Ecr { api, credentials, region })))
    }
}

struct Ecr {
    api: Api,
    credentials: Option<AwsCredentials>,
    region: Option<String>,
}

/// The service of a registry, and where its API is.
struct Service {
    /// The name of the service in signatures.
    name: &'static str,
    /// The name of its API in front of operations.
    target: &'static str,
    region: String,
    root: String,
}

impl Service {
    /// Returns the service of a registry, by its name: `1234.dkr.ecr.eu-west-1.amazonaws.com`.
    fn of(registry: &str, region: Option<&str>) -> Option<Self> {
        if registry == PUBLIC {
            let root = "https://api.ecr-public.us-east-1.amazonaws.com".to_owned();
            let target = "SpencerFrontendService";
            return Some(Self { name: "ecr-public", target, region: "us-east-1".to_owned(), root });
        }
        // Also `1234.dkr.ecr-fips.…` and the dual-stack `1234.dkr-ecr.eu-west-1.on.aws`.
        let after = |part: &str| Some(registry.split_once(part)?.1.split_once('.')?.0.to_owned());
        let found = [".dkr.ecr.", ".dkr.ecr-fips.", ".dkr-ecr.", ".dkr-ecr-fips."].into_iter().find_map(after);
        let region = region.map(ToOwned::to_owned).or(found)?;
        let api = if registry.contains("ecr-fips.") { "ecr-fips" } else { "api.ecr" };
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let root = format!("https://{api}.{region}.{domain}");
        let target = "AmazonEC2ContainerRegistry_V20150921";
        Some(Self { name: "ecr", target, region, root })
    }
}

impl Ecr {
    /// Returns a request for an operation with the signature of the credentials.
    async fn signed(
        &self,
        service: &Service,
        root: &str,
        operation: &str,
        body: impl Into<String>,
    ) -> Result<Request<String>> {
        let target = format!("{}.{operation}", service.target);
        let request = Request::post(format!("{root}/")).header("x-amz-target", target);
        let mut request = with_body(request.header("content-type", "application/x-amz-json-1.1"), body)?;
        if let Some(credentials) = &self.credentials {
            let keys = credentials.keys(&self.api, &service.region).await?;
            let signer = SigV4 { keys: &keys, region: &service.region, service: service.name };
            signer.sign(&mut request, SystemTime::now())?;
        }
        Ok(request)
    }
}

#[async_trait]
impl Issuer for Ecr {
    fn has_credentials(&self) -> bool {
        self.credentials.is_some()
    }

    async fn issue(&self, registry: &str) -> Result<Option<Login>> {
        let Some(credentials) = &self.credentials else { return Ok(None) };
        let Some(service) = Service::of(registry, self.region.as_deref()) else {
            let message = format!("the name of `{registry}` does not tell its region, as registries of ECR do");
            return Err(Error::new(ErrorKind::Unsupported, message).with_hint("write `region` in [[login]]"));
        };
        let root = self.api.root(&service.root);
        let answer = self.api.ask(&self.signed(&service, root, "GetAuthorizationToken", "{}").await?).await?;
        // Public ECR gives one, the other a list of one.
        let path = if registry == PUBLIC { "/authorizationData" } else { "/authorizationData/0" };
        let token = text(&answer, &format!("{path}/authorizationToken"), root)?;
        let token = BASE64_STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let (user, password) =
            token.as_deref().and_then(|token| token.split_once(':')).ok_or_else(|| unreadable(root, LOGIN))?;
        let login = Login::basic(user, Secret::new(password), format!("`ecr` with {credentials}"));
        Ok(Some(match seconds(&answer, &format!("{path}/expiresAt")) {
            Some(end) => login.with_expiry(end),
            None => login,
        }))
    }

    fn inventory(&self) -> Option<&dyn LoginInventory> {
        Some(self)
    }
}

sealift_core::inventory::submit! {
    Plugin::login::<Config>("ecr").for_hosts(&[
        "*.dkr.ecr.*.amazonaws.com",
        "*.dkr.ecr.*.amazonaws.com.cn",
        "*.dkr.ecr-fips.*.amazonaws.com",
        "*.dkr-ecr.*.on.aws",
        "*.dkr-ecr-fips.*.on.aws",
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_registry_tells_region_and_api() {
        for (registry, region, root) in [
            ("1234.dkr.ecr.eu-west-1.amazonaws.com", "eu-west-1", "https://api.ecr.eu-west-1.amazonaws.com"),
            ("1234.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1", "https://api.ecr.cn-north-1.amazonaws.com.cn"),
            ("1234.dkr.ecr-fips.us-east-1.amazonaws.com", "us-east-1", "https://ecr-fips.us-east-1.amazonaws.com"),
            ("1234.dkr-ecr.us-east-1.on.aws", "us-east-1", "https://api.ecr.us-east-1.amazonaws.com"),
            (PUBLIC, "us-east-1", "https://api.ecr-public.us-east-1.amazonaws.com"),
        ] {
            let service = Service::of(registry, None).unwrap();
            assert_eq!((service.region.as_str(), service.root.as_str()), (region, root), "{registry}");
        }
        assert!(Service::of("registry.example", None).is_none());
    }
}
