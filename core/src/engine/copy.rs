//! One tree on its way to the sites that need it: blobs, then children, then the root with its tag.

use std::{
    collections::HashSet,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::{
    StreamExt,
    future::{join_all, try_join_all},
    stream::FuturesUnordered,
};

use super::{
    kept::Kept,
    outline::There,
    presence::Batch,
    state::{Engine, Lane},
    transfer::Transfer,
    tree::Tree,
};
use crate::{
    content::{Digest, ImageRef, Manifest, Repository},
    error::{Error, ErrorKind, Result},
    job::{Job, Moved},
    lock::lock,
    stage::{Push, StoreId},
};

/// One repository of one destination, and the names that the image gets there.
pub(super) struct Site<'a> {
    pub(super) push: usize,
    pub(super) stage: &'a dyn Push,
    pub(super) repository: Repository,
    pub(super) store: StoreId,
    /// Names to be written.
    pub(super) targets: Vec<ImageRef>,
    /// Names that stand for the image already, and what they point to.
    pub(super) standing: Vec<(ImageRef, Digest)>,
    /// What of the image is there.
    there: There,
    /// Whether the image stood there before this run, so that referrers of it may stand there, too.
    pub(super) had_the_image: bool,
    /// That turned out to be wrong.
    mistrusted: AtomicBool,
    failed: Mutex<Option<Error>>,
    moved: Mutex<Moved>,
    deferred: AtomicBool,
}

impl<'a> Site<'a> {
    pub(super) fn new(push: usize, stage: &'a dyn Push, repository: &Repository) -> Self {
        Self {
            push,
            stage,
            repository: repository.clone(),
            store: stage.store(repository),
            targets: Vec::new(),
            standing: Vec::new(),
            there: There::default(),
            had_the_image: false,
            mistrusted: AtomicBool::new(false),
            failed: Mutex::default(),
            moved: Mutex::default(),
            deferred: AtomicBool::new(false),
        }
    }

    /// Notes what else of the image is there.
    pub(super) fn learn(&mut self, there: There) {
        self.there = std::mem::take(&mut self.there).and(there);
    }

    /// What of the image is there.
    pub(super) fn there(&self) -> &There {
        if self.mistrusted.load(Ordering::Relaxed) { &There::Nothing } else { &self.there }
    }

    /// Takes an error of a manifest; returns true if it says that what was believed to be there is not, so that
    /// everything is to be offered again.
    fn mistrust(&self, error: Error) -> bool {
        let refutes = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unsupported | ErrorKind::Corrupt);
        let believed = !matches!(self.there(), There::Nothing);
        if refutes && believed {
            self.mistrusted.store(true, Ordering::Relaxed);
            return true;
        }
        self.fail(error);
        false
    }

    /// Nothing more is to be done here: it failed, or it is served later.
    pub(super) fn is_over(&self) -> bool {
        self.is_deferred() || lock(&self.failed).is_some()
    }

    pub(super) fn fail(&self, error: Error) {
        lock(&self.failed).get_or_insert(error);
    }

    pub(super) fn error(&self) -> Option<Error> {
        lock(&self.failed).clone()
    }

    /// Leaves it to the slow lane.
    pub(super) fn defer(&self) {
        self.deferred.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_deferred(&self) -> bool {
        self.deferred.load(Ordering::Relaxed)
    }

    pub(super) fn count(&self, add: impl FnOnce(&mut Moved)) {
        add(&mut lock(&self.moved));
    }

    pub(super) fn moved(&self) -> Moved {
        lock(&self.moved).clone()
    }
}

/// What a copy needs to know.
pub(super) struct Copy<'a> {
    pub(super) engine: &'a Arc<Engine>,
    pub(super) lane: &'a Lane,
    pub(super) job: &'a Job,
    pub(super) kept: &'a Kept<'a>,
    pub(super) batch: &'a Batch,
}

