//! What the tests stand on.

use std::{path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use sealift_conformance::images::Image;
use sealift_core::{
    blob::Blob,
    cache::Cache,
    content::{Descriptor, Digest, ImageRef, Manifest, Repository, well_known},
    error::Result,
    plugin::{BuildContext, Purpose},
    stage::{BeginUpload, Fetch, Push, PutManifest, RepositoryTags, TagInventory, TagRequest, UploadStart},
};

use crate::{
    client::Client,
    config::{Config, RegistryConfig},
    fetch::RegistryFetch,
    push::{RegistryPush, TargetNaming},
    registries::Registries,
    retry::RetryPolicy,
    timing::Timing,
};

/// Limits that a test does not have to wait for.
pub(super) fn hasty() -> Timing {
    Timing {
        // A busy machine takes its time; what is meant to be silent has limits of its own.
        response: Duration::from_secs(30),
        slow_response: Duration::from_secs(30),
        retry: RetryPolicy {
            backoff: Duration::from_millis(2),
            backoff_max: Duration::from_millis(10),
            outage: Duration::ZERO,
            ..RetryPolicy::default()
        },
        ..Timing::default()
    }
}

/// The same with this first pause, and this patience with a host that is away.
pub(super) fn patient(backoff: Duration, outage: Duration) -> Timing {
    let hasty = hasty();
    Timing { retry: RetryPolicy { backoff, outage, ..hasty.retry }, ..hasty }
}

/// A client with these entries in `[registries]`, and nothing in its environment.
pub(super) fn client_with(entries: &[(&str, RegistryConfig)], timing: Timing) -> Arc<Client> {
    client_in(entries, timing, Path::new("/nonexistent"), &[])
}

/// The same with a directory for certificates and an environment.
pub(super) fn client_in(
    entries: &[(&str, RegistryConfig)],
    timing: Timing,
    certs_d: &Path,
    env: &[(&str, &str)],
) -> Arc<Client> {
    let env: Vec<(String, String)> = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let lookup = move |name: &str| env.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    build(entries, timing, certs_d, &BuildContext::new(Arc::new(lookup), ".", Purpose::Run))
}

/// The same with notes of earlier runs.
pub(super) fn client_noting(entries: &[(&str, RegistryConfig)], notes: Cache) -> Arc<Client> {
    let cx = BuildContext::new(Arc::new(|_: &str| None), ".", Purpose::Run).with_cache(notes);
    build(entries, hasty(), Path::new("/nonexistent"), &cx)
}

/// One with several directories for certificates.
pub(super) fn client_of_dirs(certs_d: &[&Path]) -> Arc<Client> {
    let cx = BuildContext::new(Arc::new(|_: &str| None), ".", Purpose::Run);
    let certs_d = certs_d.iter().map(|dir| dir.to_path_buf()).collect();
    Registries::with(Config::default(), &cx, hasty(), certs_d).expect("it is valid").client()
}

/// One that follows this `registries.conf`.
pub(super) fn client_following(conf: &str) -> Arc<Client> {
    use sealift_core::plugin::Section as _;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), conf).unwrap();
    let path = file.path().display().to_string();
    let env = move |name: &str| (name == "CONTAINERS_REGISTRIES_CONF").then(|| path.clone());
    let cx = BuildContext::new(Arc::new(env), ".", Purpose::Run);
    let config = crate::ContainersConfig { registries_conf: true };
    let containers = Arc::new(crate::Containers::build(Some(config), &cx).expect("it is valid"));
    let client = Registries::with_containers(Config::default(), &cx, hasty(), Vec::new(), containers);
    client.expect("it is valid").client()
}

fn build(entries: &[(&str, RegistryConfig)], timing: Timing, certs_d: &Path, cx: &BuildContext<'_>) -> Arc<Client> {
    let hosts = entries.iter().map(|(host, entry)| ((*host).to_owned(), entry.clone())).collect();
    Registries::with(Config { file: None, hosts }, cx, timing, vec![certs_d.to_owned()])
        .expect("the entries are valid")
        .client()
}

pub(super) fn client() -> Arc<Client> {
    client_with(&[], hasty())
}

/// An entry with a login.
pub(super) fn login(username: &str, password: &str) -> RegistryConfig {
    use sealift_core::secret::{Secret, SecretValue};
    let value = |text: &str| Some(SecretValue::Literal(Secret::new(text)));
    RegistryConfig { username: value(username), password: value(password), ..RegistryConfig::default() }
}

