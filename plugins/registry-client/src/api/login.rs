//! Checks of a login before it is used.

use sealift_core::{content::Repository, error::Result};

use crate::{auth::AuthProgress, operation::Operation, registry::Registry, scope::Scopes};

/// The rights of a login in a repository, as far as they are known before it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// It may push.
    Push,
    /// It is good, and may not push: it has no right to, or there is no such project.
    NoPush,
    /// There is no login.
    Nobody,
    /// The registry's tokens do not say, or it wants none.
    Unknown,
}

/// Makes sure that the login for a repository is accepted, by a request that needs it.
///
/// # Errors
/// If the login is wrong, or the registry cannot tell at the moment.
pub(crate) async fn check(registry: &Registry, at: &Repository) -> Result<()> {
    let response = registry.execute(&registry.probe(Operation::LogIn(at), Scopes::pull(at))).await?;
    response.discard().await;
    Ok(())
}

/// Fetches a token to push to a repository, and returns what it allows.
///
/// # Errors
/// If the login is wrong, or the registry does not answer.
pub(crate) async fn grant(registry: &Registry, at: &Repository) -> Result<Grant> {
    let operation = Operation::ProductApi(at);
    let (auth, scopes) = (&registry.auth, Scopes::push(at));
    let endpoint = registry.transport.endpoint().await.map_err(|error| error.with_context(operation))?;
    let mut authorization = auth.authorize(endpoint, at, &scopes, &AuthProgress::default()).await?;
    if authorization.is_unknown() {
        let progress = AuthProgress::with_scheme(auth.ping(endpoint, operation).await);
        authorization = auth.authorize(endpoint, at, &scopes, &progress).await?;
    }
    let Some(claims) = authorization.claims() else { return Ok(Grant::Unknown) };
    if claims.is_anonymous() && authorization.has_login() {
        // A login that is not accepted looks like this, and so does every login while the database is away.
        let response = registry.execute(&registry.probe(Operation::LogIn(at), scopes)).await?;
        response.discard().await;
        return Ok(Grant::Unknown);
    }
    Ok(match claims {
        claims if claims.is_anonymous() => Grant::Nobody,
        claims if claims.allows(at.path(), "push") => Grant::Push,
        _ => Grant::NoPush,
    })
}
