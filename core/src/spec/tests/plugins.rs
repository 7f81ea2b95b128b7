//! Plugins that only these tests link: small, but with every kind of field that real ones have.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    blob::Blob,
    content::{Descriptor, ImageRef, Manifest, Repository},
    diagnostic::{Diagnostic, Location},
    error::Result,
    job::{Job, Listing, Resolved},
    lock::lock,
    login::{Login, LoginProvider},
    outlet::Outlet,
    plugin::{BuildContext, ConfigError, KeyPath, Plugin, Section, SectionPlugin, StageConfig},
    secret::{Secret, SecretValue},
    stage::{
        BeginUpload, Fetch, FetchCapabilities, Filter, List, Push, PushCapabilities, PutManifest, ResolveMode, StoreId,
        UploadStart,
    },
};

/// A stage that does nothing.
struct Idle;

#[async_trait]
impl List for Idle {
    async fn list(&self, _: &Outlet) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl Fetch for Idle {
    async fn resolve(&self, _: &ImageRef, _: ResolveMode) -> Result<Resolved> {
        unimplemented!()
    }
    async fn manifest(&self, _: &Repository, _: &Descriptor) -> Result<Manifest> {
        unimplemented!()
    }
    async fn blob(&self, _: &Repository, _: &Descriptor) -> Result<Blob> {
        unimplemented!()
    }
    fn capabilities(&self) -> FetchCapabilities<'_> {
        unimplemented!()
    }
}

#[async_trait]
impl Push for Idle {
    fn targets(&self, _: &Job) -> Result<Vec<ImageRef>> {
        unimplemented!()
    }
    fn store(&self, _: &Repository) -> StoreId {
        unimplemented!()
    }
    async fn resolve(&self, _: &ImageRef) -> Result<Option<Descriptor>> {
        unimplemented!()
    }
    async fn blob_exists(&self, _: &Repository, _: &Descriptor) -> Result<bool> {
        unimplemented!()
    }
    async fn begin_upload(&self, _: &BeginUpload<'_>) -> Result<UploadStart> {
        unimplemented!()
    }
    async fn put_manifest(&self, _: &PutManifest<'_>) -> Result<()> {
        unimplemented!()
    }
    fn capabilities(&self) -> PushCapabilities<'_> {
        unimplemented!()
    }
    async fn close(&self) -> Result<()> {
        unimplemented!()
    }
}

/// Lists the images of a file or of this table.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RegistryList {
    /// A file of rules.
    rules: Option<String>,
    /// Rules in place.
    #[serde(default)]
    images: Vec<Image>,
}

/// A rule.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Image {
    /// The source.
    from: String,
    /// The destinations.
    #[serde(default)]
    to: Vec<String>,
}

impl StageConfig<dyn List> for RegistryList {
    fn build(self, _: &BuildContext<'_>) -> std::result::Result<Box<dyn List>, ConfigError> {
        let mut errors = ConfigError::default();
        for (at, image) in self.images.iter().enumerate() {
            if !image.from.contains('/') {
                errors = errors.and(ConfigError::new("a source has a registry").at(format!("images[{at}].from")));
            }
            for (to, _) in image.to.iter().enumerate().filter(|(_, to)| to.is_empty()) {
                errors = errors.and(ConfigError::new("a destination is empty").at(format!("images[{at}].to[{to}]")));
            }
        }
        if self.rules.as_deref() == Some("broken.yaml") {
            let place = Location::of("broken.yaml", "a: 1\nb: [\n", 8..9);
            errors = errors.and(vec![Diagnostic::error("a list is not closed").at(place)].into());
        }
        errors.or_ok(Box::new(Idle) as _)
    }
}

/// A directory.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Directory {
    /// Where it is.
    path: String,
}

impl StageConfig<dyn List> for Directory {
    fn build(self, _: &BuildContext<'_>) -> std::result::Result<Box<dyn List>, ConfigError> {
        Ok(Box::new(Idle))
    }
}

