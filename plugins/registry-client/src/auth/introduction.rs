//! What a registry wants, where its answers do not say: `GET /v2/`, asked at most once.
//!
//! Some answer 401 to a request without saying what they want (gcr.io); some hide from strangers what is private and
//! answer 404 (Artifactory, for one). The root of the API always says.

use http::{Method, StatusCode};
use sealift_core::error::Result;

use super::{Scopes, Wanted, challenge::Challenges, ticket::Ticket};
use crate::{
    doing::Doing,
    host::{Host, Reached},
    request::{Answer, Ask, To},
};

impl Host {
    /// Whether an answer to a stranger may be another one to who logs in: if so, it is known afterwards what the
    /// registry wants.
    pub(crate) async fn knows_us_better(
        &self,
        at: &Reached,
        doing: Doing<'_>,
        ticket: &Ticket,
        answer: &Answer,
    ) -> Result<bool> {
        let hides = matches!(answer.status(), StatusCode::FORBIDDEN | StatusCode::NOT_FOUND);
        if !hides || answer.foreign || !ticket.is_bare() {
            return Ok(false);
        }
        let login = self.shared.logins.find(self.own_login(), doing.repository()).await?;
        Ok(login.is_some() && self.introduce(at, doing).await)
    }

    /// Asks what the registry wants, if nobody did. True if it wants something.
    pub(super) async fn introduce(&self, at: &Reached, doing: Doing<'_>) -> bool {
        let ask_root = async {
            let scopes = Scopes::pull(doing.repository());
            let ask = Ask::new(doing, Method::GET, To::Path(String::new()), scopes, &self.shared.timing);
            // Without an answer there is nothing to learn; the request that led here has its own.
            if let Ok(answer) = self.exchange(at, &ask, None).await {
                if !answer.foreign {
                    self.learn(at, &Challenges::read(answer.headers()));
                }
                answer.discard().await;
            }
        };
        self.auth.introduced.get_or_init(|| ask_root).await;
        *self.auth.wanted() != Wanted::Nothing
    }
}
