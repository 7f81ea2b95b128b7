//! Requests to the API of a cloud, and its refusals in words.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{Request, StatusCode};
use sealift_core::{
    error::{Error, ErrorKind, Result, io_message},
    plugin::{BuildContext, ConfigError},
    secret::Secret,
};
use sealift_registry_client::WebClient;
use serde_json::Value;
use url::Url;

/// The API of a cloud.
pub struct Api {
    web: WebClient,
    endpoint: Option<String>,
    /// The keys that it is asked with, for hints: "`ALIBABA_CLOUD_ACCESS_KEY_ID` and its secret".
    pub credentials: String,
    /// The right that the login needs, for hints: "`cr:GetAuthorizationToken`".
    pub right: &'static str,
}

/// A login that an API is asked for, in messages.
pub const LOGIN: &str = "login";
/// A list of tags that an API is asked for, in messages.
pub const LIST: &str = "list of tags";

/// Checks the key `region`, which becomes a part of the name of a host that a signed request goes to.
///
/// # Errors
/// If it is not the name of a region.
pub fn check_region(region: Option<&str>) -> Result<(), ConfigError> {
    let is_name =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    match region {
        Some(region) if !is_name(region) => {
            let wrong = ConfigError::new(format!("`{region}` is not the name of a region")).at("region");
            Err(wrong.hint("write it as `eu-west-1`, or leave it out"))
        }
        _ => Ok(()),
    }
}

impl Api {
    /// Returns an API; `endpoint` is the key of that name, a URL that replaces its own.
    ///
    /// # Errors
    /// If `endpoint` is no URL, or has a login in it.
    pub fn new(cx: &BuildContext<'_>, endpoint: Option<String>, right: &'static str) -> Result<Self, ConfigError> {
        let endpoint = endpoint.map(|endpoint| endpoint.trim_end_matches('/').to_owned());
        let is_url = |text: &String| Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !endpoint.as_ref().is_none_or(is_url) {
            let wrong = ConfigError::new("`endpoint` must be a URL").at("endpoint");
            return Err(wrong.hint("write it as `https://api.example.com`"));
        }
        let has_login =
            |text: &str| Url::parse(text).is_ok_and(|url| !url.username().is_empty() || url.password().is_some());
        if endpoint.as_deref().is_some_and(has_login) {
            let wrong = ConfigError::new("`endpoint` has a login in it, and would be sent none").at("endpoint");
            return Err(wrong.hint("write it as `https://api.example.com`"));
        }
        Ok(Self { web: WebClient::new(cx), endpoint, credentials: String::new(), right })
    }

    /// Returns the root of the API: the configured one, else `default`.
    pub fn root<'a>(&'a self, default: &'a str) -> &'a str {
        self.endpoint.as_deref().unwrap_or(default)
    }

    /// Returns the client of the API.
    pub fn web(&self) -> &WebClient {
        &self.web
    }

    /// Sends a request for a login and returns the JSON of the answer.
    ///
    /// # Errors
    /// If it is refused, or the answer is no JSON. Of a refusal only the code is quoted: its text may repeat what was
    /// signed.
    pub async fn ask(&self, request: &Request<String>) -> Result<Value> {
        self.ask_for(LOGIN, self.right, request).await
    }

    /// Does the same for a [list of tags](LIST), which needs other rights.
    ///
    /// # Errors
    /// As [`Api::ask`].
    pub async fn ask_list(&self, rights: &str, request: &Request<String>) -> Result<Value> {
        self.ask_for(LIST, rights, request).await
    }

    async fn ask_for(&self, what: &str, right: &str, request: &Request<String>) -> Result<Value> {
        let host = request.uri().authority().map_or("", |host| host.as_str());
        let answer = self.web.send(request).await?;
        let json = serde_json::from_slice::<Value>(answer.body());
        match json {
            Ok(json) if answer.status().is_success() && code(&json).is_none() => Ok(json),
            Ok(json) => Err(self.refused(host, what, right, answer.status(), code(&json).as_deref())),
            Err(_) if answer.status().is_success() => Err(unreadable(host, what)),
            Err(_) => Err(self.refused(host, what, right, answer.status(), None)),
        }
    }

    fn refused(&self, host: &str, what: &str, right: &str, status: StatusCode, code: Option<&str>) -> Error {
        let (kind, why, hint) = self.explain(right, status, code.unwrap_or_default());
        let quoted = code.map_or_else(|| status.as_u16().to_string(), |code| format!("{}, `{code}`", status.as_u16()));
        Error::new(kind, format!("`{host}` gives no {what}: {why} ({quoted})")).with_hint(hint)
    }