pub(super) fn push_of(client: &Arc<Client>) -> RegistryPush {
    RegistryPush::new(Arc::clone(client), TargetNaming::Targets)
}

pub(super) fn fetch_of(client: &Arc<Client>) -> RegistryFetch {
    RegistryFetch::new(Arc::clone(client))
}

pub(super) fn repository(host: &str, path: &str) -> Repository {
    format!("{host}/{path}").parse().unwrap()
}

pub(super) fn image_at(host: &str, name: &str) -> ImageRef {
    format!("{host}/{name}").parse().unwrap()
}

pub(super) fn layer(content: &Bytes) -> Descriptor {
    Descriptor::of_bytes(well_known::OCI_LAYER_GZIP, content)
}

/// Bytes that no compression or zero-filling could fake.
pub(super) fn noise(length: usize) -> Bytes {
    let mut random = fastrand::Rng::with_seed(7);
    let mut bytes = vec![0; length];
    random.fill(&mut bytes);
    bytes.into()
}

pub(super) fn blob(content: &Bytes) -> Blob {
    let pieces: Vec<_> = (0..content.len())
        .step_by(64 << 10)
        .map(|at| Ok(content.slice(at..content.len().min(at + (64 << 10)))))
        .collect();
    Blob::new(layer(content), futures::stream::iter(pieces))
}

/// The requests of a push in one line.
pub(super) trait PushRequests: Push {
    async fn offer(&self, at: &Repository, item: &Descriptor, from: Option<&Repository>) -> Result<UploadStart> {
        let from = from.map_or(&[][..], std::slice::from_ref);
        self.begin_upload(&BeginUpload::new(at, item).mount_from(from)).await
    }

    async fn renew(&self, at: &Repository, item: &Descriptor) -> Result<UploadStart> {
        self.begin_upload(&BeginUpload::new(at, item).replacing()).await
    }

    async fn put_child(&self, at: &Repository, manifest: &Manifest) -> Result<()> {
        self.put_manifest(&PutManifest::new(at, manifest)).await
    }

    async fn tag(&self, at: &ImageRef, manifest: &Manifest) -> Result<()> {
        self.put_manifest(&PutManifest::named(at, manifest)).await
    }
}

impl<P: Push + ?Sized> PushRequests for P {}

/// Lists the names of the tags.
pub(super) async fn survey(push: &RegistryPush, at: &Repository) -> Result<RepositoryTags> {
    push.tags(at, TagRequest::Names).await
}

/// Sends a blob the way the engine does.
pub(super) async fn send(push: &dyn Push, at: &Repository, content: &Bytes) -> Result<&'static str> {
    match push.offer(at, &layer(content), None).await? {
        UploadStart::Present => Ok("have"),
        UploadStart::Mounted => Ok("mounted"),
        UploadStart::Upload(slot) => slot.write(blob(content)).await.map(|()| "sent"),
        _ => unreachable!("there is no other start"),
    }
}

/// Reads a blob whole.
pub(super) async fn read(fetch: &dyn Fetch, at: &Repository, item: &Descriptor) -> Result<Bytes> {
    fetch.blob(at, item).await?.read_to_end(u64::MAX).await
}

/// Sends an image with everything below it, under a tag.
pub(super) async fn send_image(push: &dyn Push, at: &ImageRef, image: &Image) {
    let repository = &at.repository;
    for part in image.children.iter().chain([image]) {
        for (item, bytes) in &part.blobs {
            if let UploadStart::Upload(slot) = push.offer(repository, item, None).await.unwrap() {
                slot.write(Blob::from_bytes(item.clone(), bytes.clone())).await.unwrap();
            }
        }
        if part.manifest.digest() != image.manifest.digest() {
            push.put_child(repository, &part.manifest).await.unwrap();
        }
    }
    push.tag(at, &image.manifest).await.unwrap();
}

/// An index without entries, the smallest manifest that needs no blob.
pub(super) fn empty_index() -> Manifest {
    let bytes = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    Manifest::parse(&bytes[..], &well_known::OCI_INDEX).unwrap()
}

pub(super) fn digest_of(content: &[u8]) -> Digest {
    Digest::of(content)
}