impl StageConfig<dyn Push> for Directory {
    fn build(self, _: &BuildContext<'_>) -> std::result::Result<Box<dyn Push>, ConfigError> {
        match self.path.is_empty() {
            true => Err(ConfigError::new("the path is empty").at("path").hint("write `.` for this directory")),
            false => Ok(Box::new(Idle)),
        }
    }
}

/// Reads from a registry.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RegistryFetch {}

impl StageConfig<dyn Fetch> for RegistryFetch {
    fn build(self, cx: &BuildContext<'_>) -> std::result::Result<Box<dyn Fetch>, ConfigError> {
        cx.section::<Registries>()?;
        Ok(Box::new(Idle))
    }
}

/// Keeps some platforms.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Platforms {
    /// Platforms to keep.
    keep: Vec<OsArch>,
    /// What to do with images that have none.
    #[serde(default)]
    without: Without,
    /// How many.
    #[serde(default)]
    limit: Option<u8>,
    /// A date that the schema knows nothing about.
    #[serde(default)]
    #[expect(dead_code, reason = "only its type matters")]
    since: Option<Since>,
}

/// Two words with a slash: what the schema cannot say.
#[derive(Deserialize, JsonSchema)]
#[serde(try_from = "String")]
struct OsArch(String);

impl TryFrom<String> for OsArch {
    type Error = String;
    fn try_from(text: String) -> std::result::Result<Self, String> {
        match text.contains('/') {
            true => Ok(Self(text)),
            false => Err(format!("`{text}` is not of the form `os/arch`")),
        }
    }
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Without {
    /// Drop them.
    #[default]
    Drop,
    /// Keep them.
    Keep,
}

/// Takes a year only, whatever its schema says.
struct Since;

impl JsonSchema for Since {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Since".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        true.into()
    }
}

impl<'de> Deserialize<'de> for Since {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        u16::deserialize(deserializer).map(|_| Self)
    }
}

/// A filter that knows its limit.
struct Limited(u8);

impl Filter for Limited {
    fn filter_tags(&self, listing: &mut Listing) {
        listing.candidates.truncate(self.0.into());
    }
}

impl StageConfig<dyn Filter> for Platforms {
    fn build(self, _: &BuildContext<'_>) -> std::result::Result<Box<dyn Filter>, ConfigError> {
        if self.keep.iter().any(|platform| platform.0 == "boom/boom") {
            return Err(ConfigError::new("no such platform").at(KeyPath::new().key("keep").index(9)));
        }
        assert!(self.limit != Some(66), "told to");
        let limit = match self.without {
            Without::Drop => self.limit.unwrap_or(100),
            Without::Keep => 0,
        };
        Ok(Box::new(Limited(limit)))
    }
}

/// Writes to a registry.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RegistryPush {
    /// Where images go that have no targets.
    prefix: Option<String>,
    /// A value that is secret by its schema only.
    #[serde(default)]
    pin: Option<SecretValue>,
}

impl StageConfig<dyn Push> for RegistryPush {
    fn build(self, cx: &BuildContext<'_>) -> std::result::Result<Box<dyn Push>, ConfigError> {
        if self.prefix.is_none() && !cx.claim_targets() {
            return Err(ConfigError::new("the targets belong to the first push").hint("set `prefix`"));
        }
        self.pin.map(|pin| cx.reveal(&pin, "pin")).transpose()?;
        cx.section::<Registries>()?;
        Ok(Box::new(Idle))
    }
}

/// Logs in to a cloud.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Cloud {
    /// The account.
    account: String,
}

impl StageConfig<dyn LoginProvider> for Cloud {
    fn build(self, _: &BuildContext<'_>) -> std::result::Result<Box<dyn LoginProvider>, ConfigError> {
        match self.account.as_str() {
            "" => Err(ConfigError::new("the account is empty").at("account")),
            _ => Ok(Box::new(self)),
        }
    }
}

