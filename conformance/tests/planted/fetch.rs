//! Fetches that break one rule.

use schemars::JsonSchema;
use sealift_conformance::{Given, fetch::RULES, memory::Memory, samples};
use sealift_core::{
    async_trait,
    blob::Blob,
    content::{Descriptor, ImageRef, Manifest, Reference, Repository},
    error::{Error, ErrorKind, Result},
    inventory,
    job::Resolved,
    plugin::{BuildContext, ConfigError, Plugin, StageConfig},
    stage::{Fetch, FetchCapabilities, ResolveMode},
};
use serde::Deserialize;

use super::{each_breaks_its_rule, memory, unused};

/// Reads from memory, and is odd in one way.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Odd {
    /// The name of the registry.
    name: String,
    /// In which way it is odd. Default: none.
    how: Option<How>,
}

/// In which way it is odd.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum How {
    /// It finds nothing by digest.
    NoDigests,
    /// It says what a tag points to before it reads it wrongly.
    ManifestOfAnother,
    /// It writes manifests anew.
    Reformats,
    /// It thinks that blobs have bytes.
    NoEmptyBlobs,
    /// It has one tag for each manifest.
    OneTag,
    /// It calls everything a bad connection.
    AlwaysUnavailable,
    /// It makes something up.
    Invents,
}

struct Stage(Memory, Option<How>);

impl StageConfig<dyn Fetch> for Odd {
    fn build(self, _: &BuildContext<'_>) -> std::result::Result<Box<dyn Fetch>, ConfigError> {
        Ok(Box::new(Stage(memory(&self.name), self.how)))
    }
}

impl Stage {
    fn as_told<T>(&self, result: Result<T>) -> Result<T> {
        match self.1 {
            Some(How::AlwaysUnavailable) => {
                result.map_err(|error| Error::new(ErrorKind::Unavailable, error.message().to_owned()))
            }
            _ => result,
        }
    }
}

fn not_found() -> Error {
    Error::new(ErrorKind::NotFound, "not here")
}

#[async_trait]
impl Fetch for Stage {
    async fn resolve(&self, image: &ImageRef, want: ResolveMode) -> Result<Resolved> {
        match (self.1, &image.reference) {
            (Some(How::NoDigests), Reference::Digest(_)) => return Err(not_found()),
            (Some(How::OneTag), Reference::Tag(tag)) if &**tag == "same" => return Err(not_found()),
            (Some(How::ManifestOfAnother), Reference::Tag(tag)) if want == ResolveMode::Manifest && &**tag == "v2" => {
                let other = ImageRef { reference: Reference::Tag("v1".parse().unwrap()), ..image.clone() };
                let resolved = self.0.resolve(&other, want).await?;
                return Ok(Resolved { image: image.clone(), ..resolved });
            }
            _ => {}
        }
        self.as_told(self.0.resolve(image, want).await)
    }

    async fn manifest(&self, repository: &Repository, item: &Descriptor) -> Result<Manifest> {
        let manifest = self.as_told(self.0.manifest(repository, item).await)?;
        if self.1 != Some(How::Reformats) {
            return Ok(manifest);
        }
        let document: serde_json::Value = serde_json::from_slice(manifest.bytes()).unwrap();
        Ok(Manifest::parse(document.to_string(), manifest.media_type())?)
    }

    async fn blob(&self, repository: &Repository, item: &Descriptor) -> Result<Blob> {
        if self.1 == Some(How::NoEmptyBlobs) && item.size == 0 {
            return Err(Error::new(ErrorKind::Unavailable, "nothing came"));
        }
        match self.as_told(self.0.blob(repository, item).await) {
            Err(_) if self.1 == Some(How::Invents) => {
                Ok(Blob::from_bytes(item.clone(), b"nothing has these bytes".as_slice().into()))
            }
            result => result,
        }
    }

    fn capabilities(&self) -> FetchCapabilities<'_> {
        Fetch::capabilities(&self.0)
    }
}

inventory::submit! { Plugin::fetch::<Odd>("memory") }

/// A source that has the samples.
fn given(how: &str) -> Given {
    let name = unused();
    for (image, content) in samples() {
        memory(&name).add(image, &content);
    }
    Given::new(format!("[fetch]\nuse = \"memory\"\nname = \"{name}\"\n{how}\n")).holds("kit.example")
}

#[tokio::test]
async fn each_way_to_be_odd_breaks_one_rule() {
    let ways = [
        ("no_digests", "tag_and_digest_lead_to_the_same"),
        ("manifest_of_another", "tag_and_digest_lead_to_the_same"),
        ("reformats", "bytes_are_verbatim"),
        ("no_empty_blobs", "reads_an_empty_blob"),
        ("one_tag", "two_tags_share_a_manifest"),
        ("always_unavailable", "what_is_not_there_is_not_found"),
        ("invents", "what_is_not_there_is_not_found"),
    ];
    each_breaks_its_rule(RULES, &ways, |how| given(&format!("how = \"{how}\""))).await;
}

mod held {
    sealift_conformance::conformance!(fetch: super::given(""));
}

mod filled {
    use super::{Given, unused};

    fn given() -> Given {
        let name = unused();
        Given::new(format!("[fetch]\nuse = \"memory\"\nname = \"{name}\"\n"))
            .other_end(format!("[[push]]\nuse = \"memory\"\nname = \"{name}\"\n"))
    }

    sealift_conformance::conformance!(fetch: given());
}
