//! Harbor's behaviour, played in front of a real `docker-registry`.
//!
//! A real Harbor is a dozen containers and cannot run in a test. What it adds to the registry behind it is known from
//! its source (`goharbor/harbor`, 2.x: `src/server/registry/route.go` and the middlewares that it lists,
//! `src/server/v2.0/handler` for the API), and this double does the same, on its own accord: it keeps projects,
//! accounts, artifacts and blobs of its own, refuses what Harbor refuses with the same status, code and words, and
//! hands everything else to the registry behind it, as a stream in both directions. Where versions differ it is 2.15.
//!
//! ```no_run
//! # use sealift_testkit::harbor::{Account, Harbor, Right};
//! # async fn example() {
//! let Some(harbor) = Harbor::start().await else { return }; // skipped where there is no docker-registry
//! harbor.add_project("team");
//! harbor.add_account(Account::robot("robot$team+ci", "s3cret").may("team", &[Right::Pull, Right::Push]));
//! // … push something to harbor.host() …
//! println!("{}", harbor.requests());
//! # }
//! ```
//!
//! Its words and shapes are those that a Harbor 2.15.2 gave to the same requests. It serves to play faults and
//! refusals; that Harbor takes what it takes is for a real one to say. Policies for retention, the start of scans and members
//! are played from its source alone; retention never runs, and nothing is scanned. Not played: replication.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, response::IntoResponse, serve::ListenerExt};
use sealift_serve::access::Requests;

mod account;
mod answer;
mod api;
mod artifacts;
mod auth;
mod blobs;
mod journal;
mod labels;
mod manifests;
mod members;
mod path;
mod policy;
mod projects;
mod proxy;
mod registry_api;
mod retention;
mod scanner;
mod scans;
mod state;
mod tokens;

pub use account::{Account, Right};
pub use scanner::Scanner;
pub use state::Gc;

use crate::registry::{Registry, Setup};
use state::{Blob, Shared};

/// A policy of a project that bars pulls, HEAD of manifests included (`contenttrust.go`, `vulnerable.go`). Pushes pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Only images that cosign signed.
    Cosign,
    /// Only images that notation signed.
    Notation,
    /// Only images that a scanner found harmless; this double has no scanner that says so of any.
    Vulnerability,
}

/// A running Harbor double. It ends with the value.
pub struct Harbor {
    addr: SocketAddr,
    registry: Registry,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

/// The administrator that every Harbor has: name and password.
pub const ADMIN: (&str, &str) = ("admin", "Harbor12345");

impl Harbor {
    /// Starts one without projects; none if `docker-registry` is not installed.
    ///
    /// # Panics
    /// If loopback cannot be listened on, or `docker-registry` does not start or is missing while `CI` is set.
    pub async fn start() -> Option<Self> {
        // As in Harbor's own template: foreign layers are accepted with any URLs.
        let setup: Setup = Registry::with().in_ram().part("validation", serde_json::json!({ "disabled": true }));
        let registry = tokio::task::spawn_blocking(|| setup.start()).await.expect("starting does not panic")?;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback can be listened on");
        let addr = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared::new(addr, registry.addr(), registry.storage()));
        let app = Router::new().fallback(answer_request).with_state(Arc::clone(&shared));
        // Small answers would wait for the acknowledgement of the ones before, some 40 ms each.
        let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
        let task = tokio::spawn(async move { drop(axum::serve(listener, app).await) });
        let harbor = Self { addr, registry, shared, task };
        harbor.add_account(Account::admin(ADMIN.0, ADMIN.1));
        Some(harbor)
    }

    /// Returns the socket address of the double.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Host and port, as they stand in references.
    pub fn host(&self) -> String {
        self.addr.to_string()
    }

    /// The base of its URLs, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The registry behind it.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Returns the requests since the start or the last [`Harbor::reset`], in the order of their answers: method, path
    /// with query, and status, as in a proxy's log. The bytes are the `Content-Length` of the answer, 0 without one.
    pub fn requests(&self) -> Requests {
        self.shared.journal.requests()
    }

    /// Starts the journal anew.
    pub fn reset(&self) {
        self.shared.journal.reset();
    }

    /// Adds an account, which can log in from now on.
    pub fn add_account(&self, account: Account) {
        self.shared.state().accounts.insert(account.name.clone(), account);
    }

    /// Adds a private project without a limit, if there is none of this name.
    pub fn add_project(&self, name: &str) {
        self.shared.state().add_project(name, false, None);
    }

    /// Adds a public project: pulling needs no login.
    pub fn add_public_project(&self, name: &str) {
        self.shared.state().add_project(name, true, None);
    }

