//! One tree on its way to the sites that need it: blobs, then children, then the root with its tag.

use std::{
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
    presence::Batch,
    state::{Engine, Lane},
    transfer::Transfer,
    tree::Tree,
};
use crate::{
    content::{ImageRef, Repository},
    error::{Error, Result},
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
    pub(super) targets: Vec<ImageRef>,
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
            failed: Mutex::default(),
            moved: Mutex::default(),
            deferred: AtomicBool::new(false),
        }
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
    pub(super) async fn run(&self, tree: &Tree, sites: &[Site<'_>]) {
        self.blobs(tree, sites).await;
        join_all(sites.iter().filter(|site| !site.is_over()).map(|site| async move {
            if let Err(error) = self.manifests(tree, site).await {
                site.fail(error);
            }
        }))
        .await;
    }

    /// Copies everything but the root.
    pub(super) async fn content(&self, tree: &Tree, sites: &[Site<'_>]) {
        self.blobs(tree, sites).await;
        for site in sites.iter().filter(|site| !site.is_over()) {
            if let Err(error) = self.children(tree, site).await {
                site.fail(error);
            }
        }
    }

    async fn blobs(&self, tree: &Tree, sites: &[Site<'_>]) {
        let (blobs, foreign) = tree.blobs();
        let Self { engine, lane, job, kept, .. } = *self;
        let all = blobs.iter().chain(foreign);
        let transfers: Vec<_> = all.map(|item| Transfer { engine, lane, job, kept, item }).collect();
        let all: FuturesUnordered<_> = transfers.iter().map(|transfer| transfer.run(sites)).collect();
        all.for_each(|()| async {}).await;
    }

    async fn manifests(&self, tree: &Tree, site: &Site<'_>) -> Result<()> {
        self.children(tree, site).await?;
        // Everything but the name is there: if the user stops now, finishing costs one small request.
        for target in &site.targets {
            site.stage.root(self.job, target, &tree.manifest).await?;
        }
        if let Some(subject) = tree.manifest.subject() {
            site.stage.relate(&site.repository, &subject.digest, &[&tree.manifest]).await?;
        }
        Ok(())
    }

    fn children<'s>(
        &'s self,
        tree: &'s Tree,
        site: &'s Site<'_>,
    ) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 's>> {
        Box::pin(async move {
            try_join_all(tree.children.iter().map(|child| {
                // Tags of one repository often share children, and so do two indexes of one image.
                self.batch.write_once(site.push, &site.repository, child.manifest.digest(), async move {
                    self.children(child, site).await?;
                    site.stage.put_manifest(&site.repository, &child.manifest).await
                })
            }))
            .await?;
            Ok(())
        })
    }
}
