//! One tree on its way to the sites that need it: blobs, then children, then the root with its tag.

use std::{collections::HashSet, pin::Pin, sync::Arc};

use futures::{
    StreamExt,
    future::{join_all, try_join_all},
    stream::FuturesUnordered,
};

use super::{
    destination::Destination, kept::Kept, outline::PresentParts, presence::JobGroup, run_state::RunState,
    transfer::BlobTransfer, tree::Tree,
};
use crate::{
    content::{Digest, Manifest},
    error::{Error, ErrorKind, Result},
    event::Event,
    job::Job,
    limit::Flow,
    stage::{PutManifest, StoreId},
};

/// The context of a copy of one image.
pub(super) struct Copy<'a> {
    pub(super) engine: &'a Arc<RunState>,
    pub(super) route: &'a [StoreId],
    pub(super) flow: &'a Flow,
    pub(super) job: &'a Job,
    pub(super) kept: &'a Kept<'a>,
    pub(super) batch: &'a JobGroup,
}

impl Copy<'_> {
    /// Copies a tree to all sites; each site remembers what became of it.
    pub(super) async fn run(&self, tree: &Tree, sites: &[&Destination<'_>]) {
        self.blobs(tree, sites, true).await;
        let mut again = Vec::new();
        for (site, result) in self.on_each(sites, |site| self.manifests(tree, site)).await {
            let Err(error) = result else { continue };
            self.forget_lost(tree, site, &error);
            if site.mistrust(error) {
                again.push(site);
            }
        }
        if again.is_empty() {
            return;
        }
        self.blobs(tree, &again, true).await;
        for (site, result) in self.on_each(&again, |site| self.manifests(tree, site)).await {
            if let Err(error) = result {
                self.forget_lost(tree, site, &error);
                site.fail(error);
            }
        }
    }

    /// Forgets that a site has the blobs of a tree, if it misses one of them when a manifest is written: the next image that
    /// needs them sends them again.
    fn forget_lost(&self, tree: &Tree, site: &Destination<'_>, error: &Error) {
        if error.kind() == ErrorKind::NotFound && error.is_retryable() {
            let blobs = tree.blobs().0.iter().map(|item| &item.digest);
            self.engine.once.forget(&site.store, &site.repository, blobs);
        }
    }

    /// Names a manifest that all of these sites have, with everything below it. Gives back those where that turned out
    /// to be wrong.
    pub(super) async fn name<'s>(&self, root: &Manifest, sites: &[&'s Destination<'s>]) -> Vec<&'s Destination<'s>> {
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
    pub(super) async fn content(&self, tree: &Tree, sites: &[&Destination<'_>]) {
        self.blobs(tree, sites, false).await;
        for (site, result) in self.on_each(sites, |site| self.children(tree, site, &PresentParts::Nothing)).await {
            if let Err(error) = result {
                site.fail(error);
            }
        }
    }

    /// Does the same at all sites that are not over, at the same time.
    async fn on_each<'s, 'r, F: Future<Output = Result<()>>>(
        &self,
        sites: &'r [&'s Destination<'s>],
        act: impl Fn(&'s Destination<'s>) -> F,
    ) -> Vec<(&'s Destination<'s>, Result<()>)> {
        join_all(sites.iter().filter(|site| !site.is_over()).map(|site| {
            let result = act(site);
            async move { (*site, result.await) }
        }))
        .await
    }

    /// Brings the blobs of a tree to all sites: without those that are there, if it is the tree of the image.
    async fn blobs(&self, tree: &Tree, sites: &[&Destination<'_>], of_the_image: bool) {
        let (blobs, foreign) = tree.blobs();
        let needed = |site: &&Destination<'_>| of_the_image.then(|| needed(tree, site)).flatten();
        let needed: Vec<Option<HashSet<&Digest>>> = sites.iter().map(needed).collect();
        let Self { engine, route, flow, job, kept, .. } = *self;
        let all = blobs.iter().chain(foreign);
        let transfers: Vec<_> = all.map(|item| BlobTransfer { engine, route, flow, job, kept, item }).collect();
        let mut wanted = Vec::new();
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
                if !wanting.is_empty() {
                    wanted.push((transfer.item.digest.clone(), size));
                }
                async move { transfer.run(&wanting).await }
            })
            .collect();
        if !wanted.is_empty() {
            engine.events.tell(&Event::Needed { job: job.id, blobs: wanted });
        }
        all.for_each(|()| async {}).await;
    }

    async fn manifests(&self, tree: &Tree, site: &Destination<'_>) -> Result<()> {
        let written = async {
            self.children(tree, site, site.there()).await?;
            self.root(&tree.manifest, site).await
        };
        written.await.map_err(|error| explained(tree, error))
    }

    /// Writes a root under all its names.
    async fn root(&self, root: &Manifest, site: &Destination<'_>) -> Result<()> {
        // Everything but the name is there: if the user stops now, finishing costs one small request.
        for target in &site.targets {
            site.stage.put_manifest(PutManifest::named(target, root).root_of(self.job)).await?;
        }
        if let Some(subject) = root.subject() {
            site.stage.add_referrers(&site.repository, &subject.digest, &[root]).await?;
        }
        Ok(())
    }

    fn children<'s>(
        &'s self,
        tree: &'s Tree,
        site: &'s Destination<'_>,
        there: &'s PresentParts,
    ) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 's>> {
        Box::pin(async move {
            try_join_all(tree.children.iter().map(|child| async move {
                if there.has(child.manifest.digest()) {
                    return self.children(child, site, there).await;
                }
                // Tags of one repository often share children, and so do two indexes of one image.
                let write = async move {
                    self.children(child, site, there).await?;
                    site.stage.put_manifest(PutManifest::new(&site.repository, &child.manifest)).await
                };
                self.batch.write_once(site.push, &site.repository, child.manifest.digest(), write).await
            }))
            .await?;
            Ok(())
        })
    }
}

/// Returns the error of a destination that misses what filters left out of a sparse index with that as its cause.
fn explained(tree: &Tree, error: Error) -> Error {
    if error.kind() != ErrorKind::NotFound || !error.is_retryable() || !tree.is_sparse() {
        return error;
    }
    let sparse = "filters left images out of the index, and `index` in [run] is `sparse`";
    Error::new(ErrorKind::Unsupported, format!("{}; {sparse}", error.message()))
        .with_hint("write a smaller index, with `index = \"rewrite\"`; it has another digest")
}

/// The blobs of a tree that a site needs; none stands for all.
fn needed<'t>(tree: &'t Tree, site: &Destination<'_>) -> Option<HashSet<&'t Digest>> {
    match site.there() {
        PresentParts::Nothing => None,
        there => Some(tree.needed(there)),
    }
}