    /// Adds a project that caches another registry. Pushing to it is refused with 403 `DENIED`
    /// (`DisableBlobAndManifestUploadMiddleware`).
    pub fn add_proxy_cache(&self, name: &str) {
        let mut state = self.shared.state();
        state.add_project(name, true, None);
        state.project_mut(name).proxy_cache = true;
    }

    /// Limits what a project may hold, in bytes. What it holds already counts.
    pub fn limit_storage(&self, project: &str, bytes: u64) {
        self.shared.state().project_mut(project).storage_limit = Some(bytes);
    }

    /// Returns the storage that Harbor counts for a project, in bytes: each blob and manifest of the project, once. 0
    /// if there is no such project.
    pub fn used_storage(&self, project: &str) -> u64 {
        self.shared.state().project(project).map_or(0, |project| project.used())
    }

    /// Returns whether a project is public, and its storage limit in bytes (`None`: unlimited). `None` if there is no
    /// such project.
    pub fn project(&self, name: &str) -> Option<(bool, Option<u64>)> {
        self.shared.state().project(name).map(|project| (project.public, project.storage_limit))
    }

    /// Returns the settings that a project was created with, and the names of the labels that it has.
    pub fn settings(&self, project: &str) -> Option<(String, Vec<String>)> {
        let state = self.shared.state();
        let project = state.project(project)?;
        let settings = serde_json::Value::Object(project.metadata.clone()).to_string();
        Some((settings, project.labels.keys().cloned().collect()))
    }

    /// Returns the number of labels that the artifact with this digest has in a repository.
    pub fn labels_of(&self, repository: &str, digest: &str) -> usize {
        let state = self.shared.state();
        let known = state.repositories.get(repository);
        known.and_then(|known| known.artifacts.get(digest)).map_or(0, |artifact| artifact.labels.len())
    }

    /// Gives a project a policy for retention with these rules, as the API has them (`RetentionRule`). With an empty `cron` it
    /// runs when it is started by hand.
    pub fn retain(&self, project: &str, cron: &str, rules: &serde_json::Value) {
        let mut state = self.shared.state();
        let id = state.next();
        let project = state.project_mut(project);
        project.retention = Some((id, retention::policy(id, project.id, cron, rules)));
    }

    /// Gives a project another scanner than [none](Scanner::Absent).
    pub fn set_scanner(&self, project: &str, scanner: Scanner) {
        self.shared.state().project_mut(project).scanner = scanner;
    }

    /// Returns the number of scans that were started of the artifact with this digest in a repository.
    pub fn scans_of(&self, repository: &str, digest: &str) -> usize {
        let state = self.shared.state();
        let known = state.repositories.get(repository);
        known.and_then(|known| known.artifacts.get(digest)).map_or(0, |artifact| artifact.scans)
    }

    /// Adds a group that can become a member of projects, by its name or its DN.
    pub fn add_group(&self, name: &str) {
        self.shared.state().groups.insert(name.to_owned());
    }

    /// Returns the members that were added to a project, with the number of the role of each; groups as `group NAME`.
    pub fn members(&self, project: &str) -> Vec<(String, u64)> {
        self.shared.state().project(project).map(|project| project.members.clone()).unwrap_or_default()
    }

    /// Makes the tags of a project that match both patterns immutable: writing one again is refused with 412
    /// `PRECONDITION`, even with the same digest (`pushmf.go`). In patterns `*` matches a part of a name and `**`
    /// anything, as in Harbor.
    pub fn make_immutable(&self, project: &str, repositories: &str, tags: &str) {
        let rule = (repositories.to_owned(), tags.to_owned());
        self.shared.state().project_mut(project).immutable.push(rule);
    }

    /// Switches the read-only mode of the whole system: every writing request is refused with 403 `DENIED`, before its
    /// credentials are checked (`readonly.go` runs before `v2auth`).
    pub fn read_only(&self, on: bool) {
        self.shared.state().read_only = on;
    }

    /// Lets only administrators and robots with the right to it create projects
    /// (`project_creation_restriction = adminonly`).
    pub fn only_admins_create_projects(&self, on: bool) {
        self.shared.state().only_admins_create = on;
    }

    /// Takes a project away, with all that Harbor knows of it.
    pub fn remove_project(&self, name: &str) {
        self.shared.state().projects.remove(name);
    }

    /// Sets a policy that bars pulls from a project.
    pub fn set_policy(&self, project: &str, policy: Policy) {
        self.shared.state().project_mut(project).policy = Some(policy);
    }

    /// Makes the database unavailable (`true`) or available again. Without it tokens are anonymous (200, without
    /// `sub`); requests with credentials get 401 with an empty challenge in a repository, but 500 when they start an
    /// upload or push a manifest; `projects` of the API answers 500, and `systeminfo` as without a login.
    pub fn database_away(&self, on: bool) {
        self.shared.state().database_away = on;
    }

