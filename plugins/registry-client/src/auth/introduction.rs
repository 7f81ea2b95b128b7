//! What a registry wants, where its answers do not say: `GET /v2/`, asked at most once.
//!
//! Some answer 401 to a request without saying what they want (gcr.io); some hide from strangers what is private and
//! answer 404 (Artifactory, for one), 403 or 400. The root of the API always says.
//!
//! What the root says is used for the request that led there. Only if the login made a difference is it used from then
//! on: many registries show the root to nobody and their repositories to everybody.

use http::{Method, StatusCode};

use super::{Auth, Tried, Wanted, challenge::Challenges, ticket::Ticket};
use crate::{
    operation::Operation,
    scope::Scopes,
    transport::{Endpoint, Request, RequestTarget, Response},
};

/// Statuses that may be another one to a request with a login.
fn hides(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND)
}

impl Auth {
    /// Returns true if the request should be sent once more, with a login: a stranger was refused what somebody else
    /// may get. `tried` then says how.
    pub(crate) async fn knows_us_better(
        &self,
        at: &Endpoint,
        operation: Operation<'_>,
        ticket: &Ticket,
        answer: &Response,
        tried: &mut Tried,
    ) -> bool {
        if !hides(answer.status()) || answer.foreign || !ticket.is_bare() {
            return false;
        }
        // Forbidden is forbidden for strangers; what is not there is not there for anybody.
        if answer.status() != StatusCode::FORBIDDEN && self.strangers.is_open(operation.repository()) {
            return false;
        }
        if self.look_up_login(operation.repository()).await.login.is_none() {
            return false;
        }
        tried.introduced_as = self.introduce(at, operation).await;
        tried.introduced_as.is_some()
    }

    /// Takes note of an answer that is no 401: of what strangers get, and of a login that made a difference.
    pub(crate) fn note_answer(
        &self,
        at: &Endpoint,
        operation: Operation<'_>,
        ticket: &Ticket,
        answer: &Response,
        tried: &Tried,
    ) {
        let of_repository = !matches!(operation, Operation::ListCatalog(_) | Operation::ProductApi(_));
        if ticket.is_bare() && of_repository && answer.status().is_success() && !answer.is_page() {
            self.strangers.served(operation.repository());
        }
        if let Some(wanted) = tried.introduced_as.as_ref().filter(|_| !hides(answer.status()) && !ticket.is_bare()) {
            self.strangers.refused(operation.repository());
            self.adopt(at, wanted);
        }
    }

    /// Asks what the registry wants, if that was not asked before; none if it wants nothing.
    pub(crate) async fn introduce(&self, at: &Endpoint, operation: Operation<'_>) -> Option<Wanted> {
        let ask_root = async {
            let scopes = Scopes::pull(operation.repository());
            let ask = Request::new(
                operation,
                Method::GET,
                RequestTarget::Path(String::new()),
                scopes,
                self.transport.timing(),
            );
            // Without an answer there is nothing to learn; the request that led here has its own.
            let answer = self.transport.exchange(at, &ask, None).await.ok()?;
            let challenges = Challenges::read(answer.headers());
            if let Some(realm) = challenges.basic_realm.as_ref().filter(|_| !answer.foreign) {
                self.profile.detect_by_basic_realm(realm);
            }
            let wanted = Wanted::of(&challenges).filter(|_| !answer.foreign);
            answer.discard().await;
            wanted
        };
        self.introduced.get_or_init(|| ask_root).await.clone()
    }
}
