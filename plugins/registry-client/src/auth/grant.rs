//! What the login for a repository may do there, as the token says that is fetched anyway.

use sealift_core::{content::Repository, error::Result};

use super::{Scopes, ticket::Tried};
use crate::{doing::Doing, host::Host, quirks::Quirks, registries::Registries};

/// What is known of a login before it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// It may push.
    Push,
    /// It is good, and may not push: it has no right to, or there is no such project.
    NoPush,
    /// There is none.
    Nobody,
    /// The registry's tokens do not say, or it wants none.
    Unknown,
}

impl Registries {
    /// Asks a Harbor for a token to push to a repository, and reads what it allows.
    ///
    /// # Errors
    /// If the login is wrong, or the registry does not answer.
    pub async fn grant(&self, at: &Repository) -> Result<Grant> {
        let host = self.host(at);
        Quirks::set(&host.quirks.harbor);
        host.grant(at).await
    }

    /// Makes sure that the login for a repository is taken, by a request that needs it.
    ///
    /// # Errors
    /// If the login is wrong, or the registry cannot tell at the moment.
    pub async fn check_login(&self, at: &Repository) -> Result<()> {
        let host = self.host(at);
        let answer = host.send(&host.ask_for_anything(Doing::LogIn(at), Scopes::pull(at))).await?;
        answer.discard().await;
        Ok(())
    }
}

impl Host {
    async fn grant(&self, at: &Repository) -> Result<Grant> {
        let doing = Doing::UseApi(at);
        let reached = self.reached().await.map_err(|error| error.context(doing))?;
        let mut ticket = self.ticket(reached, at, &Scopes::push(at), &Tried::default()).await?;
        if ticket.is_bare() {
            let tried = Tried::introduced_as(self.introduce(reached, doing).await);
            ticket = self.ticket(reached, at, &Scopes::push(at), &tried).await?;
        }
        let Some(claims) = ticket.claims() else { return Ok(Grant::Unknown) };
        if claims.is_nobodys() && ticket.has_login() {
            // A login that is not taken looks like this, and so does every login while the database is away.
            let answer = self.send(&self.ask_for_anything(Doing::LogIn(at), Scopes::push(at))).await?;
            answer.discard().await;
            return Ok(Grant::Unknown);
        }
        Ok(match claims {
            claims if claims.is_nobodys() => Grant::Nobody,
            claims if claims.allows(at.path(), "push") => Grant::Push,
            _ => Grant::NoPush,
        })
    }
}