#[async_trait]
impl LoginProvider for Cloud {
    async fn get(&self, repository: &Repository) -> Result<Option<Login>> {
        match repository.path() {
            "broken" => panic!("told to"),
            "pending" => std::future::pending().await,
            _ => Ok(Some(Login::basic(&self.account, Secret::new("x"), "cloud"))),
        }
    }

    async fn invalidate(&self, _: &Login) {
        panic!("told to");
    }
}

/// Logs in to the registries of a company.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Company {}

impl StageConfig<dyn LoginProvider> for Company {
    fn build(self, _: &BuildContext<'_>) -> std::result::Result<Box<dyn LoginProvider>, ConfigError> {
        Ok(Box::new(Cloud { account: "company".to_owned() }))
    }
}

/// The logins that the section `registries` was built with.
pub(super) static LOGINS: Mutex<Vec<Arc<dyn LoginProvider>>> = Mutex::new(Vec::new());

/// Registries by host.
#[derive(Deserialize, JsonSchema)]
struct Hosts(BTreeMap<String, Host>);

/// How to talk to a host.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Host {
    username: Option<SecretValue>,
    password: Option<SecretValue>,
    #[serde(default)]
    insecure: bool,
    port: Option<u16>,
}

struct Registries;

impl Section for Registries {
    const TABLE: &'static str = "registries";
    type Config = Hosts;

    fn build(config: Option<Hosts>, cx: &BuildContext<'_>) -> std::result::Result<Self, ConfigError> {
        if cx.env("KEEP_LOGINS").is_some() {
            *lock(&LOGINS) = cx.logins().iter().chain(cx.automatic_logins()).cloned().collect();
        }
        let mut errors = ConfigError::default();
        for (host, config) in config.into_iter().flat_map(|hosts| hosts.0) {
            let key = |name| KeyPath::new().key("registries").key(&host).key(name).to_string();
            for (name, value) in [("username", &config.username), ("password", &config.password)] {
                if let Some(value) = value {
                    errors = errors.and(cx.reveal(value, &key(name)).err().unwrap_or_default());
                }
            }
            if config.insecure && config.port == Some(443) {
                errors = errors.and(ConfigError::new("port 443 is never insecure").at(key("port")));
            }
        }
        errors.or_ok(Self)
    }
}

/// Two sections that need each other.
struct Chicken;
struct Egg;

#[derive(Deserialize, JsonSchema)]
struct Nothing {}

impl Section for Chicken {
    const TABLE: &'static str = "chicken";
    type Config = Nothing;
    fn build(_: Option<Nothing>, cx: &BuildContext<'_>) -> std::result::Result<Self, ConfigError> {
        let _: Arc<Egg> = cx.section()?;
        Ok(Self)
    }
}

impl Section for Egg {
    const TABLE: &'static str = "egg";
    type Config = Nothing;
    fn build(_: Option<Nothing>, cx: &BuildContext<'_>) -> std::result::Result<Self, ConfigError> {
        let _: Arc<Chicken> = cx.section()?;
        Ok(Self)
    }
}

inventory::submit! { Plugin::list::<RegistryList>("registry") }
inventory::submit! { Plugin::list::<Directory>("oci-dir") }
inventory::submit! { Plugin::fetch::<RegistryFetch>("registry") }
inventory::submit! { Plugin::filter::<Platforms>("platform") }
inventory::submit! { Plugin::push::<RegistryPush>("registry") }
inventory::submit! { Plugin::push::<Directory>("oci-dir") }
inventory::submit! { Plugin::login::<Cloud>("cloud") }
inventory::submit! { Plugin::login::<Company>("company").for_hosts(&["*.company.example"]) }
inventory::submit! { SectionPlugin::of::<Registries>() }
inventory::submit! { SectionPlugin::of::<Chicken>() }
inventory::submit! { SectionPlugin::of::<Egg>() }
