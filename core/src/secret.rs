//! Secrets: texts that never show themselves.

use std::fmt;

use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};

/// A text that is wiped when dropped and prints as `[secret]` wherever it is printed.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

/// A value as a configuration writes it: a text in place, or the name of an environment variable.
///
/// ```toml
/// password = { env = "QUAY_PASSWORD" }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub enum SecretValue {
    /// The value itself.
    Literal(Secret),
    /// The environment variable that holds it.
    Env(String),
}

impl SecretValue {
    /// The value, with variables looked up by `env`.
    ///
    /// # Errors
    /// The name of the variable, if it is not set or empty.
    pub fn reveal(&self, env: impl Fn(&str) -> Option<String>) -> std::result::Result<Secret, String> {
        match self {
            Self::Literal(secret) => Ok(secret.clone()),
            // An empty one is what a script leaves whose secret is missing.
            Self::Env(name) => env(name).filter(|value| !value.is_empty()).map(Secret::new).ok_or_else(|| name.clone()),
        }
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(secret) => secret.fmt(f),
            Self::Env(name) => write!(f, "{{ env = {name:?} }}"),
        }
    }
}

// By hand, because an untagged enum would lose the position of errors.
impl<'de> Deserialize<'de> for SecretValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = SecretValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or `{ env = \"NAME\" }`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<SecretValue, E> {
                Ok(SecretValue::Literal(Secret::new(text)))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretValue, A::Error> {
                match map.next_entry::<String, String>()? {
                    Some((key, name)) if key == "env" => match map.next_key::<String>()? {
                        None => Ok(SecretValue::Env(name)),
                        Some(other) => Err(de::Error::unknown_field(&other, &["env"])),
                    },
                    Some((key, _)) => Err(de::Error::unknown_field(&key, &["env"])),
                    None => Err(de::Error::missing_field("env")),
                }
            }
        }
        deserializer.deserialize_any(Read)
    }
}

impl JsonSchema for SecretValue {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Value".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A text, or the environment variable that holds it.",
            // Displays of a configuration leave such values out.
            "writeOnly": true,
            "oneOf": [
                { "type": "string" },
                {
                    "type": "object",
                    "properties": {
                        "env": { "type": "string", "description": "The name of the environment variable." }
                    },
                    "required": ["env"],
                    "additionalProperties": false
                }
            ]
        })
    }
}
