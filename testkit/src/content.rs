//! Pushing images to a registry and reading its content by plain HTTP requests, so that the result of the program under
//! test is checked by independent code.

use std::collections::BTreeSet;

use reqwest::{Client, StatusCode, header};
use sealift_conformance::images::Image;
use sealift_core::content::{Descriptor, Digest, Manifest, MediaType, Tag, well_known};

/// A registry, asked by plain requests.
#[derive(Clone)]
pub struct Content {
    url: String,
    login: Option<(String, String)>,
    token: Option<String>,
    client: Client,
}

impl Content {
    /// The registry at this address (`http://127.0.0.1:5000`).
    ///
    /// # Panics
    /// If there can be no client.
    pub fn at(url: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default(); // fails when there is one already
        Self {
            url: url.to_owned(),
            login: None,
            token: None,
            client: Client::builder().no_proxy().build().expect("a client"),
        }
    }

    /// The same with a login.
    #[must_use]
    pub fn login(self, user: &str, password: &str) -> Self {
        Self { login: Some((user.to_owned(), password.to_owned())), ..self }
    }

    /// The same with a token.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self }
    }

    /// The same with a certificate authority to trust, PEM.
    ///
    /// # Panics
    /// If that is no certificate.
    #[must_use]
    pub fn trusting(self, authority: &str) -> Self {
        let authority = reqwest::Certificate::from_pem(authority.as_bytes()).expect("a certificate in PEM");
        let client = Client::builder().no_proxy().tls_certs_only([authority]).build().expect("a client");
        Self { client, ..self }
    }

    fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.url) };
        let request = self.client.request(method, url);
        match (&self.login, &self.token) {
            (Some((user, password)), _) => request.basic_auth(user, Some(password)),
            (None, Some(token)) => request.bearer_auth(token),
            (None, None) => request,
        }
    }

    /// Puts an image there under a tag, with everything below it.
    ///
    /// # Panics
    /// If the registry does not take it.
    pub async fn put(&self, repository: &str, tag: &str, image: &Image) {
        self.put_below(repository, image).await;
        self.put_manifest(repository, tag, &image.manifest).await;
    }

    async fn put_below(&self, repository: &str, image: &Image) {
        for child in &image.children {
            Box::pin(self.put_below(repository, child)).await;
            self.put_manifest(repository, &child.manifest.digest().to_string(), &child.manifest).await;
        }
        for (item, bytes) in &image.blobs {
            self.put_blob(repository, item, bytes.clone()).await;
        }
    }

    /// Puts a manifest there, whose content is there already.
    ///
    /// # Panics
    /// If the registry does not take it.
    pub async fn put_manifest(&self, repository: &str, reference: &str, manifest: &Manifest) {
        let request = self.request(reqwest::Method::PUT, &format!("/v2/{repository}/manifests/{reference}"));
        let request = request.header(header::CONTENT_TYPE, manifest.media_type().as_str());
        let answer = request.body(manifest.bytes().clone()).send().await.expect("the registry answers");
        assert_eq!(answer.status(), StatusCode::CREATED, "{}", answer.text().await.unwrap_or_default());
    }

    /// Puts a blob there.
    ///
    /// # Panics
    /// If the registry does not take it.
    pub async fn put_blob(&self, repository: &str, item: &Descriptor, bytes: bytes::Bytes) {
        let begin = self.request(reqwest::Method::POST, &format!("/v2/{repository}/blobs/uploads/")).send().await;
        let begin = begin.expect("the registry answers");
        assert_eq!(begin.status(), StatusCode::ACCEPTED);
        let location = begin.headers()[header::LOCATION].to_str().expect("a readable location").to_owned();
        let sign = if location.contains('?') { '&' } else { '?' };
        let request = self.request(reqwest::Method::PUT, &format!("{location}{sign}digest={}", item.digest));
        let answer = request.body(bytes).send().await.expect("the registry answers");
        assert_eq!(answer.status(), StatusCode::CREATED);
    }

    /// Returns the digest of a tag; `None` if there is no such tag.
    ///
    /// # Panics
    /// If the registry does not answer.
    pub async fn digest(&self, repository: &str, tag: &str) -> Option<Digest> {
        self.manifest(repository, tag).await.map(|manifest| manifest.digest().clone())
    }

    /// A manifest, by tag or digest.
    ///
    /// # Panics
    /// If the registry does not answer.
    pub async fn manifest(&self, repository: &str, reference: &str) -> Option<Manifest> {
        let accept = well_known::MANIFESTS.map(|media_type| media_type.to_string()).join(", ");
        let request = self.request(reqwest::Method::GET, &format!("/v2/{repository}/manifests/{reference}"));
        let answer = request.header(header::ACCEPT, accept).send().await.expect("the registry answers");
        if answer.status() == StatusCode::NOT_FOUND {
            return None;
        }
        assert_eq!(answer.status(), StatusCode::OK);
        let served_as =
            MediaType::from_header(answer.headers()[header::CONTENT_TYPE].to_str().expect("a readable type"));
        let bytes = answer.bytes().await.expect("the body comes");
        Some(Manifest::parse(bytes, &served_as).expect("the registry serves manifests"))
    }

    /// Returns the manifests that refer to another one, by the referrers API or by the fallback tag.
    ///
    /// # Panics
    /// If the registry does not answer.
    pub async fn referrers(&self, repository: &str, subject: &Digest) -> BTreeSet<Digest> {
        let path = format!("/v2/{repository}/referrers/{subject}");
        let answer = self.request(reqwest::Method::GET, &path).send().await.expect("the registry answers");
        let list = if answer.status() == StatusCode::OK {
            let list = answer.bytes().await.expect("the body comes");
            Some(Manifest::parse(list, &well_known::OCI_INDEX).expect("a list of referrers is an index"))
        } else {
            self.manifest(repository, &Tag::referrers_tag(subject).expect("a tag can be that long")).await
        };
        list.iter().flat_map(|list| list.entries()).map(|entry| entry.digest.clone()).collect()
    }

    /// Reads everything that a tag leads to and verifies it; gives back the digests of all of it.
    ///
    /// # Panics
    /// If something is missing or wrong.
    pub async fn whole(&self, repository: &str, tag: &str) -> BTreeSet<Digest> {
        let mut digests = BTreeSet::new();
        let mut open = vec![tag.to_owned()];
        while let Some(reference) = open.pop() {
            let manifest = self.manifest(repository, &reference).await;
            let manifest = manifest.unwrap_or_else(|| panic!("{repository} {reference} is missing"));
            digests.insert(manifest.digest().clone());
            open.extend(manifest.children().map(|child| child.digest.to_string()));
            for item in manifest.blobs() {
                self.verify_blob(repository, item).await;
                digests.insert(item.digest.clone());
            }
        }
        digests
    }

    async fn verify_blob(&self, repository: &str, item: &Descriptor) {
        let request = self.request(reqwest::Method::GET, &format!("/v2/{repository}/blobs/{}", item.digest));
        let answer = request.send().await.expect("the registry answers");
        assert_eq!(answer.status(), StatusCode::OK, "{repository} {}", item.digest);
        let bytes = answer.bytes().await.expect("the body comes");
        assert!(item.digest.matches(&bytes), "{repository} {} has other bytes", item.digest);
    }

    /// Returns true if a repository has a blob.
    ///
    /// # Panics
    /// If the registry does not answer.
    pub async fn has_blob(&self, repository: &str, digest: &Digest) -> bool {
        let request = self.request(reqwest::Method::HEAD, &format!("/v2/{repository}/blobs/{digest}"));
        request.send().await.expect("the registry answers").status() == StatusCode::OK
    }
}
