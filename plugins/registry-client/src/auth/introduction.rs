//! What a registry wants, where its answers do not say: `GET /v2/`, asked at most once.
//!
//! Some answer 401 to a request without saying what they want (gcr.io); some hide from strangers what is private and
//! answer 404 (Artifactory, for one), 403 or 400. The root of the API always says.
//!
//! What the root says is used for the request that led there. Only if the login made a difference is it used from then
//! on: many registries show the root to nobody and their repositories to everybody.

use http::{Method, StatusCode};

use super::{Scopes, Tried, Wanted, challenge::Challenges, ticket::Ticket};
use crate::{
    doing::Doing,
    host::{Host, Reached},
    quirks::Quirks,
    request::{Answer, Ask, To},
};

/// Statuses that may be another one to a request with a login.
fn hides(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND)
}

impl Host {
    /// Returns true if the request should be sent once more, with a login: a stranger was refused what somebody else
    /// may get. `tried` then says how.
    pub(crate) async fn knows_us_better(
        &self,
        at: &Reached,
        doing: Doing<'_>,
        ticket: &Ticket,
        answer: &Answer,
        tried: &mut Tried,
    ) -> bool {
        if !hides(answer.status()) || answer.foreign || !ticket.is_bare() {
            return false;
        }
        // Forbidden is forbidden for strangers; what is not there is not there for anybody.
        if answer.status() != StatusCode::FORBIDDEN && self.auth.strangers.is_open(doing.repository()) {
            return false;
        }
        if self.look_up_login(doing.repository()).await.login.is_none() {
            return false;
        }
        tried.introduced_as = self.introduce(at, doing).await;
        tried.introduced_as.is_some()
    }

    /// Takes note of an answer that is no 401: of what strangers get, and of a login that made a difference.
    pub(crate) fn note_answer(&self, at: &Reached, doing: Doing<'_>, ticket: &Ticket, answer: &Answer, tried: &Tried) {
        let of_repository = !matches!(doing, Doing::ListCatalog(_) | Doing::UseApi(_));
        if ticket.is_bare() && of_repository && answer.status().is_success() && !answer.is_page() {
            self.auth.strangers.served(doing.repository());
        }
        if let Some(wanted) = tried.introduced_as.as_ref().filter(|_| !hides(answer.status()) && !ticket.is_bare()) {
            self.auth.strangers.refused(doing.repository());
            self.adopt(at, wanted);
        }
    }

    /// Asks what the registry wants, if that was not asked before; none if it wants nothing.
    pub(super) async fn introduce(&self, at: &Reached, doing: Doing<'_>) -> Option<Wanted> {
        let ask_root = async {
            let scopes = Scopes::pull(doing.repository());
            let ask = Ask::new(doing, Method::GET, To::Path(String::new()), scopes, &self.shared.timing);
            // Without an answer there is nothing to learn; the request that led here has its own.
            let answer = self.exchange(at, &ask, None).await.ok()?;
            let challenges = Challenges::read(answer.headers());
            if challenges.harbor && !answer.foreign {
                Quirks::set(&self.quirks.harbor);
            }
            let wanted = Wanted::of(&challenges).filter(|_| !answer.foreign);
            answer.discard().await;
            wanted
        };
        self.auth.introduced.get_or_init(|| ask_root).await.clone()
    }
}
