//! The content of Harbor's database: projects, accounts, tokens, blobs, artifacts.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::SocketAddr,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{Policy, account::Account, answer::Refusal, journal::Journal, proxy::Backend, scanner::Scanner};

pub(super) struct Shared {
    pub(super) addr: SocketAddr,
    pub(super) backend: Backend,
    pub(super) journal: Journal,
    /// The storage directory of the registry behind.
    pub(super) storage: PathBuf,
    state: Mutex<State>,
}

impl Shared {
    pub(super) fn new(addr: SocketAddr, registry: SocketAddr, storage: PathBuf) -> Self {
        let state = State { token_lifetime: Duration::from_secs(30 * 60), ..State::default() };
        Self { addr, backend: Backend::new(registry), journal: Journal::default(), storage, state: Mutex::new(state) }
    }

    /// Returns the directory of a blob in the storage of the registry behind; its bytes are in the file `data` there.
    /// `None` if the digest is invalid.
    pub(super) fn blob_file(&self, digest: &str) -> Option<PathBuf> {
        let (algorithm, hex) = digest.split_once(':')?;
        Some(self.storage.join(format!("docker/registry/v2/blobs/{algorithm}/{}/{hex}", hex.get(..2)?)))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
pub(super) struct State {
    pub(super) accounts: HashMap<String, Account>,
    /// The names of groups that the provider of logins knows.
    pub(super) groups: HashSet<String>,
    pub(super) tokens: HashMap<String, Token>,
    pub(super) token_lifetime: Duration,
    pub(super) projects: BTreeMap<String, Project>,
    pub(super) repositories: BTreeMap<String, Repository>,
    pub(super) blobs: HashMap<String, Blob>,
    /// The bytes accepted so far of each upload, by session; Harbor keeps them in Redis.
    pub(super) sessions: HashMap<String, u64>,
    pub(super) read_only: bool,
    pub(super) only_admins_create: bool,
    pub(super) hides_api: bool,
    pub(super) database_away: bool,
    pub(super) core_away: bool,
    /// The number of further manifests pushed by digest that are answered with 500 although they are valid.
    pub(super) stumbles: u32,
    /// The URL of the object store that requests for blobs are redirected to.
    pub(super) store: Option<String>,
    pub(super) without_referrers: bool,
    counter: u64,
}

/// A bearer token, with the access that it grants: `(repository, actions)`.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) access: Vec<(String, Vec<String>)>,
    pub(super) until: Instant,
}

#[derive(Default)]
pub(super) struct Project {
    pub(super) id: u64,
    pub(super) public: bool,
    pub(super) storage_limit: Option<u64>,
    pub(super) proxy_cache: bool,
    pub(super) policy: Option<Policy>,
    /// Patterns of repositories and tags.
    pub(super) immutable: Vec<(String, String)>,
    /// Its settings (`ProjectMetadata`) as they were given when it was created.
    pub(super) metadata: serde_json::Map<String, serde_json::Value>,
    /// Its labels, by name.
    pub(super) labels: BTreeMap<String, u64>,
    /// Its policy for retention, by number, as the API shows it.
    pub(super) retention: Option<(u64, serde_json::Value)>,
    pub(super) scanner: Scanner,
    /// Its members, and the number of the role of each.
    pub(super) members: Vec<(String, u64)>,
    /// Blobs and manifests that belong to it, with their sizes.
    pub(super) holds: HashMap<String, u64>,
}

/// A blob or manifest as the whole system knows it.
pub(super) struct Blob {
    pub(super) size: u64,
    pub(super) gc: Gc,
}

/// The state of a blob in garbage collection (`pkg/blob/models/blob.go`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gc {
    /// It does not want it.
    #[default]
    None,
    /// It will sweep it, unless a HEAD touches it before.
    Delete,
    /// It is sweeping it at the moment.
    Deleting,
    /// It could not sweep it; the next run will try again.
    DeleteFailed,
}

impl Gc {
    /// Returns true if HEAD answers 404 although the blob exists. HEAD of a blob that is only marked for deletion
    /// succeeds and removes the mark (`head_blob.go`).
    pub(super) fn hides(self) -> bool {
        matches!(self, Self::Deleting | Self::DeleteFailed)
    }
}

#[derive(Default)]
pub(super) struct Repository {
    pub(super) artifacts: HashMap<String, Artifact>,
    pub(super) tags: BTreeMap<String, String>,
}

pub(super) struct Artifact {
    pub(super) id: u64,
    pub(super) media_type: String,
    pub(super) artifact_type: Option<String>,
    pub(super) size: u64,
    pub(super) children: Vec<String>,
    /// The digest of its subject, and Harbor's type of accessory. Such an artifact is not listed.
    pub(super) accessory: Option<(String, &'static str)>,
    /// The numbers of its labels.
    pub(super) labels: Vec<u64>,
    /// The number of scans that were started.
    pub(super) scans: usize,
}

impl Project {
    pub(super) fn used(&self) -> u64 {
        self.holds.values().sum()
    }

