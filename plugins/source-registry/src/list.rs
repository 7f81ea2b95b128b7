//! `list "registry"`: rules become listings, in their order.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::{StreamExt, stream};
use sealift_core::{
    async_trait,
    content::{Repository, Tag},
    error::{Error, ErrorKind, Result},
    job::Listing,
    outlet::Outlet,
    stage::List,
};
use sealift_image_syncer::Rule;
use sealift_registry_client::{Client, InOrder, TagList};
use tokio::sync::OnceCell;

use crate::exclusive::exclusive;

/// Tag lists of one registry that are read at once. A registry that is slow or silent does not hold up the rules of others.
const AHEAD: usize = 8;

/// Lists what rules name.
pub struct RegistryList {
    client: Arc<Client>,
    rules: Vec<(Rule, bool)>,
    /// Rules that cannot be followed, by their places.
    refused: Vec<(Arc<str>, Error)>,
}

impl RegistryList {
    /// Lists what `rules` name.
    pub fn new(client: Arc<Client>, rules: Vec<Rule>) -> Self {
        let alone = exclusive(&rules);
        Self { client, rules: rules.into_iter().zip(alone).collect(), refused: Vec::new() }
    }

    /// The same beside rules that cannot be followed, each with the place where it stands.
    #[must_use]
    pub fn with_refused(self, refused: Vec<(Arc<str>, Error)>) -> Self {
        Self { refused, ..self }
    }

    async fn tags(&self, repository: &Repository) -> Result<Arc<TagList>> {
        self.client.tags_ahead(repository).await.map(Arc::new)
    }

    /// Hands out what a rule names, and says if that is nothing.
    async fn hand_out(&self, rule: &(Rule, bool), tags: &[Tag], out: &Outlet) -> Result<()> {
        let (rule, alone) = rule;
        let misfits = rule.misfits(tags);
        let fits = misfits.len() < rule.targets.len().max(1);
        for misfit in misfits {
            let error = Error::new(ErrorKind::Unsupported, misfit);
            let hint = "without a tag the destination keeps those of the source";
            out.refused(Arc::clone(&rule.label), error.with_hint(hint)).await?;
        }
        if !fits {
            return Ok(());
        }
        let listing = Listing { exclusive: *alone, ..rule.listing(tags) };
        if listing.candidates.is_empty() {
            let what = if tags.is_empty() { "has no tags" } else { "matches none of its tags" };
            let why = format!("`{}` {what} ({})", rule.from(), rule.label);
            return out.nothing(Arc::clone(&rule.label), Some(&rule.source), why).await;
        }
        out.send(listing).await
    }
}

/// The tag list of one repository, read once for all its rules and dropped after the last of them.
struct SharedList {
    list: OnceCell<std::result::Result<Arc<TagList>, Error>>,
    rules_left: AtomicUsize,
}

/// The tag lists of those repositories that some rule needs them of.
struct SharedLists(Mutex<HashMap<Repository, Arc<SharedList>>>);

impl SharedLists {
    fn over(rules: &[(Rule, bool)]) -> Self {
        let mut lists: HashMap<Repository, Arc<SharedList>> = HashMap::new();
        for (rule, _) in rules.iter().filter(|(rule, _)| rule.needs_tags()) {
            let new = || Arc::new(SharedList { list: OnceCell::new(), rules_left: AtomicUsize::new(0) });
            lists.entry(rule.source.clone()).or_insert_with(new).rules_left.fetch_add(1, Ordering::Relaxed);
        }
        Self(Mutex::new(lists))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Repository, Arc<SharedList>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl List for RegistryList {
    async fn list(&self, out: &Outlet) -> Result<()> {
        self.announce(out).await?;
        for (place, error) in &self.refused {
            out.refused(Arc::clone(place), error.clone()).await?;
        }
        let lists = &SharedLists::over(&self.rules);
        let read = |at: usize| async move { (at, self.read_ahead(&self.rules[at].0, lists).await) };
        let registries = self.by_registry().into_values();
        let streams = registries.map(|rules| stream::iter(rules).map(read).buffer_unordered(AHEAD));
        // Rules that may write one name stay in their order, because the later one gets it, or is refused.
        let shared = self.rules.iter().enumerate().filter(|(_, (_, alone))| !alone).map(|(at, _)| at);
        let mut turns = InOrder::new(stream::select_all(streams), shared);
        let mut told = HashSet::new();
        while let Some((at, tags)) = turns.next().await {
            let rule = &self.rules[at];
            match tags {
                Ok(found) => {
                    let first = found.skipped > 0 && told.insert(&rule.0.source);
                    if first {
                        let (source, skipped) = (&rule.0.source, found.skipped);
                        out.warn(format!("{skipped} entries in the tag list of `{source}` are no tags")).await?;
                        out.left_out(format!("{skipped} entries in the tag list of `{source}`")).await?;
                    }
                    self.hand_out(rule, &found.tags, out).await?;
                }
                // Told once: a later round lists it once for all its rules.
                Err(error) if told.insert(&rule.0.source) => out.failed(&rule.0.source, error).await?,
                Err(_) => {}
            }
        }
        Ok(())
    }

    async fn list_repository(&self, repository: &Repository, out: &Outlet) -> Result<()> {
        let found = self.tags(repository).await?;
        let its_own = |(rule, _): &&(Rule, bool)| rule.needs_tags() && rule.source == *repository;
        for rule in self.rules.iter().filter(its_own) {
            self.hand_out(rule, &found.tags, out).await?;
        }
        Ok(())
    }

    fn registries(&self) -> Option<BTreeSet<String>> {
        let of = |rule: &Rule| -> Vec<String> {
            let targets = rule.targets.iter().map(|target| &target.repository);
            targets.chain([&rule.source]).map(|named| named.registry().to_owned()).collect()
        };
        // A rule that cannot be followed names registries that are not known.
        self.refused.is_empty().then(|| self.rules.iter().flat_map(|(rule, _)| of(rule)).collect())
    }
}

impl RegistryList {
    /// The rules of each registry; those that need no tags stand apart.
    fn by_registry(&self) -> BTreeMap<Option<&str>, Vec<usize>> {
        let mut found: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
        for (at, (rule, _)) in self.rules.iter().enumerate() {
            found.entry(rule.needs_tags().then(|| rule.source.registry())).or_default().push(at);
        }
        found
    }

    async fn announce(&self, out: &Outlet) -> Result<()> {
        for (rule, _) in &self.rules {
            let targets = rule.targets.iter().map(|target| target.repository.clone()).collect();
            let candidates = if rule.needs_tags() { Vec::new() } else { rule.listing(&[]).candidates };
            let images = candidates.iter().map(|candidate| candidate.called(&rule.source)).collect();
            out.announce(&rule.source, targets, images).await?;
        }
        Ok(())
    }

    /// The tags for a rule; none, and no request, if it names its versions itself.
    async fn read_ahead(&self, rule: &Rule, lists: &SharedLists) -> Result<Arc<TagList>> {
        let shared = lists.lock().get(&rule.source).filter(|_| rule.needs_tags()).map(Arc::clone);
        let Some(shared) = shared else { return Ok(Arc::default()) };
        let list = shared.list.get_or_init(|| self.tags(&rule.source)).await.clone();
        if shared.rules_left.fetch_sub(1, Ordering::Relaxed) == 1 {
            lists.lock().remove(&rule.source);
        }
        list
    }
}

impl fmt::Debug for RegistryList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegistryList({} rules)", self.rules.len())
    }
}
