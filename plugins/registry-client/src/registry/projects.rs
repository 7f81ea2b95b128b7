//! Registries whose repositories live in projects: a 401 without a challenge says in its body that there is no such
//! project, or that it cannot be looked up at the moment.

use http::{HeaderValue, Method, StatusCode, header};
use sealift_core::{
    content::{Descriptor, Repository},
    error::{Error, Result},
};

use super::Registry;
use crate::{
    error::{ErrorBody, Reason},
    operation::{Operation, project_of},
    profile::harbor::{is_missing, may_not_push},
    scope::Scopes,
    transport::{Endpoint, Request, RequestTarget, Response},
};

impl Registry {
    /// Returns true if the repositories of this registry live in projects, as those of Harbor.
    pub(crate) fn has_projects(&self) -> bool {
        self.profile.facts().projects
    }

    /// Notes that a repository has a blob that is not about to be deleted, where mounts depend on it.
    pub(crate) fn note_mountable(&self, item: &Descriptor, at: &Repository) {
        if self.has_projects() {
            self.observed.note_mountable(item, at);
        }
    }

    /// Returns the error of a write to a project whose quota is used up.
    pub(crate) fn no_room(&self, at: &Repository) -> Error {
        let (project, reason) = (project_of(at), Reason::Quota);
        let what = format!("nothing more is sent to the project `{project}` of `{}`: {}", self.name(), reason.clause());
        Error::new(reason.kind(), what).with_hint(reason.remedy()).with_source(reason)
    }

    /// Returns true if a 401 has an empty challenge: the project could not be looked up.
    pub(super) fn is_unchallenged(&self, response: &Response) -> bool {
        let challenge = response.header(header::WWW_AUTHENTICATE);
        !response.foreign && (challenge == Some("") || (challenge.is_none() && self.has_projects()))
    }

    /// Returns a 401 without a challenge together with its body. The response to a HEAD has none, so the tags are asked
    /// for as well.
    ///
    /// # Errors
    /// If the registry cannot look up the project at the moment.
    pub(super) async fn explained(
        &self,
        at: &Endpoint,
        request: &Request<'_>,
        authorization: Option<&HeaderValue>,
        mut response: Response,
    ) -> Result<Response> {
        let operation = request.operation;
        if request.method == Method::HEAD {
            let probe = self.probe(operation, request.scopes.clone());
            self.wait_for_pause(request.in_transfer).await.map_err(|error| error.with_context(operation))?;
            let mut probed = self
                .transport
                .exchange(at, &probe, authorization)
                .await
                .map_err(|error| error.with_context(operation))?;
            let asks_for_pause = probed.headers().contains_key(header::RETRY_AFTER);
            if matches!((probed.status().as_u16(), asks_for_pause), (429, _) | (503, true)) {
                return Err(self.refused(operation, probed).await);
            }
            let as_before = probed.status() == StatusCode::UNAUTHORIZED && self.is_unchallenged(&probed);
            response.set_error_body(if as_before { probed.peek().await.clone() } else { ErrorBody::default() });
            probed.discard().await;
        }
        let body = response.peek().await;
        let known = is_missing(body, project_of(operation.repository())) || body.mentions("un-recognized request");
        match known && !self.observed.took_a_write(operation.repository()) {
            true => Ok(response),
            false => Err(self.refused(operation, response).await),
        }
    }

    /// Returns the error of a write that will be refused, as the token tells: the login may not push there, unless there
    /// is no such project.
    pub(super) async fn denied(&self, request: &Request<'_>, origin: &str) -> Error {
        let repository = request.operation.repository();
        match self
            .execute(
                &self.probe(Operation::ListTags(repository), request.scopes.clone()).in_transfer(request.in_transfer),
            )
            .await
        {
            Ok(response) if response.status() == StatusCode::UNAUTHORIZED => {
                self.refused(request.operation, response).await
            }
            Ok(response) => {
                response.discard().await;
                may_not_push(request.operation, origin)
            }
            Err(error) => error,
        }
    }

    /// Returns the smallest request that a registry answers for a login that may read a repository, whether or not that
    /// exists.
    pub(crate) fn probe<'a>(&self, operation: Operation<'a>, scopes: Scopes) -> Request<'a> {
        let target = RequestTarget::Path(format!("{}/tags/list?n=1", operation.repository().path()));
        Request::new(operation, Method::GET, target, scopes, self.timing())
    }
}