impl Copy<'_> {
    /// Copies a tree to all sites; each site remembers what became of it.
    pub(super) async fn run(&self, tree: &Tree, sites: &[&Site<'_>]) {
        self.blobs(tree, sites, true).await;
        let mut again = Vec::new();
        for (site, result) in self.on_each(sites, |site| self.manifests(tree, site)).await {
            match result {
                Err(error) if site.mistrust(error.clone()) => again.push(site),
                _ => {}
            }
        }
        if again.is_empty() {
            return;
        }
        self.blobs(tree, &again, true).await;
        for (site, result) in self.on_each(&again, |site| self.manifests(tree, site)).await {
            if let Err(error) = result {
                site.fail(error);
            }
        }
    }

    /// Names a manifest that all of these sites have, with everything below it. Gives back those where that turned out
    /// to be wrong.
    pub(super) async fn name<'s>(&self, root: &Manifest, sites: &[&'s Site<'s>]) -> Vec<&'s Site<'s>> {
        let mut wrong = Vec::new();
        for (site, result) in self.on_each(sites, |site| self.root(root, site)).await {
            match result {
                Err(error) if site.mistrust(error.clone()) => wrong.push(site),
                _ => {}
            }
        }
        wrong
    }

    /// Copies everything but the root of something that is about the image.
    pub(super) async fn content(&self, tree: &Tree, sites: &[&Site<'_>]) {
        self.blobs(tree, sites, false).await;
        for (site, result) in self.on_each(sites, |site| self.children(tree, site, &There::Nothing)).await {
            if let Err(error) = result {
                site.fail(error);
            }
        }
    }

    /// Does the same at all sites that are not over, at the same time.
    async fn on_each<'s, 'r, F: Future<Output = Result<()>>>(
        &self,
        sites: &'r [&'s Site<'s>],
        act: impl Fn(&'s Site<'s>) -> F,
    ) -> Vec<(&'s Site<'s>, Result<()>)> {
        join_all(sites.iter().filter(|site| !site.is_over()).map(|site| {
            let result = act(site);
            async move { (*site, result.await) }
        }))
        .await
    }

    /// Brings the blobs of a tree to all sites: without those that are there, if it is the tree of the image.
    async fn blobs(&self, tree: &Tree, sites: &[&Site<'_>], of_the_image: bool) {
        let (blobs, foreign) = tree.blobs();
        let needed = |site: &&Site<'_>| of_the_image.then(|| needed(tree, site)).flatten();
        let needed: Vec<Option<HashSet<&Digest>>> = sites.iter().map(needed).collect();
        let Self { engine, lane, job, kept, .. } = *self;
        let all = blobs.iter().chain(foreign);
        let transfers: Vec<_> = all.map(|item| Transfer { engine, lane, job, kept, item }).collect();
        let all: FuturesUnordered<_> = transfers
            .iter()
            .map(|transfer| {
                let (mut wanting, size) = (Vec::new(), transfer.item.known_size().unwrap_or_default());
                for (site, needed) in sites.iter().zip(&needed) {
                    match needed.as_ref().is_none_or(|needed| needed.contains(&transfer.item.digest)) {
                        true => wanting.push(*site),
                        false => site.count(|moved| moved.present += size),
                    }
                }
                async move { transfer.run(&wanting).await }
            })
            .collect();
        all.for_each(|()| async {}).await;
    }

    async fn manifests(&self, tree: &Tree, site: &Site<'_>) -> Result<()> {
        self.children(tree, site, site.there()).await?;
        self.root(&tree.manifest, site).await
    }

    /// Writes a root under all its names.
    async fn root(&self, root: &Manifest, site: &Site<'_>) -> Result<()> {
        // Everything but the name is there: if the user stops now, finishing costs one small request.
        for target in &site.targets {
            site.stage.root(self.job, target, root).await?;
        }
        if let Some(subject) = root.subject() {
            site.stage.relate(&site.repository, &subject.digest, &[root]).await?;
        }
        Ok(())
    }

    fn children<'s>(
        &'s self,
        tree: &'s Tree,
        site: &'s Site<'_>,
        there: &'s There,
    ) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 's>> {
        Box::pin(async move {
            try_join_all(tree.children.iter().map(|child| async move {
                if there.has(child.manifest.digest()) {
                    return self.children(child, site, there).await;
                }
                // Tags of one repository often share children, and so do two indexes of one image.
                let write = async move {
                    self.children(child, site, there).await?;
                    site.stage.put_manifest(&site.repository, &child.manifest).await
                };
                self.batch.write_once(site.push, &site.repository, child.manifest.digest(), write).await
            }))
            .await?;
            Ok(())
        })
    }
}

/// The blobs of a tree that a site needs; none stands for all.
fn needed<'t>(tree: &'t Tree, site: &Site<'_>) -> Option<HashSet<&'t Digest>> {
    match site.there() {
        There::Nothing => None,
        there => Some(tree.needed(there)),
    }
}
