//! The role `login`: hosts, and the wrapper around a provider that asks it for these hosts only.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use schemars::Schema;
use serde::Deserialize;
use serde_json::json;
use toml::de::ValueDeserializer;

use super::{Build, ConfigError, Plugin, Stage, StageConfig, Table};
use crate::{
    content::Repository,
    error::Result,
    isolate::Isolated,
    login::{Login, LoginInventory, LoginProvider, TagPage},
};

/// The key that every `[[login]]` has.
const HOSTS: &str = "hosts";

/// The time limit of a provider. Some ask a person to confirm.
const LIMIT: Duration = Duration::from_secs(60);

/// Reads the table of a login: its own keys, and `hosts`.
pub(super) fn read<T: StageConfig<dyn LoginProvider> + 'static>(
    plugin: &Plugin,
    Table(mut table): Table<'_>,
) -> std::result::Result<Build, toml::de::Error> {
    let hosts = match table.get_mut().remove(HOSTS) {
        Some(written) => Vec::<String>::deserialize(ValueDeserializer::from(written))?,
        None => plugin.hosts.iter().map(ToString::to_string).collect(),
    };
    let config = T::deserialize(toml::de::Deserializer::from(table))?;
    let kind = plugin.kind;
    Ok(Box::new(move |cx| {
        let (hosts, provider) = (patterns(&hosts), config.build(cx));
        let provider = match (hosts, provider) {
            (Ok(hosts), Ok(provider)) => {
                let provider = Isolated::new("login", kind.into(), LIMIT, Arc::from(provider));
                HostLogin { kind, hosts, provider }
            }
            (Ok(_), Err(error)) | (Err(error), Ok(_)) => return Err(error),
            (Err(hosts), Err(own)) => return Err(hosts.and(own)),
        };
        Ok(Stage::Login(Box::new(provider)))
    }))
}

/// Adds the key `hosts` to the schema of a login.
pub(super) fn schema(own: Schema, plugin: &Plugin) -> Schema {
    let mut schema = own.to_value();
    let mut hosts = json!({
        "description": "The hosts for which this login is asked, as they stand in names of images, with their ports; \
            `*` stands for any text: `registry.example.com:5000`, `*.example.com`.",
        "type": "array",
        "items": { "type": "string" },
        "minItems": 1,
    });
    if plugin.hosts.is_empty() {
        hosts["examples"] = json!([["*.example.com"]]);
    } else {
        hosts["default"] = json!(plugin.hosts);
    }
    if let Some(table) = schema.as_object_mut() {
        let properties = table.entry("properties").or_insert_with(|| json!({}));
        properties[HOSTS] = hosts;
        if plugin.hosts.is_empty()
            && let Some(required) = table.entry("required").or_insert_with(|| json!([])).as_array_mut()
        {
            required.push(HOSTS.into());
        }
    }
    Schema::try_from(schema).expect("an object is a schema")
}

/// A pattern of hosts.
#[derive(Debug)]
struct HostPattern(String);

impl HostPattern {
    fn parse(text: &str) -> std::result::Result<Self, String> {
        let sample = match text.split_once(':') {
            Some((name, port)) => format!("{}:{}", name.replace('*', "x"), port.replace('*', "1")),
            None => text.replace('*', "x"),
        };
        let sample = Repository::new(&sample, "x").map_err(|error| match text.contains('*') {
            true => format!("`{text}` is no pattern of hosts"),
            false => error.to_string(),
        })?;
        // Docker Hub has several names, and one of them stands in repositories.
        Ok(Self(if text.contains('*') { text.to_owned() } else { sample.registry().to_owned() }.to_ascii_lowercase()))
    }

    fn matches(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let Some((start, rest)) = self.0.split_once('*') else { return host == self.0 };
        let Some(mut left) = host.strip_prefix(start) else { return false };
        let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
        for part in middle.split('*') {
            match left.split_once(part) {
                Some((_, after)) => left = after,
                None => return false,
            }
        }
        left.ends_with(end)
    }
}

/// Returns true if a pattern of the `hosts` of a `[[login]]` is for a host.
pub fn matches_host(pattern: &str, host: &str) -> bool {
    HostPattern::parse(pattern).is_ok_and(|pattern| pattern.matches(host))
}

fn patterns(hosts: &[String]) -> std::result::Result<Vec<HostPattern>, ConfigError> {
    let mut problems = ConfigError::default();
    let mut patterns = Vec::new();
    for (at, text) in hosts.iter().enumerate() {
        match HostPattern::parse(text) {
            Ok(pattern) => patterns.push(pattern),
            Err(why) => {
                let problem = ConfigError::new(why).at(format!("{HOSTS}[{at}]"));
                let hint = "write host and port only, such as `registry.example.com:5000` or `*.example.com`";
                problems = problems.and(problem.hint(hint));
            }
        }
    }
    problems.or_ok(patterns)
}

/// A provider that is asked for some hosts, and isolated.
struct HostLogin {
    kind: &'static str,
    hosts: Vec<HostPattern>,
    provider: Isolated<dyn LoginProvider>,
}

impl HostLogin {
    fn is_for(&self, repository: &Repository) -> bool {
        self.hosts.iter().any(|host| host.matches(repository.registry()))
    }
}

#[async_trait]
impl LoginProvider for HostLogin {
    async fn get(&self, repository: &Repository) -> Result<Option<Login>> {
        if !self.is_for(repository) {
            return Ok(None);
        }
        let login = self.provider.call("looked up a login", |provider| provider.get(repository)).await;
        login.map_err(|error| error.with_context(format_args!("cannot get a login from `{}`", self.kind)))
    }

    async fn invalidate(&self, login: &Login) {
        let invalidated = self.provider.call("discarded a login", |provider| async {
            provider.invalidate(login).await;
            Ok(())
        });
        if let Err(error) = invalidated.await {
            tracing::warn!(%error, "a login cannot be discarded");
        }
    }

    async fn may_have(&self, repository: &Repository) -> bool {
        let answer = self
            .provider
            .call("said whether it may have a login", |provider| async { Ok(provider.may_have(repository).await) });
        match self.is_for(repository) {
            true => answer.await.unwrap_or(true),
            false => false,
        }
    }

    fn inventory(&self) -> Option<&dyn LoginInventory> {
        let has_one = self.provider.hint("said whether it lists tags", |provider| Some(provider.inventory().is_some()));
        has_one.then_some(self)
    }
}

#[async_trait]
impl LoginInventory for HostLogin {
    fn tells_media_types(&self) -> bool {
        self.provider
            .hint("said what its list of tags tells", |provider| Some(provider.inventory()?.tells_media_types()))
    }

    async fn page(&self, repository: &Repository, next: Option<&str>) -> Result<Option<TagPage>> {
        if !self.is_for(repository) {
            return Ok(None);
        }
        let page = self.provider.call_if("listed tags", |provider| Some(provider.inventory()?.page(repository, next)));
        page.await.map_err(|error| error.with_context(format_args!("cannot list tags by `{}`", self.kind)))
    }
}

#[cfg(test)]
mod tests;
