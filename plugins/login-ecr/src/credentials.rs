//! AWS credentials: an access key, or the role of a web identity, a container or a machine, which gives keys for a while.

use std::fmt;

use http::Request;
use sealift_cloud_login::{Api, Keys, encode, read_token, text, variable, with_body};
use sealift_core::{
    error::{Error, ErrorKind, Result},
    plugin::BuildContext,
    secret::Secret,
};
use serde_json::Value;

/// The lifetime of a session with the metadata service, in seconds.
const SESSION: &str = "300";

/// A source of keys.
pub(super) enum AwsCredentials {
    /// A key that is there.
    Keys(Keys),
    /// A token in a file, for which STS gives keys of a role (EKS, CI systems).
    WebIdentity { file: String, role: String, session: String },
    /// The agent of a container (ECS, EKS Pod Identity).
    Container { url: String, token: Option<Secret>, token_file: Option<String> },
    /// The metadata service of a machine (EC2), version 2.
    Machine { root: String },
}

impl AwsCredentials {
    /// Returns what the environment names, as the AWS SDKs do. The metadata service counts only if a table names the login.
    pub(super) fn from_environment(cx: &BuildContext<'_>) -> Option<Self> {
        let value = |name| variable(cx, &[name]).map(|(_, value)| value);
        if let (Some(file), Some(role)) = (value("AWS_WEB_IDENTITY_TOKEN_FILE"), value("AWS_ROLE_ARN")) {
            let session = value("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "sealift".to_owned());
            return Some(Self::WebIdentity { file, role, session });
        }
        let relative = value("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        let relative = relative.map(|path| format!("http://169.254.170.2{path}"));
        if let Some(url) = relative.or_else(|| value("AWS_CONTAINER_CREDENTIALS_FULL_URI")) {
            let token = value("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(Secret::new);
            return Some(Self::Container { url, token, token_file: value("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") });
        }
        let is_disabled = value("AWS_EC2_METADATA_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true"));
        if cx.is_automatic() || is_disabled {
            return None;
        }
        let root = value("AWS_EC2_METADATA_SERVICE_ENDPOINT");
        let root = root.unwrap_or_else(|| "http://169.254.169.254".to_owned());
        Some(Self::Machine { root: root.trim_end_matches('/').to_owned() })
    }

    /// Returns keys to sign with.
    ///
    /// # Errors
    /// If the source refuses or does not answer.
    pub(super) async fn keys(&self, api: &Api, region: &str) -> Result<Keys> {
        match self {
            Self::Keys(keys) => Ok(keys.clone()),
            Self::WebIdentity { file, role, session } => {
                let token = read_token(file, "AWS_WEB_IDENTITY_TOKEN_FILE").await?;
                let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
                let default = format!("https://sts.{region}.{domain}");
                let root = api.root(&default);
                let form = format!(
                    "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={}&RoleSessionName={}&WebIdentityToken={}",
                    encode(role),
                    encode(session),
                    encode(token.expose())
                );
                let request = Request::post(format!("{root}/")).header("accept", "application/json");
                let request = request.header("content-type", "application/x-www-form-urlencoded");
                let answer = api.ask(&with_body(request, form)?).await?;
                let found = "/AssumeRoleWithWebIdentityResponse/AssumeRoleWithWebIdentityResult/Credentials";
                self.read(&answer, found, "SessionToken", root)
            }
            Self::Container { url, token, token_file } => {
                let token = match token_file {
                    Some(file) => Some(read_token(file, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").await?),
                    None => token.clone(),
                };
                let request = Request::get(url);
                let request = match &token {
                    Some(token) => request.header("authorization", token.expose()),
                    None => request,
                };
                let request = with_body(request, "")?;
                self.read(&api.ask(&request).await?, "", "Token", url)
            }
            Self::Machine { root } => {
                let session = Request::put(format!("{root}/latest/api/token"));
                let session = session.header("x-aws-ec2-metadata-token-ttl-seconds", SESSION);
                let session = self.machine(api, session).await?;
                let get = |path: &str| {
                    Request::get(format!("{root}/latest/meta-data/iam/security-credentials/{path}"))
                        .header("x-aws-ec2-metadata-token", &session)
                };
                let role = self.machine(api, get("")).await?;
                let answer = api.ask(&with_body(get(role.lines().next().unwrap_or_default()), "")?).await?;
                self.read(&answer, "", "Token", root)
            }
        }
    }

    /// Asks the metadata service for a text.
    async fn machine(&self, api: &Api, request: http::request::Builder) -> Result<String> {
        let answer = api.web().send(&with_body(request, "")?).await?;
        let text = String::from_utf8_lossy(answer.body()).trim().to_owned();
        if answer.status().is_success() && !text.is_empty() {
            return Ok(text);
        }
        let status = answer.status().as_u16();
        Err(Error::new(
            ErrorKind::Denied,
            format!("the metadata service of this machine gives no credentials ({status})"),
        )
        .with_hint("give the machine a role, or set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`"))
    }

    fn read(&self, answer: &Value, at: &str, token: &str, host: &str) -> Result<Keys> {
        let secret = |name: &str| text(answer, &format!("{at}/{name}"), host).map(Secret::new);
        let (id, secret_key) = (secret("AccessKeyId")?, secret("SecretAccessKey")?);
        Ok(Keys { id, secret: secret_key, session_token: Some(secret(token)?), origin: self.to_string() })
    }
}

impl fmt::Display for AwsCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keys(keys) => write!(f, "the access key of {}", keys.origin),
            Self::WebIdentity { .. } => f.write_str("the role of `AWS_ROLE_ARN`"),
            Self::Container { .. } => f.write_str("the role of this container"),
            Self::Machine { .. } => f.write_str("the role of this machine"),
        }
    }
}