    /// Takes the core away, or brings it back: the proxy in front of it answers 502 with a page.
    pub fn core_away(&self, on: bool) {
        self.shared.state().core_away = on;
    }

    /// Answers so many of the next manifests that come by digest with 500 `UNKNOWN`, without storing them. Harbor 2.15
    /// does so now and then under load: it reads the body once more, and sometimes finds it empty (`put_manifest.go`).
    pub fn stumble(&self, times: u32) {
        self.shared.state().stumbles = times;
    }

    /// Sends those who want a blob to an object store: HEAD and GET of a blob that is there are answered with 307.
    pub fn keep_blobs_at(&self, store: &str) {
        self.shared.state().store = Some(store.to_owned());
    }

    /// Knows nothing of referrers, as Harbor before it had their API: a subject is not confirmed, and 404 is the answer
    /// to who asks for them.
    pub fn forget_referrers(&self) {
        self.shared.state().without_referrers = true;
    }

    /// Shows only `/v2/` and the token service to the world, as some do who put a proxy before Harbor.
    pub fn hide_api(&self, on: bool) {
        self.shared.state().hides_api = on;
    }

    /// Lets the garbage collection fail over a blob: HEAD answers 404 from now on although the bytes are there and a
    /// mount would still associate them (`head_blob.go`, status *delete failed*); sending it again makes it whole.
    pub fn mark_for_gc(&self, digest: &str) {
        self.set_gc(digest, Gc::DeleteFailed);
    }

    /// Says how far the garbage collection has come with a blob.
    pub fn set_gc(&self, digest: &str, gc: Gc) {
        self.shared.state().blobs.entry(digest.to_owned()).or_insert(Blob { size: 0, gc: Gc::None }).gc = gc;
    }

    /// Lets the garbage collection sweep what it wants: those blobs are gone, from the registry behind it too.
    pub fn sweep(&self) {
        for digest in self.shared.state().sweep() {
            let blob = self.shared.blob_file(&digest).expect("digests have an algorithm");
            let _ = std::fs::remove_dir_all(blob); // it may never have come
        }
    }

    /// Forgets an artifact as the web page's "delete" does: the registry behind it still has the manifest until the
    /// garbage collection runs, and an index over it is refused after it was stored (goharbor/harbor#19977).
    pub fn delete_artifact(&self, repository: &str, digest: &str) {
        self.shared.state().delete_artifact(repository, digest);
    }

    /// Returns the digest of a tag in the database; the name is `project/repository:tag`. `None` if there is no such
    /// tag.
    pub fn digest_of(&self, name: &str) -> Option<String> {
        let (repository, tag) = name.rsplit_once(':')?;
        self.shared.state().repositories.get(repository)?.tags.get(tag).cloned()
    }

    /// Returns the digest of the subject of an accessory, such as the image of a signature; the subject need not exist
    /// yet. `None` if Harbor treats the artifact as an image of its own.
    pub fn subject_of(&self, repository: &str, digest: &str) -> Option<String> {
        let state = self.shared.state();
        let (subject, _) = state.repositories.get(repository)?.artifacts.get(digest)?.accessory.as_ref()?;
        Some(subject.clone())
    }

    /// Sets the lifetime of new tokens. Default: 30 minutes, as in Harbor.
    pub fn token_lifetime(&self, lifetime: Duration) {
        self.shared.state().token_lifetime = lifetime;
    }

    /// Expires all tokens issued so far, regardless of their announced lifetime. A request with such a token gets a
    /// *Basic* challenge with `realm="harbor"` (`getChallenge` in `v2auth/auth.go`).
    pub fn expire_tokens(&self) {
        self.shared.state().tokens.clear();
    }
}

impl Drop for Harbor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer_request(
    axum::extract::State(shared): axum::extract::State<Arc<Shared>>,
    request: axum::extract::Request,
) -> axum::response::Response {
    let entry = journal::Entry::of(&request);
    let path = request.uri().path().to_owned();
    let is_away = shared.state().core_away;
    let response = if is_away {
        let page = "<html><head><title>502 Bad Gateway</title></head></html>";
        (axum::http::StatusCode::BAD_GATEWAY, axum::response::Html(page)).into_response()
    } else if path.starts_with("/v2") {
        registry_api::answer(&shared, request).await
    } else if path.starts_with("/service/token") {
        tokens::answer(&shared, &request)
    } else if let Some(rest) = path.strip_prefix("/api/v2.0/").filter(|_| !shared.state().hides_api) {
        api::answer(&shared, rest, request).await
    } else {
        answer::plain(axum::http::StatusCode::NOT_FOUND, "404 page not found")
    };
    shared.journal.note(entry, &response);
    response
}

#[cfg(test)]
mod tests;
