//! The root of the API, `GET /v2/`: asked at most once, where other responses do not tell what the registry wants.
//!
//! Some registries answer 401 without a challenge (gcr.io). Some hide private repositories from anonymous users and
//! answer 404 (Artifactory), 403 or 400. Their root has a challenge. It is used for the request that led here, and for
//! further ones only if the login made a difference: many registries have a private root and public repositories.

use http::{Method, StatusCode};
use sealift_core::limit::without_permits;

use super::{Auth, AuthProgress, AuthScheme, authorization::Authorization, challenge::Challenges};
use crate::{
    limit::{retry_after, sent_at},
    operation::Operation,
    retry::is_transient,
    scope::Scopes,
    transport::{Endpoint, Request, RequestTarget, Response},
};

/// Returns true for a status that may be another one for a request with a login.
fn may_hide(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND)
}

impl Auth {
    /// Returns true if a refused request should be sent once more, with a login. `progress` has the scheme then.
    ///
    /// The login is looked up only after the root demanded one, because a helper may take long.
    pub(crate) async fn should_authorize(
        &self,
        at: &Endpoint,
        operation: Operation<'_>,
        authorization: &Authorization,
        response: &Response,
        progress: &mut AuthProgress,
    ) -> bool {
        let repository = operation.repository();
        if !may_hide(response.status()) || response.foreign || !authorization.is_unknown() {
            return false;
        }
        // In a public repository 403 is for anonymous users only, while 404 is for everyone.
        if response.status() != StatusCode::FORBIDDEN && self.anonymous.is_served(repository) {
            return false;
        }
        if !self.logins.may_have(repository).await {
            return false;
        }
        let Some(scheme) = self.ping(at, operation).await else { return false };
        if self.logins.look_up(repository).await.login.is_none() {
            return false;
        }
        progress.scheme = Some(scheme);
        true
    }

    /// Notes from a response that is no 401 what anonymous users get, and whether a login made a difference.
    pub(crate) fn note_response(
        &self,
        operation: Operation<'_>,
        authorization: &Authorization,
        response: &Response,
        progress: &AuthProgress,
    ) {
        let of_repository = !matches!(operation, Operation::ListCatalog(_) | Operation::ProductApi(_));
        if authorization.is_unknown() && of_repository && response.status().is_success() && !response.is_page() {
            self.anonymous.note_served(operation.repository());
        }
        let differs = !may_hide(response.status()) && !authorization.is_unknown();
        if let Some(scheme) = progress.scheme.as_ref().filter(|_| differs) {
            self.anonymous.note_refused(operation.repository());
            self.adopt(scheme);
        }
    }

    /// Asks the root of the API which scheme the registry wants, unless it was asked before. `None` if it wants none.
    pub(crate) async fn ping(&self, at: &Endpoint, operation: Operation<'_>) -> Option<AuthScheme> {
        let ask_root = async {
            let scopes = Scopes::pull(operation.repository());
            let target = RequestTarget::Path(String::new());
            let request = Request::new(operation, Method::GET, target, scopes, self.transport.timing());
            // Without a response the request that led here keeps its own, and a later one asks again.
            let patience = self.retry.policy().patience;
            without_permits(self.limit.wait_for_pause(patience)).await.map_err(drop)?;
            let response = self.transport.exchange(at, &request, None).await.map_err(drop)?;
            if is_transient(response.status()) {
                let asked = retry_after(response.headers(), sent_at(response.headers()));
                if !response.foreign && (asked.is_some() || response.status() == StatusCode::TOO_MANY_REQUESTS) {
                    self.limit.pause(asked, self.retry.policy().patience_max);
                }
                response.discard().await;
                return Err(());
            }
            let challenges = Challenges::read(response.headers());
            if let Some(realm) = challenges.basic_realm.as_ref().filter(|_| !response.foreign) {
                self.profile.detect_by_basic_realm(realm);
            }
            let scheme = AuthScheme::of(&challenges).filter(|_| !response.foreign);
            response.discard().await;
            Ok(scheme)
        };
        self.ping.get_or_try_init(|| ask_root).await.ok()?.clone()
    }
}
