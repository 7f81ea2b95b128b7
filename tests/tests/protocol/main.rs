//! The distribution protocol, point by point, against two registries: the one of this project and a real
//! `docker-registry`. They must agree; where the real one differs from the specification, [`deviations`] says so.

mod blobs;
mod deviations;
mod lists;
mod manifests;
mod mounts;
mod served;
mod subject;
mod uploads;
