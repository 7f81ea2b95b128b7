//! Access keys, from the table of a login or from the environment.

use sealift_core::{
    diagnostic::Diagnostic,
    plugin::{BuildContext, ConfigError, Purpose},
    secret::{Secret, SecretValue},
};

use crate::Api;

/// An access key: an id, a secret, and a token where the key is temporary itself.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The id of the key.
    pub id: Secret,
    /// The secret by which requests are signed.
    pub secret: Secret,
    /// The token of a temporary key.
    pub session_token: Option<Secret>,
    /// The place of the key, for messages: "`ALIBABA_CLOUD_ACCESS_KEY_ID`".
    pub origin: String,
}

/// The environment variables of a cloud, the first that is set counts.
#[derive(Clone, Copy, Debug)]
pub struct KeyNames {
    /// Of the id.
    pub id: &'static [&'static str],
    /// Of the secret.
    pub secret: &'static [&'static str],
    /// Of the session token.
    pub session_token: &'static [&'static str],
}

/// Returns the first of these environment variables that is set and not empty, with its value.
pub fn variable(cx: &BuildContext<'_>, names: &[&'static str]) -> Option<(&'static str, String)> {
    let value = |name: &&'static str| Some((*name, cx.env(name)?)).filter(|(_, value)| !value.trim().is_empty());
    names.iter().find_map(value)
}

impl KeyNames {
    /// Reads the keys `access_key`, `secret_key` and `session_token` of a table, else the environment. Returns `None` if
    /// neither has a key.
    ///
    /// # Errors
    /// If a table, or the environment for a login that a table names, has half of a key.
    pub fn read(
        &self,
        cx: &BuildContext<'_>,
        [id, secret, session_token]: [&Option<SecretValue>; 3],
    ) -> Result<Option<Keys>, ConfigError> {
        let half = |has: &str, lacks: &str| {
            ConfigError::new(format!("{has} needs {lacks}"))
                .hint("the id of an access key and its secret belong together")
        };
        match (id, secret) {
            (Some(id), Some(secret)) => {
                let origin = match id {
                    SecretValue::Env(name) => format!("`{name}`"),
                    SecretValue::Literal(_) => "its table".to_owned(),
                };
                let (id, secret) = (cx.reveal(id, "access_key"), cx.reveal(secret, "secret_key"));
                let session_token = session_token.as_ref().map(|token| cx.reveal(token, "session_token")).transpose();
                match (id, secret, session_token) {
                    (Ok(id), Ok(secret), Ok(session_token)) => Ok(Some(Keys { id, secret, session_token, origin })),
                    (id, secret, token) => Err([id.err(), secret.err(), token.err()]
                        .into_iter()
                        .flatten()
                        .fold(ConfigError::default(), ConfigError::and)),
                }
            }
            (Some(_), None) => Err(half("`access_key`", "a `secret_key`").at("access_key")),
            (None, Some(_)) => Err(half("`secret_key`", "an `access_key`").at("secret_key")),
            (None, None) => match (variable(cx, self.id), variable(cx, self.secret)) {
                (Some((name, id)), Some((_, secret))) => Ok(Some(Keys {
                    id: Secret::new(id.trim()),
                    secret: Secret::new(secret.trim()),
                    session_token: variable(cx, self.session_token).map(|(_, token)| Secret::new(token.trim())),
                    origin: format!("`{name}`"),
                })),
                (Some((name, _)), None) if !cx.is_automatic() => {
                    Err(half(&format!("`{name}`"), &format!("`{}`, which is not set", self.secret[0])))
                }
                _ => Ok(None),
            },
        }
    }

    /// Returns an API together with the keys by which its requests are signed.
    ///
    /// # Errors
    /// As [`KeyNames::read`], and what is wrong with the API.
    pub fn open(
        &self,
        cx: &BuildContext<'_>,
        api: Result<Api, ConfigError>,
        written: [&Option<SecretValue>; 3],
    ) -> Result<(Api, Option<Keys>), ConfigError> {
        match (api, self.read(cx, written)) {
            (Ok(mut api), Ok(keys)) => {
                let origin = keys.as_ref().map_or(self.id[0], |keys| &keys.origin);
                api.credentials = format!("the access key of {origin} and its secret");
                Ok((api, keys))
            }
            (api, keys) => Err(api.err().unwrap_or_default().and(keys.err().unwrap_or_default())),
        }
    }

    /// Tells that a login which a table names has no key.
    ///
    /// # Errors
    /// When running. When checking, it is a warning.
    pub fn missing(&self, cx: &BuildContext<'_>) -> Result<(), ConfigError> {
        let message = format!("there is no access key: `{}` is not set", self.id[0]);
        let hint = format!(
            "set `{}` and `{}`, or write `access_key = {{ env = \"…\" }}` and `secret_key`",
            self.id[0], self.secret[0]
        );
        match cx.purpose() {
            _ if cx.is_automatic() => Ok(()),
            Purpose::Check => {
                cx.warn(Diagnostic::warning(message).hint(hint));
                Ok(())
            }
            Purpose::Run => Err(ConfigError::new(message).hint(hint)),
        }
    }
}
