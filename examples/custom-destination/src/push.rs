//! The stage: what the engine asks and hands over.

use std::{path::PathBuf, sync::Arc};

use sealift_core::{
    async_trait,
    content::{Descriptor, ImageRef, Reference, Repository},
    error::Result,
    job::Job,
    stage::{BeginUpload, ChildRetention, Push, PushCapabilities, PutManifest, ReferrerSupport, StoreId, UploadStart},
};
use tokio::sync::OnceCell;

use crate::{
    archive,
    incoming::{Incoming, blocking},
};

/// A directory of files, one for each image.
pub(crate) struct Archives {
    path: PathBuf,
    /// Made by the first write, so that a plan, which only reads, leaves nothing behind.
    incoming: OnceCell<Arc<Incoming>>,
}

impl Archives {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, incoming: OnceCell::new() }
    }

    async fn incoming(&self) -> Result<&Arc<Incoming>> {
        let make = || async {
            let path = self.path.clone();
            blocking(move || Incoming::below(&path)).await.map(Arc::new)
        };
        self.incoming.get_or_try_init(make).await
    }

    /// The file of an image. A colon would mean something to those who read the file: `localhost:5000` becomes
    /// `localhost_5000`, which no host is called.
    fn file(&self, at: &ImageRef) -> PathBuf {
        let host = at.repository.registry().replace(':', "_");
        let name = match &at.reference {
            Reference::Tag(tag) => format!("{tag}.tar"),
            Reference::Digest(digest) => format!("@{}.tar", digest.to_string().replace(':', "-")),
        };
        self.path.join(host).join(at.repository.path()).join(name)
    }
}

async fn has(incoming: &Arc<Incoming>, item: &Descriptor) -> bool {
    let (incoming, digest) = (Arc::clone(incoming), item.digest.clone());
    blocking(move || incoming.has(&digest)).await
}

#[async_trait]
impl Push for Archives {
    fn targets(&self, job: &Job) -> Result<Vec<ImageRef>> {
        Ok(vec![job.source.clone()])
    }

    /// What arrives for one image is there for all of them.
    fn store(&self, _: &Repository) -> StoreId {
        StoreId::new(&format!("archive:{}", self.path.display()))
    }

    async fn resolve(&self, at: &ImageRef) -> Result<Option<Descriptor>> {
        let file = self.file(at);
        blocking(move || archive::read(&file)).await
    }

    async fn blob_exists(&self, _: &Repository, item: &Descriptor) -> Result<bool> {
        match self.incoming.get() {
            Some(incoming) => Ok(has(incoming, item).await),
            None => Ok(false),
        }
    }

    async fn begin_upload(&self, request: &BeginUpload<'_>) -> Result<UploadStart> {
        let incoming = self.incoming().await?;
        Ok(match has(incoming, request.item).await {
            true => UploadStart::Present,
            false => UploadStart::Upload(incoming.upload(request.item)),
        })
    }

    async fn put_manifest(&self, request: &PutManifest<'_>) -> Result<()> {
        let (incoming, manifest) = (Arc::clone(self.incoming().await?), request.manifest.clone());
        let at = request.target();
        // An image that goes by its digest gets a file like one that has a tag.
        let file = (request.tag.is_some() || request.root_of.is_some()).then(|| self.file(&at));
        blocking(move || {
            incoming.put(manifest.digest(), manifest.bytes())?;
            file.map_or(Ok(()), |file| archive::write(&file, &at, &manifest, &incoming))
        })
        .await
    }

    fn capabilities(&self) -> PushCapabilities<'_> {
        PushCapabilities::default().child_retention(self).referrer_support(self)
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

impl ReferrerSupport for Archives {
    /// A file is one image, and what refers to it is another one.
    fn takes_referrers(&self) -> bool {
        false
    }
}

impl ChildRetention for Archives {
    /// A file has everything that its image is made of.
    fn keeps_children(&self, _: &Repository) -> bool {
        true
    }
}
