//! Faults of the product, put in by hand at its border: a simulation that finds none of them proves nothing.

use http::{HeaderMap, HeaderValue, Method};
use url::Url;

use crate::{
    registry::Answer,
    topology::{OCI_INDEX, secret_of},
    world::registry_of,
};

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// A login goes along a redirect to another host.
    LoginFollowsRedirect,
    /// A token service sees the password of another host.
    LoginOfAnother,
    /// The pause that a host asks for is not seen.
    PauseIgnored,
    /// Referrers are taken for none.
    ReferrersLost,
    /// A list ends with its first page.
    PageLost,
    /// The refusal of an upload is taken for success.
    UploadErrorSwallowed,
    /// The refusal of a manifest is taken for success.
    ManifestErrorSwallowed,
    /// Requests for manifests are sent twice and counted once.
    SendsTwice,
    /// A tag is written under another name.
    OtherTag,
    /// Blobs are taken to be there without a look.
    BlobsClaimed,
    /// A destination is taken to have nothing, so that everything is written again.
    AlwaysWrites,
}

impl Planted {
    /// All of them, with their names.
    pub const ALL: [(&'static str, Self); 11] = [
        ("login-follows-redirect", Self::LoginFollowsRedirect),
        ("login-of-another", Self::LoginOfAnother),
        ("pause-ignored", Self::PauseIgnored),
        ("referrers-lost", Self::ReferrersLost),
        ("page-lost", Self::PageLost),
        ("upload-error-swallowed", Self::UploadErrorSwallowed),
        ("manifest-error-swallowed", Self::ManifestErrorSwallowed),
        ("sends-twice", Self::SendsTwice),
        ("other-tag", Self::OtherTag),
        ("blobs-claimed", Self::BlobsClaimed),
        ("always-writes", Self::AlwaysWrites),
    ];

    /// Changes what the product sends.
    pub(crate) fn change_request(self, method: &Method, url: &mut Url, headers: &mut HeaderMap) {
        let host = url.host_str().unwrap_or_default().to_owned();
        let value = |of: &str| HeaderValue::from_str(&secret_of(of)).expect("secrets are text");
        match self {
            Self::LoginFollowsRedirect if host.starts_with("cdn.") => {
                headers.insert("authorization", value(registry_of(&host)));
            }
            Self::LoginOfAnother if host.starts_with("auth.src") => {
                headers.insert("x-login", value("dst0.example"));
            }
            Self::OtherTag if *method == Method::PUT && url.path().ends_with("/manifests/v1") => {
                let path = url.path().replace("/manifests/v1", "/manifests/v10");
                url.set_path(&path);
            }
            _ => {}
        }
    }

    /// Changes what the product sees.
    pub(crate) fn change_answer(self, method: &Method, url: &Url, mut answer: Answer) -> Answer {
        let path = url.path();
        let is_destination = url.host_str().is_some_and(|host| host.starts_with("dst"));
        let fails = answer.status >= 400 && answer.status != 401;
        match self {
            Self::PauseIgnored => answer.headers.retain(|(name, _)| *name != "retry-after"),
            Self::PageLost => answer.headers.retain(|(name, _)| *name != "link"),
            Self::ReferrersLost if path.contains("/referrers/") && answer.status == 200 => {
                answer = answer.body(format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[]}}"#));
            }
            Self::UploadErrorSwallowed if *method == Method::PUT && path.contains("/uploads/") && fails => {
                answer = Answer::new(201);
            }
            Self::ManifestErrorSwallowed if *method == Method::PUT && path.contains("/manifests/") && fails => {
                answer = Answer::new(201);
            }
            Self::BlobsClaimed if *method == Method::POST && answer.status == 202 => answer = Answer::new(201),
            Self::AlwaysWrites if is_destination && *method == Method::HEAD && path.contains("/manifests/") => {
                answer = Answer::new(404);
            }
            _ => {}
        }
        answer
    }
}