    fn explain(&self, right: &str, status: StatusCode, code: &str) -> (ErrorKind, &'static str, String) {
        let (has, keys) = (|words: &[&str]| words.iter().any(|word| code.contains(word)), &self.credentials);
        if status == StatusCode::TOO_MANY_REQUESTS || has(&["Throttl", "LimitExceeded"]) {
            (ErrorKind::Throttled, "it is asked too often", "run again later".to_owned())
        } else if status.is_server_error() {
            (ErrorKind::Unavailable, "it fails", "run again later".to_owned())
        } else if has(&["Expired", "TimeStamp", "SignatureExpire", "RequestTimeTooSkewed"]) && !has(&["Token"]) {
            (ErrorKind::Denied, "the time of the request is wrong", "look at the clock of this machine".to_owned())
        } else if has(&["Token"]) && !has(&["InvalidClientTokenId"]) {
            let hint = format!("get new temporary keys: {keys}");
            (ErrorKind::Denied, "the session token is wrong or has expired", hint)
        } else if has(&["Signature"]) {
            (ErrorKind::Denied, "the secret does not belong to the access key", format!("check {keys}"))
        } else if has(&["AccessKey", "ClientTokenId", "UnrecognizedClient", "SecretIdNotFound", "invalid_client"]) {
            (ErrorKind::Denied, "it does not know the access key, or the key is disabled", format!("check {keys}"))
        } else if has(&["Denied", "NoPermission", "Forbidden", "Unauthorized"]) || status == StatusCode::FORBIDDEN {
            let hint = format!("allow {right} to the account of {keys}");
            (ErrorKind::Denied, "the account lacks the right", hint)
        } else {
            (ErrorKind::Denied, "it refuses the request", format!("check {keys}"))
        }
    }
}

/// Returns a request with a body.
///
/// # Errors
/// If its URL or a header is not valid.
pub fn with_body(request: http::request::Builder, body: impl Into<String>) -> Result<Request<String>> {
    request.body(body.into()).map_err(|error| Error::new(ErrorKind::Unsupported, error.to_string()))
}

/// Reads a token from a file that something else renews; `variable` names it.
///
/// # Errors
/// If the file cannot be read.
pub async fn read_token(file: &str, variable: &str) -> Result<Secret> {
    let text = tokio::fs::read_to_string(file).await.map_err(|error| {
        Error::new(ErrorKind::Denied, format!("cannot read the token in `{file}`: {}", io_message(&error)))
            .with_hint(format!("look at `{variable}`"))
    })?;
    Ok(Secret::new(text.trim()))
}

/// Returns the code of an error, as the clouds write it.
fn code(json: &Value) -> Option<String> {
    let paths = [
        "/Code",
        "/code",
        "/__type",
        "/Error/Code",
        "/Response/Error/Code",
        "/error",
        "/errors/0/code",
        "/errors/0/errorCode",
        "/error_code",
    ];
    let code = paths
        .iter()
        .find_map(|path| json.pointer(path)?.as_str())
        .filter(|code| !code.eq_ignore_ascii_case("success"))?;
    let code = code.rsplit('#').next().unwrap_or(code);
    Some(code.chars().filter(|char| char.is_ascii_alphanumeric() || "._-".contains(*char)).take(60).collect())
}

/// Returns the error of an answer that is not what the API documents. `what` is [`LOGIN`] or [`LIST`].
pub fn unreadable(host: &str, what: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("`{host}` gives an answer without a {what}"))
        .with_hint("something else may answer there: look at `endpoint` and at proxies")
}

/// Returns a text of an answer.
///
/// # Errors
/// If it is not there.
pub fn text<'a>(json: &'a Value, path: &str, host: &str) -> Result<&'a str> {
    let text = json.pointer(path).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.ok_or_else(|| unreadable(host, LOGIN))
}

/// Returns a time of an answer in milliseconds, `None` if it is not there.
pub fn millis(json: &Value, path: &str) -> Option<SystemTime> {
    epoch_millis(json.pointer(path)?.as_u64()?)
}

/// Returns a time of an answer in seconds, `None` if it is not there.
pub fn seconds(json: &Value, path: &str) -> Option<SystemTime> {
    epoch_seconds(json.pointer(path)?.as_f64()?)
}

/// Returns the time that a text in RFC 3339 stands for.
pub fn rfc3339(text: &str) -> Option<SystemTime> {
    text.parse::<jiff::Timestamp>().ok().map(SystemTime::from)
}

/// Returns the time so many milliseconds after 1970, `None` if there is none.
pub fn epoch_millis(millis: u64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_millis(millis))
}

/// Returns the time so many seconds after 1970, `None` if there is none.
pub fn epoch_seconds(seconds: f64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}

#[cfg(test)]
mod tests;
