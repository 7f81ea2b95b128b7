//! The sentences in which a push says that Harbor will not take something.

use sealift_core::{
    content::{Descriptor, ImageRef, Repository},
    error::{Error, ErrorKind},
};
use sealift_registry_client::Reason;

use crate::{api::project_of, quota::NoRoom};

pub(crate) const CREATE: &str = "create it in Harbor, let it be created with `create_projects = true` in [[push]] (`--create-projects`), or push to \
     another project";

pub(crate) const MAY_NOT_CREATE: &str =
    "let an administrator create it, or log in as one or as a robot of the system that may create projects";

/// Returns the error of a push to a project that accepts none.
pub(crate) fn refusal(at: &Repository, reason: Reason) -> Error {
    let (host, project) = (at.registry(), project_of(at));
    let what = format!("nothing can be pushed to the project `{project}` of `{host}`: {}", reason.clause());
    Error::new(reason.kind(), what).with_hint(reason.remedy()).with_source(reason)
}

/// Returns the error of a blob that would exceed the quota of a project. Smaller ones may still fit.
pub(crate) fn no_room(at: &Repository, item: &Descriptor, why: NoRoom) -> Error {
    does_not_fit(at, &format!("blob `{}` of {} bytes does", item.digest, why.needs), why)
}

/// Returns the error of an image whose missing blobs would exceed the quota of a project.
pub(crate) fn no_room_for(at: &ImageRef, why: NoRoom) -> Error {
    let what = format!("cannot push `{at}`: its {} bytes that are not there yet do", why.needs);
    does_not_fit(&at.repository, &what, why)
}

fn does_not_fit(at: &Repository, what: &str, why: NoRoom) -> Error {
    let (host, project, left) = (at.registry(), project_of(at), why.left());
    let NoRoom { limit, used, taken, .. } = why;
    let what = format!(
        "{what} not fit into the project `{project}` of `{host}`: {left} bytes of its quota are left ({used} of {limit} \
         were used, and this run takes {taken})"
    );
    Error::new(Reason::Quota.kind(), what).with_hint(Reason::Quota.remedy()).with_source(Reason::Quota)
}

pub(crate) fn missing(at: &Repository) -> Error {
    let (host, project) = (at.registry(), project_of(at));
    Error::new(ErrorKind::NotFound, format!("the project `{project}` does not exist at `{host}`"))
        .with_hint(CREATE)
        .with_source(Reason::NoProject)
}

pub(crate) fn may_not_create(at: &Repository, said: &str) -> Error {
    not_created(at, ErrorKind::Denied, said).with_hint(MAY_NOT_CREATE).with_source(Reason::NoProject)
}

pub(crate) fn bad_name(at: &Repository, said: &str) -> Error {
    not_created(at, ErrorKind::Unsupported, said).with_hint("set another `prefix` in [[push]]")
}

fn not_created(at: &Repository, kind: ErrorKind, said: &str) -> Error {
    let (host, project) = (at.registry(), project_of(at));
    Error::new(kind, format!("cannot create the project `{project}` of `{host}`: {said}"))
}

pub(crate) fn no_login(at: &Repository) -> Error {
    let host = at.registry();
    let hint = format!(
        "log in with `docker login {host}`, name an auth file, or put `username` and `password` into \
         [registries.\"{host}\"]"
    );
    Error::new(ErrorKind::Denied, format!("`{host}` takes no pushes without a login")).with_hint(hint)
}
