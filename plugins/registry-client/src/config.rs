//! The configuration in `[registries]`.

use std::{
    collections::BTreeMap,
    num::{NonZeroU8, NonZeroU32},
};

use schemars::JsonSchema;
use sealift_core::{
    content::{ReferenceError, Repository},
    secret::SecretValue,
};
use serde::Deserialize;

/// Connection and login of registries, one table for each host.
///
/// A registry needs an entry only where something differs from what is usual: https, verified by the roots of the
/// system, and a login from the auth file or from Docker's and Podman's credential files.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(extend("examples" = [{ "harbor.example.com": { "username": "robot$mirror", "password": { "env": "HARBOR_PASSWORD" } } }]))]
pub struct Config {
    /// A file with further tables `[registries."…"]`, which several pipelines share; relative paths in it start at its
    /// directory. What stands here goes before what stands there. Default: none.
    #[serde(default)]
    #[schemars(example = &"registries.toml")]
    pub file: Option<String>,

    /// By host, with port if it has one, such as `"quay.io"` or `"harbor.corp:8443"`. What stands under `"*"` is for all
    /// registries, as far as their own tables do not say it; a login cannot stand there.
    #[serde(flatten)]
    pub hosts: BTreeMap<String, RegistryConfig>,
}

/// Connection and login of one registry.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Registry")]
pub struct RegistryConfig {
    /// User name; goes before every other login for this host. Needs `password`. With the user name `<token>` the
    /// password is an identity token. Default: none.
    pub username: Option<SecretValue>,

    /// Password or access token, in place or as `{ env = "NAME" }`. Needs `username`. Default: none.
    pub password: Option<SecretValue>,

    /// Do not verify the certificate of this registry, and speak plain http with it where it speaks no TLS. Gives up
    /// the protection of the password and of tags against attackers on the line. Default: false.
    pub insecure: bool,

    /// The product, such as `harbor`, where it is not recognised by itself: `docker-hub`, `ghcr`, `ecr`, `quay`, `gar`,
    /// `acr`, `harbor` or `distribution`. Default: detected.
    pub kind: Option<String>,

    /// PEM file with certificates of private CAs, trusted besides those of the system and of
    /// `/etc/docker/certs.d/HOST/`. Default: none.
    pub ca_file: Option<String>,

    /// PEM file with the certificate that we show to this registry. Needs `client_key`. Default: none.
    pub client_cert: Option<String>,

    /// PEM file with the key of `client_cert`, not encrypted. Default: none.
    pub client_key: Option<String>,

    /// Path in front of `/v2/`, for registries that live below one, such as `/repository/docker` at some Nexus.
    /// Default: none.
    pub path_prefix: Option<String>,

    /// Further hosts that this registry may send us to (token service, object store) although their addresses lie
    /// further inside than its own. Default: none.
    pub trusted_hosts: Vec<String>,

    /// Sends blobs to this registry in parts of at most so many MiB (by `PATCH`), for a proxy in front of it that limits
    /// the size of a request, such as 100 MB at Cloudflare. Without it a blob is one request; after the first answer 413
    /// a size that fits is found and remembered. Default: none.
    #[schemars(range(min = 1, max = 1_048_576))]
    pub chunk_mib: Option<NonZeroU32>,

    /// Reads a blob of 32 MiB or more from this registry in so many ranges at once, for a line or a store that limits the
    /// speed of each connection. Takes memory of 8 MiB for each range but one, of each such blob under way, and only
    /// connections that no other blob waits for. Default: 1.
    pub ranges: Option<NonZeroU8>,
}

impl RegistryConfig {
    /// Fills in from `other` what this does not say.
    pub(crate) fn or(self, other: Self) -> Self {
        let has_login = self.username.is_some() || self.password.is_some();
        let (username, password) =
            if has_login { (self.username, self.password) } else { (other.username, other.password) };
        let has_cert = self.client_cert.is_some() || self.client_key.is_some();
        let (client_cert, client_key) =
            if has_cert { (self.client_cert, self.client_key) } else { (other.client_cert, other.client_key) };
        Self {
            username,
            password,
            insecure: self.insecure || other.insecure,
            kind: self.kind.or(other.kind),
            ca_file: self.ca_file.or(other.ca_file),
            client_cert,
            client_key,
            path_prefix: self.path_prefix.or(other.path_prefix),
            trusted_hosts: if self.trusted_hosts.is_empty() { other.trusted_hosts } else { self.trusted_hosts },
            chunk_mib: self.chunk_mib.or(other.chunk_mib),
            ranges: self.ranges.or(other.ranges),
        }
    }
}

/// The key of what is for all registries.
pub(crate) const ALL: &str = "*";

/// Returns the one spelling of a registry that is used as a key: `index.docker.io` and its like become `docker.io`.
///
/// # Errors
/// If the text is no host.
pub(crate) fn canonical(registry: &str) -> Result<String, ReferenceError> {
    Repository::new(registry, "x").map(|repository| repository.registry().to_owned())
}