    /// Checks that this many more bytes, possibly 0, fit into the quota.
    ///
    /// # Errors
    /// Returns a refusal in Harbor's words if not (`pkg/quota/types/error.go`).
    pub(super) fn admit(&self, more: u64) -> Result<(), Refusal> {
        let used = self.used();
        match self.storage_limit {
            Some(limit) if used + more > limit => Err(Refusal::denied(format!(
                "{} {} of storage resource, which when updated to current usage of {} will exceed the configured upper \
                 limit of {}.",
                if more > 0 { "adding" } else { "subtracting" },
                bytes(more),
                bytes(used),
                bytes(limit)
            ))),
            _ => Ok(()),
        }
    }

    /// Returns the settings that the API shows, all as text.
    pub(super) fn shown_metadata(&self) -> serde_json::Value {
        let mut shown = serde_json::json!({ "public": self.public.to_string() });
        if let Some((id, _)) = &self.retention {
            shown["retention_id"] = id.to_string().into();
        }
        shown
    }

    pub(super) fn is_immutable(&self, repository: &str, tag: &str) -> bool {
        self.immutable.iter().any(|(repositories, tags)| matches(repositories, repository) && matches(tags, tag))
    }
}

fn bytes(count: u64) -> String {
    if count < 1024 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1024.0;
    for unit in ["KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return format!("{value:.1} {unit}");
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

/// Harbor's patterns: `*` stays inside of a part, `**` goes beyond.
fn matches(pattern: &str, text: &str) -> bool {
    if let Some(rest) = pattern.strip_prefix("**") {
        return (0..=text.len()).filter(|at| text.is_char_boundary(*at)).any(|at| matches(rest, &text[at..]));
    }
    match (pattern.chars().next(), text.chars().next()) {
        (None, None) => true,
        (Some('*'), _) => {
            let end = text.find('/').unwrap_or(text.len());
            (0..=end).filter(|at| text.is_char_boundary(*at)).any(|at| matches(&pattern[1..], &text[at..]))
        }
        (Some(wanted), Some(found)) if wanted == found => {
            matches(&pattern[wanted.len_utf8()..], &text[found.len_utf8()..])
        }
        _ => false,
    }
}

impl State {
    /// Counts up, for ids.
    pub(super) fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// Returns true if the current manifest is answered with 500, and counts it.
    pub(super) fn stumbles(&mut self) -> bool {
        let stumbles = self.stumbles > 0;
        self.stumbles = self.stumbles.saturating_sub(1);
        stumbles
    }

    pub(super) fn add_project(&mut self, name: &str, public: bool, storage_limit: Option<u64>) -> u64 {
        let id = self.next();
        let new = Project { id, public, storage_limit, ..Project::default() };
        self.projects.entry(name.to_owned()).or_insert(new).id
    }

    pub(super) fn project(&self, name: &str) -> Option<&Project> {
        self.projects.get(name)
    }

    pub(super) fn project_mut(&mut self, name: &str) -> &mut Project {
        self.projects.get_mut(name).unwrap_or_else(|| panic!("the test made no project `{name}`"))
    }

    /// A project holds a blob or manifest from now on.
    pub(super) fn associate(&mut self, project: &str, digest: &str, size: u64) {
        self.blobs.entry(digest.to_owned()).or_insert(Blob { size, gc: Gc::None });
        if let Some(project) = self.projects.get_mut(project) {
            project.holds.entry(digest.to_owned()).or_insert(size);
        }
    }

    /// Drops what the garbage collection marked, and tells what that is.
    pub(super) fn sweep(&mut self) -> HashSet<String> {
        let gone: HashSet<String> =
            self.blobs.iter().filter(|(_, blob)| blob.gc != Gc::None).map(|(digest, _)| digest.clone()).collect();
        self.blobs.retain(|digest, _| !gone.contains(digest));
        for project in self.projects.values_mut() {
            project.holds.retain(|digest, _| !gone.contains(digest));
        }
        gone
    }

    pub(super) fn delete_artifact(&mut self, repository: &str, digest: &str) {
        if let Some(repository) = self.repositories.get_mut(repository) {
            repository.artifacts.remove(digest);
            repository.tags.retain(|_, points_to| points_to != digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_harbor() {
        for (pattern, text, expected) in [
            ("**", "a/b/c", true),
            ("*", "a", true),
            ("*", "a/b", false),
            ("v*", "v1.2", true),
            ("v*", "1.2", false),
            ("app/**", "app/x/y", true),
            ("*-prod", "1-prod", true),
            ("*-prod", "1-prods", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
