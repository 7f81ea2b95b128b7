//! The format of the credential files of Docker and Podman.

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::GeneralPurpose};
use sealift_core::{login::Login, secret::Secret};
use serde_json::{Map, Value};

use super::entry_login;
use crate::config::canonical;

/// A credential file.
#[derive(Default)]
pub(super) struct DockerFile {
    auths: HashMap<String, StoredLogin>,
    creds_store: Option<String>,
    cred_helpers: HashMap<String, String>,
}

/// An entry of `auths`. Docker leaves empty ones where a credential store has the secret.
#[derive(Default)]
pub(super) struct StoredLogin {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
    /// It is not an object, or a field is not a string.
    odd: bool,
}

/// Returns a value as an object: an empty one for `null` and for a missing field, `None` for other types.
fn object(value: Option<&Value>) -> Option<Map<String, Value>> {
    match value {
        None | Some(Value::Null) => Some(Map::new()),
        Some(Value::Object(map)) => Some(map.clone()),
        Some(_) => None,
    }
}

fn field<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    map.get(name).or_else(|| map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

fn entries(map: &Map<String, Value>) -> HashMap<String, StoredLogin> {
    map.iter().map(|(key, value)| (key.clone(), StoredLogin::of(value))).collect()
}

/// Returns the normal form of a key: without scheme, without the `/v1/` of Docker's own URLs, and with one name for
/// Docker Hub.
fn normal(key: &str) -> String {
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://"));
    let key = match bare {
        Some(bare) => bare.split('/').next().unwrap_or_default(), // Docker writes URLs for hosts only
        None => key.trim_end_matches('/'),
    };
    let (host, path) = key.split_once('/').map_or((key, None), |(host, path)| (host, Some(path)));
    let host = canonical(host).unwrap_or_else(|_| host.to_owned());
    path.map_or_else(|| host.clone(), |path| format!("{host}/{path}"))
}

impl DockerFile {
    /// Parses a file. As with Go's readers, `null` counts as missing and names of fields are matched in any case. An
    /// entry that cannot be understood is kept as such, so that the others remain usable.
    ///
    /// # Errors
    /// Half a sentence with the line. The parser's message is left out, because it may quote a secret.
    pub(super) fn parse(bytes: &[u8], legacy: bool) -> Result<Self, String> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default()); // Podman treats an empty file as one without entries
        }
        let value: Value =
            serde_json::from_slice(bytes).map_err(|error| format!("line {} is not what it should be", error.line()))?;
        let top = object(Some(&value)).ok_or("it is no JSON object")?;
        if legacy {
            return Ok(Self { auths: entries(&top), ..Self::default() });
        }
        let map = |name: &str| object(field(&top, name)).ok_or(format!("`{name}` is no JSON object"));
        let helpers = map("credHelpers")?;
        let helpers = helpers.into_iter().filter_map(|(key, helper)| Some((key.clone(), helper.as_str()?.to_owned())));
        Ok(Self {
            auths: entries(&map("auths")?),
            creds_store: match field(&top, "credsStore") {
                None | Some(Value::Null) => None,
                Some(Value::String(store)) => Some(store.clone()),
                Some(_) => return Err("`credsStore` is no text".to_owned()),
            },
            cred_helpers: helpers.collect(),
        })
    }

    /// Returns the entry for a key.
    pub(super) fn entry(&self, key: &str) -> Option<&StoredLogin> {
        self.auths.get(key).or_else(|| {
            // Sorted, so that two spellings of one host give the same answer each time.
            let mut spellings: Vec<_> = self.auths.iter().filter(|(written, _)| normal(written) == key).collect();
            spellings.sort_by_key(|(written, _)| written.as_str());
            spellings.first().map(|(_, entry)| *entry)
        })
    }

    /// Returns the helper for a key, and the server URL to ask it about.
    pub(super) fn helper(&self, key: &str) -> Option<(&str, String)> {
        let of_key = self.cred_helpers.iter().find(|(written, _)| normal(written) == key);
        if let Some((written, helper)) = of_key.filter(|(_, helper)| !helper.is_empty()) {
            return Some((helper, written.clone()));
        }
        let store = self.creds_store.as_deref().filter(|store| !store.is_empty() && !key.contains('/'))?;
        // A store serves hosts that have no login in place; Docker asks it for Docker Hub by its old URL.
        let in_place = self.entry(key).is_some_and(|entry| !entry.is_empty());
        let server = if key == "docker.io" { "https://index.docker.io/v1/" } else { key };
        (!in_place).then(|| (store, server.to_owned()))
    }
}

impl StoredLogin {
    fn of(value: &Value) -> Self {
        let Some(map) = object(Some(value)) else { return Self { odd: true, ..Self::default() } };
        let mut odd = false;
        let mut text = |name: &str| match field(&map, name) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(_) => {
                odd = true;
                None
            }
        };
        let (auth, username, password) = (text("auth"), text("username"), text("password"));
        let (identitytoken, registrytoken) = (text("identitytoken"), text("registrytoken"));
        Self { auth, username, password, identitytoken, registrytoken, odd }
    }

    fn is_empty(&self) -> bool {
        !self.odd
            && [&self.auth, &self.username, &self.password, &self.identitytoken, &self.registrytoken]
                .into_iter()
                .all(|field| field.as_deref().unwrap_or_default().is_empty())
    }

    /// Returns the login of this entry, `None` if it is empty.
    ///
    /// # Errors
    /// Half a sentence, if it cannot be read. It quotes nothing of the entry.
    pub(super) fn login(&self, origin: String) -> Result<Option<Login>, &'static str> {
        if self.odd {
            return Err("is not what an entry should be");
        }
        let filled = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
        if let Some(token) = filled(&self.identitytoken) {
            return Ok(Some(Login::identity_token(Secret::new(token), origin)));
        }
        if let Some(token) = filled(&self.registrytoken) {
            return Ok(Some(Login::registry_token(Secret::new(token), origin)));
        }
        let both = match filled(&self.auth) {
            Some(auth) => Some(decode(&auth).ok_or("has an `auth` that is not base64 of `name:password`")?),
            None => filled(&self.username).zip(filled(&self.password)),
        };
        Ok(both.map(|(username, password)| entry_login(&username, Secret::new(password), origin)))
    }
}

fn decode(auth: &str) -> Option<(String, String)> {
    // Wrapped by `base64` of a shell; Go's decoder, which most readers use, ignores line ends too.
    let bare: String = auth.chars().filter(|char| !char.is_ascii_whitespace()).collect();
    let lenient = base64::engine::GeneralPurposeConfig::new()
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent);
    let bytes = GeneralPurpose::new(&base64::alphabet::STANDARD, lenient).decode(bare).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (username, password) = text.split_once(':')?;
    // Some writers end the password with NULs (as Docker's own reader allows for).
    Some((username.to_owned(), password.trim_end_matches('\0').to_owned()))
}
