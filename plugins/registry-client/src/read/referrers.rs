//! What is about a manifest: signatures, SBOMs (distribution-spec, "Listing Referrers").
//!
//! A registry without that API answers 404; then a tag made of the digest holds an index of them. Such a registry is
//! asked once.

use http::{HeaderValue, Method, StatusCode, header};
use sealift_core::{
    content::{Descriptor, Digest, ImageRef, Links, Manifest, MediaType, Repository, Tag, Version, well_known},
    error::{Error, ErrorKind, Result},
};

use super::{about::Found, link};
use crate::{
    auth::Scopes,
    doing::Doing,
    host::Host,
    quirks::Quirks,
    request::{Ask, To, refused},
    url_policy::Use,
};

/// Pages that one subject may have.
const MAX_PAGES: usize = 100;

impl Host {
    pub(crate) async fn referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
        scopes: Scopes,
    ) -> Result<Vec<Descriptor>> {
        if let Some(found) = self.referrers_if_api(repository, subject, &scopes).await? {
            return Ok(found);
        }
        let tags = self.tags_about(repository).await;
        self.referrers_by_tag(repository, subject, scopes, tags).await
    }

    /// The same of a repository that is written to: its tags are not listed for that, because one question for the
    /// fallback tag is less.
    pub(crate) async fn referrers_pushed(&self, at: &Repository, subject: &Digest) -> Result<Vec<Descriptor>> {
        let scopes = Scopes::push(at);
        match self.referrers_if_api(at, subject, &scopes).await? {
            Some(found) => Ok(found),
            None => self.referrers_by_tag(at, subject, scopes, None).await,
        }
    }

    /// None: there is no such API. Whether there is one request finds out, for all that come together.
    async fn referrers_if_api(
        &self,
        repository: &Repository,
        subject: &Digest,
        scopes: &Scopes,
    ) -> Result<Option<Vec<Descriptor>>> {
        let (yes, no) = (&self.quirks.has_referrers, &self.quirks.no_referrers);
        let mut turn = None;
        if !Quirks::is_set(yes) && !Quirks::is_set(no) {
            turn = Some(self.quirks.first_referrers.lock().await).filter(|_| !Quirks::is_set(yes));
        }
        if !Quirks::is_set(no) {
            if let Some(found) = self.referrers_by_api(repository, subject, scopes).await? {
                Quirks::set(yes);
                return Ok(Some(found));
            }
            Quirks::set(no);
        }
        drop(turn);
        Ok(None)
    }

    /// None: there is no such API.
    async fn referrers_by_api(
        &self,
        repository: &Repository,
        subject: &Digest,
        scopes: &Scopes,
    ) -> Result<Option<Vec<Descriptor>>> {
        let doing = Doing::ListReferrers(repository, subject);
        let fail = |what: &str| Error::new(ErrorKind::Unsupported, format!("{doing}: {what}"));
        let mut to = To::Path(format!("{}/referrers/{subject}", repository.path()));
        let mut found = Vec::new();
        for page in 0..MAX_PAGES {
            let ask = Ask::new(doing, Method::GET, to, scopes.clone(), &self.shared.timing);
            let ask = ask.header(header::ACCEPT, HeaderValue::from_static("application/vnd.oci.image.index.v1+json"));
            let answer = self.send(&ask).await?;
            let (status, url, next) = (answer.status(), answer.url.clone(), link::next(answer.headers()));
            let is_index = answer
                .header(header::CONTENT_TYPE)
                .is_some_and(|text| MediaType::from_header(text) == well_known::OCI_INDEX);
            if page == 0 && says_no_api(status, is_index) {
                answer.discard().await;
                return Ok(None);
            }
            if !status.is_success() {
                return Err(self.refused(doing, answer).await);
            }
            let bytes = answer.bytes(Manifest::MAX_BYTES, self.shared.timing.idle_read).await;
            let index = Manifest::parse(bytes.map_err(|error| error.context(doing))?, &well_known::OCI_INDEX);
            found.extend(entries(&index.map_err(|error| Error::from(error).context(doing))?));
            let Some(next) = next.map_err(|why| fail(&why))? else { return Ok(Some(found)) };
            let home = self.reached().await?.clients.whereabouts().clone();
            to = To::Url(home.home().judge(Use::Page, &url, &next).map_err(|why| refused(why).context(doing))?);
        }
        Err(fail("the pages of the list do not end"))
    }

    async fn referrers_by_tag(
        &self,
        repository: &Repository,
        subject: &Digest,
        scopes: Scopes,
        tags: Found,
    ) -> Result<Vec<Descriptor>> {
        let Some(tag) = Tag::of_referrers(subject) else { return Ok(Vec::new()) };
        if tags.is_some_and(|tags| !tags.contains(&tag)) {
            return Ok(Vec::new());
        }
        let image = ImageRef { repository: repository.clone(), version: Version::Tag(tag) };
        match self.get_manifest(&image, Doing::ReadManifest(&image), scopes).await {
            // Something else than an index has the name by chance, or because of somebody's habits.
            Ok(manifest) => Ok(entries(&manifest)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

/// The answers of registries that do not know the API: 404 as the specification says, others as they come.
fn says_no_api(status: StatusCode, is_index: bool) -> bool {
    matches!(status.as_u16(), 400 | 404 | 405 | 406 | 501) || (status == StatusCode::OK && !is_index)
}

fn entries(manifest: &Manifest) -> Vec<Descriptor> {
    match manifest.links() {
        Links::Index(entries) => entries.clone(),
        Links::Image { .. } => Vec::new(),
    }
}
